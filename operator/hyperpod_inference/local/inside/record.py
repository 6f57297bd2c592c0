"""What the supervisor knows of its run, written to `run.json` at every change."""

import time
from dataclasses import replace
from pathlib import Path

from hyperpod_inference.local import processes, runfile, spawn
from hyperpod_inference.local.errors import StartError
from hyperpod_inference.local.inside.components import AGENT, CONTROL_PLANE
from hyperpod_inference.local.logtail import last_lines, quoted
from hyperpod_inference.local.paths import StateDir
from hyperpod_inference.local.plan import Plan


class Record:
    """The current `Run`. Every method publishes what it changes."""

    def __init__(self, path: Path, run: runfile.Run) -> None:
        self._path = path
        self._publish(run)

    @property
    def run(self) -> runfile.Run:
        """The run as last published."""
        return self._run

    def starting(self, name: str, pid: int) -> None:
        """A component's process was started; `pid` is its number inside the namespace."""
        self._change(replace(self._run.component(name), state="starting", pid=pid))

    def ready(self, name: str) -> None:
        """A component answers. One that ended in the meantime stays ended."""
        component = self._run.component(name)
        if component.state == "starting":
            self._change(replace(component, state="ready"))

    def absent(self, name: str, reason: str) -> None:
        """A component is not part of this run."""
        self._change(replace(self._run.component(name), state="absent", detail=reason))

    def ended(self, pid: int, status: int) -> None:
        """A child has ended with a wait status. Children that are no components are nobody's concern."""
        ended = next((one for one in self._run.components if one.pid == pid and one.state != "exited"), None)
        if ended is not None:
            lines = last_lines(Path(ended.log))
            self._change(replace(ended, state="exited", detail=spawn.describe_exit(status), last_lines=lines))

    def phase(self, phase: runfile.Phase, message: str = "") -> None:
        """The run as a whole has come to a new phase."""
        self._publish(replace(self._run, phase=phase, message=message))

    def check_alive(self, name: str) -> None:
        """Raise StartError, with the end of its log, when a component has ended."""
        component = self._run.component(name)
        if component.state == "exited":
            message = f"{name} ended while it was starting: {component.detail}"
            raise StartError(message, quoted(component.last_lines, Path(component.log)))

    def _change(self, component: runfile.ComponentRun) -> None:
        self._publish(self._run.with_component(component))

    def _publish(self, run: runfile.Run) -> None:
        self._run = run
        runfile.write(self._path, run)


def first_run(state: StateDir, wanted: Plan) -> runfile.Run:
    """The run before anything was started, naming the calling process as its supervisor."""
    own = processes.own_host_pid()
    supervisor, launcher = processes.identify(own), processes.identify(processes.parent(own))
    if supervisor is None or launcher is None:
        raise StartError("/proc does not show the supervisor's own process: is /proc the machine's own?")
    names = (*CONTROL_PLANE, AGENT)
    return runfile.Run(
        launcher=launcher,
        supervisor=supervisor,
        api_port=wanted.api_port,
        front_door_port=wanted.front_door_port,
        balancer_port=wanted.balancer_port,
        aws_port=wanted.aws_port,
        source=wanted.source,
        started_at=time.time(),
        phase="starting",
        message="",
        components=tuple(runfile.ComponentRun(name, "waiting", str(state.log(name))) for name in names),
    )
