"""The state of a local cluster as `local status` shows it: phase, components, memory.

Pure but for reading /proc; put together from `runfile` and `processes`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hyperpod_inference.local import processes, runfile
from hyperpod_inference.local.ports import HOST

Overall = Literal["stopped", "starting", "ready", "degraded", "failed", "dead", "stopping"]


@dataclass(frozen=True, slots=True)
class ComponentStatus:
    """One component, or everything that runs as pods. `rss` in bytes, 0 for what does not run."""

    name: str
    state: str
    rss: int = 0
    detail: str = ""
    last_lines: tuple[str, ...] = ()
    log: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a cluster. `memory` is the bytes of all its processes, shared pages counted once."""

    state: Overall
    message: str
    state_dir: Path
    components: tuple[ComponentStatus, ...] = ()
    memory: int = 0
    kubeconfig: Path | None = None
    api: str | None = None
    front_door: str | None = None
    source: str = ""
    load_balancers: str | None = None
    aws: str | None = None

    @property
    def running(self) -> bool:
        """True while processes of the cluster live."""
        return self.state not in ("stopped", "dead")


def of_run(state_dir: Path, kubeconfig: Path, run: runfile.Run) -> Status:
    """The status of the cluster that a run file describes."""
    if not processes.alive(run.supervisor):
        return Status("dead", _DEAD, state_dir, tuple(_gone(one) for one in run.components))
    members = processes.members(processes.namespace_of(run.supervisor.pid) or "")
    exited = [one.name for one in run.components if one.state == "exited"]
    state, message = _overall(run, exited)
    return Status(
        state,
        message,
        state_dir,
        _components(run, members),
        sum(member.pss for member in members),
        kubeconfig,
        f"https://{HOST}:{run.api_port}",
        f"http://{HOST}:{run.front_door_port}",
        run.source,
        f"{HOST}:{run.balancer_port}",
        f"http://{HOST}:{run.aws_port}",
    )


_DEAD = (
    "the cluster ended without `local down`: its supervisor was killed or the machine restarted. "
    "`hyperpod-inference local down` cleans up, `local up` starts anew."
)


def _overall(run: runfile.Run, exited: list[str]) -> tuple[Overall, str]:
    if run.phase == "ready" and exited:
        return "degraded", (
            f"{', '.join(exited)} ended; the cluster does not repair itself: "
            "`hyperpod-inference local down`, then `local up`"
        )
    return run.phase, run.message


def _components(run: runfile.Run, members: tuple[processes.ProcessInfo, ...]) -> tuple[ComponentStatus, ...]:
    rss = {member.inner_pid: member.rss for member in members}
    known = {one.pid for one in run.components} | {1}
    pods = [member for member in members if member.inner_pid not in known]
    return (
        ComponentStatus("supervisor", run.phase, rss.get(1, 0)),
        *(_component(one, rss.get(one.pid, 0)) for one in run.components),
        ComponentStatus("pods", f"{len(pods)} processes", sum(member.rss for member in pods)),
    )


def _component(run: runfile.ComponentRun, rss: int) -> ComponentStatus:
    return ComponentStatus(run.name, run.state, rss, run.detail, run.last_lines, run.log)


def _gone(run: runfile.ComponentRun) -> ComponentStatus:
    state = "exited" if run.state == "exited" else "gone"
    return ComponentStatus(run.name, state, 0, run.detail, run.last_lines, run.log)
