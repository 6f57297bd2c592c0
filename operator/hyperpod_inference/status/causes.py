"""Why a pod is not ready: an ordered list of pure checks over the pod, the most telling first.

Each check answers a `Cause` or None; the first answer counts. What a check says must not flap while the
pod goes round in circles (running, terminated, backing off), so it reads what stays: the last termination,
the first error of an image pull.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hyperpod_inference.api import conditions
from hyperpod_inference.status import advice
from hyperpod_inference.status.observed import Body
from hyperpod_inference.status.verdict import sentence
from hyperpod_inference.status.wording import in_fields_of

IMAGE_REASONS = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
)
CONFIG_REASONS = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
VOLUME_MOUNT_FAILED = "VolumeMountFailed"
WAITING_FOR_VOLUME = "WaitingForVolume"
NOT_ADMITTED = "NotAdmitted"
READINESS_FAILED = "ReadinessProbeFailed"
# How a container ends that its node stops: obedient, killed, terminated. A crash of its own has another code.
ENDED_FROM_OUTSIDE = (0, 137, 143)
LAST_WORDS_LIMIT = 600


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Why one pod is not ready. happened: what is the matter; next_step: what a person does about it."""

    reason: str
    pod: str
    happened: str
    next_step: str


Check = Callable[[Body, Sequence[Body]], Cause | None]


def cause(pod: Body, events: Sequence[Body]) -> Cause | None:
    """The most telling cause of a pod that is not ready. `events` are those about this pod."""
    return next((found for check in CHECKS if (found := check(pod, events))), None)


def is_ready(pod: Body) -> bool:
    """Whether the pod's own Ready condition is True."""
    return _condition(pod, "Ready").get("status") == "True"


def is_leaving(pod: Body) -> bool:
    """Whether the pod is on its way out, so that nobody needs to know why it is not ready."""
    return "deletionTimestamp" in pod["metadata"] or pod.get("status", {}).get("phase") == "Succeeded"


def _unschedulable(pod: Body, events: Sequence[Body]) -> Cause | None:
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") != "False":
        return None
    if scheduled.get("reason") == "SchedulingGated":
        gates = [each["name"] for each in pod.get("spec", {}).get("schedulingGates", ())]
        happened = f"is held back from scheduling by {', '.join(gates) or 'a scheduling gate'}"
        return _cause(pod, NOT_ADMITTED, happened, advice.gated(pod["metadata"], gates))
    message = scheduled.get("message") or "the scheduler gave no reason"
    if "unbound immediate PersistentVolumeClaims" in message or "persistentvolumeclaim" in message:
        return _cause(pod, WAITING_FOR_VOLUME, "waits for its volume", advice.waiting_for_volume())
    happened = f"cannot be scheduled: {_without_preemption(message)}"
    return _cause(pod, conditions.UNSCHEDULABLE, happened, advice.unschedulable(message))


def _image(pod: Body, events: Sequence[Body]) -> Cause | None:
    for status, waiting in _waiting(pod):
        if waiting.get("reason") in IMAGE_REASONS:
            detail = _root_of_pull_error(waiting.get("message") or waiting["reason"])
            happened = f"cannot pull image {status.get('image', '')}: {detail}"
            return _cause(pod, conditions.IMAGE_PULL_FAILED, happened, advice.image_pull(detail))
    return None


def _config(pod: Body, events: Sequence[Body]) -> Cause | None:
    for status, waiting in _waiting(pod):
        if waiting.get("reason") in CONFIG_REASONS:
            happened = (
                f"cannot start container {status['name']}: {waiting.get('message') or waiting['reason']}"
            )
            return _cause(pod, conditions.CONTAINER_CONFIG_ERROR, happened, advice.container_config())
    return None


def _init(pod: Body, events: Sequence[Body]) -> Cause | None:
    for status in pod.get("status", {}).get("initContainerStatuses", ()):
        ended = _last_failure(status)
        if ended is not None and not status.get("ready"):
            happened = f"init container {status['name']} {_ending(status, ended)}"
            step = advice.init_container(status["name"], ended.get("message", ""))
            return _cause(pod, conditions.INIT_FAILED, happened, step)
    return None


def _out_of_memory(pod: Body, events: Sequence[Body]) -> Cause | None:
    for status in _unready_containers(pod):
        ended = _last_failure(status)
        if ended is not None and ended.get("reason") == "OOMKilled":
            limit = _memory_limit(pod, status["name"])
            happened = f"container {status['name']} was killed for memory{_restarts(status)}"
            return _cause(pod, conditions.OUT_OF_MEMORY, happened, advice.out_of_memory(limit))
    return None


def _liveness(pod: Body, events: Sequence[Body]) -> Cause | None:
    for status in _unready_containers(pod):
        failing = _probe_failure(events, ("Liveness", "Startup"))
        ended = _last_end(status)
        if failing and ended is not None and ended.get("exitCode") in ENDED_FROM_OUTSIDE:
            happened = f"container {status['name']} is restarted because a probe fails: {failing}"
            return _cause(pod, conditions.PROBE_FAILED, happened, advice.liveness())
    return None


