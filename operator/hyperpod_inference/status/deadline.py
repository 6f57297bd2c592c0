"""The clock of a deployment: since when it has been under way, and when it counts as failed.

The condition `Progressing` is the clock's memory: True while the replicas of this generation are not all
serving, with the start as its transition time. A new generation starts the clock anew.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hyperpod_inference.api import conditions
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.status.verdict import Verdict, no, yes

PROGRESSING = "Progressing"  # the condition's type, as Deployments call theirs
COMPLETE = "Complete"
NOT_ACCEPTED = "NotAccepted"

Conditions = tuple[Mapping[str, Any], ...]


def started(previous: Conditions, generation: int | None, now: datetime) -> datetime:
    """When the deployment of this generation began to be under way."""
    before = conditions.find(previous, PROGRESSING)
    if before is None or before.get("observedGeneration") != generation or before["status"] != "True":
        return now
    return _moment(before["lastTransitionTime"])


def gave_up(previous: Conditions, generation: int | None) -> bool:
    """Whether this generation has already been called failed: it stays so until it serves or is changed."""
    before = conditions.find(previous, PROGRESSING)
    return (
        before is not None
        and before.get("reason") == conditions.DEADLINE_EXCEEDED
        and before.get("observedGeneration") == generation
    )


def progressing(*, complete: bool, failed: bool, since: datetime, seconds: int) -> Verdict:
    """Progressing: under way, done, or given up."""
    if complete:
        return no(COMPLETE, "Every replica of this version is in place.")
    if failed:
        return no(
            conditions.DEADLINE_EXCEEDED,
            f"The replicas were not all ready within {seconds} s (spec.maxDeployTimeInSeconds). "
            "See WorkloadReady for the cause; the pods keep trying, and a change of the spec starts again.",
        )
    until = conditions.timestamp(since + timedelta(seconds=seconds))
    return yes(
        conditions.PROGRESSING,
        f"Under way; counts as failed at {until} (spec.maxDeployTimeInSeconds: {seconds}).",
    )


def due(endpoint: InferenceEndpointConfig, status: Mapping[str, Any]) -> datetime | None:
    """When `status` must be judged again although nothing happened: the deadline; None when no clock runs."""
    running = conditions.find(status.get("conditions", ()), PROGRESSING)
    if running is None or running["status"] != "True":
        return None
    limit = timedelta(seconds=endpoint.spec.max_deploy_time_in_seconds)
    return _moment(running["lastTransitionTime"]) + limit


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
