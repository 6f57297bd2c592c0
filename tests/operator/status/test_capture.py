"""What the status says of data capture in the pods."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from hyperpod_inference.status.parts import Arrangement, NotBuilt, Part

Body = dict[str, Any]
World = Any
Condition = Callable[[Mapping[str, Any], str], Mapping[str, Any]]
CAPTURE = {"modelPod": {"enabled": True}, "s3Uri": "s3://captures"}
ARRANGED = Arrangement(
    part=Part.DATA_CAPTURE,
    field="spec.dataCapture.modelPod",
    works=True,
    reason="Available",
    message="All calls go to s3://captures.",
)


def seen(world: World, uploader: Body, **fields: Any) -> Any:
    """One replica that serves, with this status of its uploader."""
    status = {"name": "s3-uploader", "ready": True, "restartCount": 0, "state": {"running": {}}} | uploader
    pod = world.pod("chat-0", ready=True, containerStatuses=[status])
    return world.serving(1, pods=(pod,), arrangements=(ARRANGED,), **fields)


def test_uploaders_that_run_are_healthy(world: World, condition: Condition) -> None:
    status = world.judged(seen(world, {}), dataCapture=CAPTURE)
    assert condition(status, "DataCaptureReady")["status"] == "True"
    assert condition(status, "DataCaptureReady")["message"] == "All calls go to s3://captures."
    assert status["dataCaptureStatus"] == {
        "modelPod": {"status": "Healthy", "lastTransitionTime": "2026-11-23T12:00:00Z"}
    }


@pytest.mark.parametrize(
    ("uploader", "reason", "words"),
    [
        (
            {"restartCount": 1, "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}},
            "OOMKilled",
            "Raise spec.s3UploaderResources.limits.memory",
        ),
        (
            {"restartCount": 3, "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}}},
            "MultipleContainerRestarts",
            "kubectl logs chat-0 -n team-a -c s3-uploader",
        ),
        (
            {"ready": False, "state": {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}},
            "UploaderNotRunning",
            "ErrImagePull: no such image",
        ),
    ],
)
def test_an_uploader_in_trouble_is_named_with_what_to_do(
    world: World, condition: Condition, uploader: Body, reason: str, words: str
) -> None:
    status = world.judged(seen(world, uploader), dataCapture=CAPTURE)
    told = condition(status, "DataCaptureReady")
    assert (told["status"], told["reason"]) == ("False", reason)
    assert words in told["message"]
    assert status["dataCaptureStatus"]["modelPod"]["status"] == "Unhealthy"
    assert status["dataCaptureStatus"]["modelPod"]["reason"] == reason
    assert condition(status, "Ready")["status"] == "True", "replicas serve all the same"


def test_the_time_stands_still_while_nothing_changes(world: World) -> None:
    first = world.judged(seen(world, {}), dataCapture=CAPTURE)
    again = world.judged(seen(world, {}, previous_status=first), after=60, dataCapture=CAPTURE)
    assert again["dataCaptureStatus"] == first["dataCaptureStatus"]


def test_without_capture_the_field_is_not_written(world: World) -> None:
    assert "dataCaptureStatus" not in world.judged(seen(world, {}))


def test_what_is_not_captured_is_not_called_healthy(world: World, condition: Condition) -> None:
    absent = NotBuilt(
        part=Part.DATA_CAPTURE, field="spec.dataCapture.modelPod", message="There is no bucket."
    )
    status = world.judged(world.serving(1, not_built=(absent,)), dataCapture=CAPTURE)
    assert condition(status, "DataCaptureReady")["reason"] == "NotBuilt"
    assert "dataCaptureStatus" not in status


def test_two_things_that_are_not_built_of_one_part_are_both_said(world: World, condition: Condition) -> None:
    absent = tuple(
        NotBuilt(part=Part.DATA_CAPTURE, field=f"spec.dataCapture.{tier}", message=f"No {tier}.")
        for tier in ("sagemakerEndpoint", "loadBalancer")
    )
    status = world.judged(world.serving(1, not_built=absent))
    assert condition(status, "DataCaptureReady")["message"] == "No sagemakerEndpoint. No loadBalancer."
