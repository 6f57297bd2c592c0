"""What is known of one container: its state now, the one before, and its count of restarts. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from hyperpod_inference.local.agent.backoff import Backoff

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not running, and why; `reason` is one of the kubelet's words."""

    reason: str = "ContainerCreating"
    message: str = ""

    def body(self) -> dict[str, Any]:
        """As `state.waiting`."""
        return {"waiting": {"reason": self.reason} | ({"message": self.message} if self.message else {})}


@dataclass(frozen=True, slots=True)
class Running:
    """Running since then."""

    since: datetime

    def body(self) -> dict[str, Any]:
        """As `state.running`."""
        return {"running": {"startedAt": timestamp(self.since)}}


@dataclass(frozen=True, slots=True)
class Terminated:
    """Ended; exit codes above 128 mean a signal."""

    exit_code: int
    reason: str
    message: str
    started: datetime
    finished: datetime
    container_id: str = ""

    def body(self) -> dict[str, Any]:
        """As `state.terminated`."""
        inner = {
            "exitCode": self.exit_code,
            "reason": self.reason,
            "startedAt": timestamp(self.started),
            "finishedAt": timestamp(self.finished),
        }
        if self.message:
            inner["message"] = self.message
        if self.container_id:
            inner["containerID"] = self.container_id
        return {"terminated": inner}


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a pod over its restarts.

    Attributes:
        last: how the run before this one ended.
        started: its startup probe passed, or it has none and runs.
        ready: its readiness probe passes, or it has none and is started.
        pull: failed image look-ups; the container's own failures are in `crashes`.
    """

    name: str
    state: Waiting | Running | Terminated = field(default_factory=Waiting)
    last: Terminated | None = None
    restarts: int = 0
    started: bool = False
    ready: bool = False
    container_id: str = ""
    crashes: Backoff = field(default_factory=Backoff)
    pull: Backoff = field(default_factory=Backoff)

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return isinstance(self.state, Running)

    @property
    def ended(self) -> Terminated | None:
        """How its newest run ended, also while it waits for the next one; None if it runs or never ran."""
        if self.running:
            return None
        return self.state if isinstance(self.state, Terminated) else self.last

    @property
    def ever_ran(self) -> bool:
        """Whether it was started at least once."""
        return self.running or self.ended is not None

    def now(self, state: Waiting | Running | Terminated, **changes: Any) -> "Container":
        """A copy in another state; whoever does not run is neither ready nor started."""
        if not isinstance(state, Running):
            changes = {"ready": False, "started": False} | changes
        return replace(self, state=state, **changes)


def timestamp(moment: datetime) -> str:
    """As Kubernetes writes times: whole seconds, UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def is_sidecar(spec: Body) -> bool:
    """Whether an init container keeps running beside the others."""
    return spec.get("restartPolicy") == "Always"


def all_specs(pod: Body) -> list[Body]:
    """Init containers, then containers."""
    return [*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]]


_LOST = "the node agent was restarted and the container's process ended with it"


def restored(pod: Body, spec: Body, now: datetime) -> Container:
    """The container as the pod's status remembers it; no process outlives the agent that started it."""
    status = pod.get("status") or {}
    entries = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    known = next((each for each in entries if each["name"] == spec["name"]), None)
    if known is None:
        return Container(spec["name"])
    state, last = known.get("state") or {}, _terminated((known.get("lastState") or {}).get("terminated"))
    base = Container(spec["name"], last=last, restarts=known.get("restartCount", 0))
    if "terminated" in state:
        return replace(base, state=_terminated(state["terminated"]) or Waiting())
    if "running" in state:
        started = _moment(state["running"].get("startedAt")) or now
        identity = known.get("containerID", "")
        return replace(base, state=Terminated(137, "ContainerStatusUnknown", _LOST, started, now, identity))
    return base


def _terminated(raw: Body | None) -> Terminated | None:
    if not raw:
        return None
    finished = _moment(raw.get("finishedAt")) or datetime.fromtimestamp(0, UTC)
    return Terminated(
        raw["exitCode"],
        raw.get("reason", ""),
        raw.get("message", ""),
        _moment(raw.get("startedAt")) or finished,
        finished,
        raw.get("containerID", ""),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
