"""GatewayReady and status.inferenceGateway: what the gateway says, and nothing where none is asked for."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from hyperpod_inference.api.statuses import EndpointStatus
from hyperpod_inference.status import ApplyError, Part

Body = dict[str, Any]
World = Any
Condition = Callable[[Mapping[str, Any], str], Mapping[str, Any]]
LINK = {"inferenceGateway": {"enabled": True, "name": "shared"}}


def says(**conditions: str) -> Body:
    told = [
        {"type": kind, "status": status, "reason": "Because", "message": "so it is"}
        for kind, status in conditions.items()
    ]
    return {"gateway": {"status": {"conditions": told}}}


def test_aws_client_sees_no_field_that_nobody_asked_for(world: World) -> None:
    status = world.judged(world.serving())
    assert "inferenceGateway" not in status
    assert "GatewayReady" not in [each["type"] for each in status["conditions"]]


@pytest.mark.parametrize(
    ("seen", "state", "reason", "said"),
    [
        ({}, "Pending", "NotCreated", "does not exist yet"),
        (says(), "Pending", "Progressing", "Nobody has judged the gateway yet"),
        (says(Ready="True", Accepted="True"), "Ready", "Available", "offers the model"),
        (says(Ready="False", Accepted="True"), "Failed", "Because", "shared: so it is."),
        (says(Accepted="False"), "Failed", "Because", "shared: so it is."),
        (
            {
                "apply_errors": (
                    ApplyError(kind="InferenceGatewayConfig", name="shared", message="no", part=Part.GATEWAY),
                )
            },
            "Failed",
            "ApplyFailed",
            "refused InferenceGatewayConfig shared: no.",
        ),
    ],
)
def test_the_link_says_what_the_gateway_says_and_holds_nothing_up(
    world: World, condition: Condition, seen: Body, state: str, reason: str, said: str
) -> None:
    status = world.judged(world.serving(gateway_name="shared", **seen), **LINK)
    assert status["inferenceGateway"] == {"name": "shared", "state": state}
    told = condition(status, "GatewayReady")
    assert (told["status"] == "True", told["reason"]) == (state == "Ready", reason)
    assert said in told["message"]
    assert condition(status, "Ready")["status"] == "True"
    assert status["state"] == "DeploymentComplete"
    EndpointStatus.model_validate(status)
