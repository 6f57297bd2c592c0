"""Following a start from the outside: the supervisor writes `run.json`, this reports its changes."""

import time
from collections.abc import Callable
from pathlib import Path

from hyperpod_inference.local import runfile
from hyperpod_inference.local.errors import StartError
from hyperpod_inference.local.inside.components import EXPECTED
from hyperpod_inference.local.logtail import last_lines, quoted
from hyperpod_inference.local.paths import StateDir
from hyperpod_inference.local.progress import Progress, Report
from hyperpod_inference.local.status import Status

_PAUSE = 0.05


def watch(
    state: StateDir,
    check: Callable[[], None],
    report: Report,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Return when the run is ready. `check` raises when the supervisor is gone.

    Raises StartError with the supervisor's reason when the start failed.
    """
    begun: dict[str, float] = {}
    told: dict[str, str] = {}
    while True:
        run = runfile.read(state.run_file)
        if run is not None:
            for component in run.components:
                if told.get(component.name) != component.state:
                    told[component.name] = component.state
                    _tell(component, begun, report, clock())
            if run.phase == "ready":
                return
            if run.phase == "failed":
                raise StartError("the cluster did not start", run.message)
        check()
        time.sleep(_PAUSE)


def _tell(component: runfile.ComponentRun, begun: dict[str, float], report: Report, now: float) -> None:
    name = component.name
    if component.state == "starting":
        begun[name] = now
        report(Progress(name, "started", expected=EXPECTED.get(name)))
    elif component.state == "ready":
        report(Progress(name, "done", elapsed=now - begun.get(name, now)))
    elif component.state == "absent":
        report(Progress(name, "skipped", component.detail))


def already(status: Status) -> tuple[str, str]:
    """What to say, and what to do, when the state directory is taken."""
    directory = status.state_dir
    if not status.running or status.state == "starting":
        return (
            f"another `local up` is starting a cluster in {directory}",
            "Wait for it, or interrupt it there; `--state-dir DIR` starts a second cluster elsewhere.",
        )
    return (
        f"a cluster is already running in {directory} ({status.state})",
        'Use it: `eval "$(hyperpod-inference local kubectl-env)"`, then `kubectl get nodes`. '
        "Stop it: `hyperpod-inference local down`.",
    )


def last_words(log: Path) -> str:
    """The end of a log, for a process that is gone."""
    return quoted(last_lines(log), log)
