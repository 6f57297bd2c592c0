"""The verdict on data capture's pod tier, as far as the pods show it: do the uploaders run."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from hyperpod_inference.api import conditions, names
from hyperpod_inference.api.beside import captured
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.status.causes import is_leaving
from hyperpod_inference.status.observed import Body, Observed
from hyperpod_inference.status.parts import Part
from hyperpod_inference.status.sidecars import failing, status_of, trouble
from hyperpod_inference.status.verdict import Verdict, no

HEALTHY, UNHEALTHY = "Healthy", "Unhealthy"
OOM_KILLED, RESTARTS, NOT_RUNNING = "OOMKilled", "MultipleContainerRestarts", "UploaderNotRunning"
RESTARTS_UNTIL_UNHEALTHY = 3


def capture(endpoint: InferenceEndpointConfig, observed: Observed) -> dict[str, Verdict]:
    """DataCaptureReady where an uploader is in trouble; else what `render` says of the capture stands."""
    found = next(_troubles(observed), None) if captured(endpoint.spec) else None
    return {} if found is None else {Part.DATA_CAPTURE.value: no(*found)}


def capture_status(endpoint: InferenceEndpointConfig, observed: Observed, now: datetime) -> dict[str, Any]:
    """dataCaptureStatus, only where calls are captured in the pods: AWS's client knows no such field."""
    arranged = [each for each in observed.arrangements if each.part is Part.DATA_CAPTURE]
    if not captured(endpoint.spec) or not arranged:
        return {}
    found = next(_troubles(observed), None)
    told: dict[str, Any] = {"status": UNHEALTHY if found else HEALTHY}
    if found is not None:
        told |= {"reason": found[0], "message": found[1]}
    before = ((observed.previous_status or {}).get("dataCaptureStatus") or {}).get("modelPod") or {}
    since = before.get("lastTransitionTime") if before.get("status") == told["status"] else None
    return {
        "dataCaptureStatus": {"modelPod": told | {"lastTransitionTime": since or conditions.timestamp(now)}}
    }


def _troubles(observed: Observed) -> Iterator[tuple[str, str]]:
    """Reason and message, of the pods by name."""
    for pod in sorted(observed.pods, key=lambda pod: str(pod["metadata"]["name"])):
        status = status_of(pod, names.UPLOADER_CONTAINER)
        if is_leaving(pod) or not status:
            continue
        yield from _trouble_of(pod, status)


def _trouble_of(pod: Body, status: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    ended = (status.get("lastState") or {}).get("terminated") or {}
    count = status.get("restartCount", 0)
    who = f"Container {names.UPLOADER_CONTAINER} of pod {pod['metadata']['name']}"
    if ended.get("reason") == OOM_KILLED:
        advice = "Raise spec.s3UploaderResources.limits.memory, or lower bufferConfig.batchSize."
        yield OOM_KILLED, f"{who} was killed for memory (restarted {count} times). {advice}"
    elif count >= RESTARTS_UNTIL_UNHEALTHY:
        yield RESTARTS, f"{who} was restarted {count} times. {failing(pod, names.UPLOADER_CONTAINER, status)}"
    elif not status.get("ready") and trouble(status):
        yield NOT_RUNNING, failing(pod, names.UPLOADER_CONTAINER, status)
