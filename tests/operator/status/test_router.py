"""RouterReady: what is said of the router, and what it means for the endpoint."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from hyperpod_inference.status import ApplyError, Part

Body = dict[str, Any]
World = Any
Condition = Callable[[Mapping[str, Any], str], Mapping[str, Any]]
ROUTED = {"intelligentRoutingSpec": {"enabled": True, "routingStrategy": "session"}}
SERVICE = {
    "metadata": {"name": "chat-team-a-routing-service", "namespace": "hyperpod-inference-system"},
    "spec": {"ports": [{"port": 443}]},
}


def test_nothing_is_said_of_a_router_that_nobody_asked_for(world: World) -> None:
    assert "RouterReady" not in [each["type"] for each in world.judged(world.serving())["conditions"]]


def test_a_router_that_runs_says_where_and_the_endpoint_is_reached_there(
    world: World, condition: Condition
) -> None:
    seen = world.serving(router=world.deployment(2, 2), router_service=SERVICE)
    status = world.judged(seen, **ROUTED)
    told = condition(status, "RouterReady")
    assert (told["status"], told["reason"]) == ("True", "Available")
    address = "http://chat-team-a-routing-service.hyperpod-inference-system.svc:443"
    assert told["message"] == f"2 of 2 router replicas ready, routing by session at {address}."
    assert f"Serving at {address}/invocations" in condition(status, "Ready")["message"]


def test_one_replica_is_enough_and_the_other_one_is_explained(world: World, condition: Condition) -> None:
    lost = {"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/2: Insufficient cpu."}]}
    pods = (world.pod("router-1", ready=True), world.pod("router-2", **lost))
    router = world.deployment(2, 1)
    status = world.judged(world.serving(router=router, router_service=SERVICE, router_pods=pods), **ROUTED)
    assert condition(status, "RouterReady")["status"] == "True"
    assert "1 of 2 router replicas ready" in condition(status, "RouterReady")["message"]
    assert "Pod router-2 cannot be scheduled" in condition(status, "RouterReady")["message"]
    assert condition(status, "Ready")["status"] == "True"


@pytest.mark.parametrize(
    ("fields", "reason", "said"),
    [
        ({}, "NotCreated", "does not exist yet"),
        ({"router": True}, "Progressing", "0 of 2 router replicas ready. They are starting."),
        (
            {"apply_errors": (ApplyError(kind="Deployment", name="r", message="no", part=Part.ROUTER),)},
            "ApplyFailed",
            "refused Deployment r: no.",
        ),
    ],
)
def test_an_endpoint_whose_router_does_not_answer_is_not_ready(
    world: World, condition: Condition, fields: Body, reason: str, said: str
) -> None:
    router = {"router": world.deployment(2, 0)} if fields.get("router") else {}
    status = world.judged(world.serving(**(fields | router)), **ROUTED)
    assert condition(status, "RouterReady")["reason"] == reason
    assert said in condition(status, "RouterReady")["message"]
    assert condition(status, "Ready")["status"] == "False"
    assert condition(status, "WorkloadReady")["status"] == "True"


def test_an_image_that_cannot_be_pulled_is_the_operators_setting(world: World, condition: Condition) -> None:
    waiting = {"waiting": {"reason": "ErrImagePull", "message": "manifest unknown"}}
    pod = world.pod("router-1", containerStatuses=[world.container(state=waiting)])
    seen = world.serving(router=world.deployment(2, 0), router_pods=(pod,))
    told = condition(world.judged(seen, **ROUTED), "RouterReady")
    assert told["reason"] == "ImagePullFailed"
    assert "Set ROUTER_IMAGE of the operator" in told["message"]