def _crash(pod: Body, events: Sequence[Body]) -> Cause | None:
    for status in _unready_containers(pod):
        ended = _last_failure(status)
        if ended is not None:
            happened = f"container {status['name']} {_ending(status, ended)}"
            step = advice.crash(pod["metadata"], status["name"], ended.get("message") or "")
            return _cause(pod, conditions.CRASH_LOOP, happened, step)
    return None


def _mount(pod: Body, events: Sequence[Body]) -> Cause | None:
    failed = _latest(events, ("FailedMount", "FailedAttachVolume"))
    if failed is None or any(_started(status) for status in _statuses(pod)):
        return None
    return _cause(pod, VOLUME_MOUNT_FAILED, f"cannot mount a volume: {failed}", advice.mount(failed))


def _readiness(pod: Body, events: Sequence[Body]) -> Cause | None:
    failing = _probe_failure(events, ("Readiness",))
    running = [status["name"] for status in _unready_containers(pod) if "running" in status.get("state", {})]
    if not running or not failing:
        return None
    happened = f"container {running[0]} runs, but its readiness probe fails: {failing}"
    return _cause(pod, READINESS_FAILED, happened, advice.readiness())


def _evicted(pod: Body, events: Sequence[Body]) -> Cause | None:
    status = pod.get("status", {})
    if status.get("phase") != "Failed":
        return None
    happened = f"was ended by its node ({status.get('reason', 'Failed')}): {status.get('message', '')}"
    return _cause(pod, conditions.EVICTED, happened, advice.evicted())


CHECKS: tuple[Check, ...] = (
    _image,
    _config,
    _init,
    _out_of_memory,
    _liveness,
    _crash,
    _mount,
    _unschedulable,
    _readiness,
    _evicted,
)


def _cause(pod: Body, reason: str, happened: str, next_step: str) -> Cause:
    return Cause(
        reason=reason,
        pod=pod["metadata"]["name"],
        happened=sentence(happened),
        next_step=in_fields_of(pod, next_step),
    )


def _condition(pod: Body, type: str) -> Mapping[str, Any]:
    return conditions.find(pod.get("status", {}).get("conditions", ()), type) or {}


def _statuses(pod: Body) -> list[Body]:
    status = pod.get("status", {})
    return [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]


def _waiting(pod: Body) -> Iterator[tuple[Body, Body]]:
    for status in _statuses(pod):
        waiting = status.get("state", {}).get("waiting")
        if waiting:
            yield status, waiting


def _unready_containers(pod: Body) -> list[Body]:
    return [s for s in pod.get("status", {}).get("containerStatuses", ()) if not s.get("ready")]


def _started(status: Body) -> bool:
    return "running" in status.get("state", {}) or "terminated" in status.get("state", {})


def _last_failure(status: Body) -> Mapping[str, Any] | None:
    """How the container ended last, if that was an error."""
    ended = _last_end(status)
    return ended if ended and ended.get("exitCode") != 0 else None


def _last_end(status: Body) -> Mapping[str, Any] | None:
    """How the container ended last, whether it runs again by now or waits."""
    ends = (status.get(moment, {}).get("terminated") for moment in ("state", "lastState"))
    return next((ended for ended in ends if ended), None)


def _ending(status: Body, ended: Mapping[str, Any]) -> str:
    words = " ".join((ended.get("message") or "").split())
    said = f"; its last words: {words[-LAST_WORDS_LIMIT:]}" if words else ""
    return f"exited with code {ended.get('exitCode')}{_restarts(status)}{said}"


def _restarts(status: Body) -> str:
    times = status.get("restartCount", 0)
    return f" (restarted {times} time{'' if times == 1 else 's'})" if times else ""


def _memory_limit(pod: Body, container: str) -> str | None:
    for each in pod.get("spec", {}).get("containers", ()):
        if each["name"] == container:
            limit: str | None = each.get("resources", {}).get("limits", {}).get("memory")
            return limit
    return None


def _without_preemption(message: str) -> str:
    """What the scheduler says of the nodes, without its thoughts about evicting other pods."""
    return message.split(" preemption:")[0].removesuffix("no new claims to deallocate,").rstrip(" ,")


def _root_of_pull_error(message: str) -> str:
    """The same words in both phases of a failing pull: backing off repeats the error behind a prefix."""
    return message.split(": ErrImagePull: ", 1)[-1]


def _probe_failure(events: Sequence[Body], kinds: tuple[str, ...]) -> str | None:
    wanted = tuple(f"{kind} probe failed" for kind in kinds)
    said = [e for e in events if e.get("message", "").startswith(wanted)]
    return _latest(said, ("Unhealthy",))


def _latest(events: Sequence[Body], reasons: tuple[str, ...]) -> str | None:
    found = [event for event in events if event.get("reason") in reasons]
    newest = max(found, key=lambda e: (e.get("lastTimestamp") or "", e.get("message", "")), default=None)
    return None if newest is None else str(newest.get("message", ""))
