"""Ending a cluster, whatever is left of it.

`cluster` uses it for `down` and for a start that failed. Killing process 1 of the pid namespace is enough:
the kernel ends everything inside before that process is gone.
"""

import contextlib
import os
import shutil
import signal
import time
from pathlib import Path

from hyperpod_inference.local import processes, runfile
from hyperpod_inference.local.errors import StopError
from hyperpod_inference.local.paths import StateDir
from hyperpod_inference.local.processes import ProcessId

SUPERVISOR = "hyperpod_inference.local.inside.supervisor"
_PAUSE = 0.05


def living(state: StateDir) -> frozenset[ProcessId]:
    """The launcher and the supervisor of a state directory, as far as they live.

    Found by `run.json`, and by their command line for when that file is lost or not yet written.
    """
    run = runfile.read(state.run_file)
    recorded = [one for one in (run.supervisor, run.launcher) if processes.alive(one)] if run else []
    searched = processes.running_command("-m", SUPERVISOR, str(state.root))
    found = [processes.identify(pid) for pid in searched]
    return frozenset([*recorded, *(one for one in found if one is not None)])


def kill(targets: frozenset[ProcessId], patience: float = 10.0) -> None:
    """Kill processes and wait until they are gone. Raises StopError when one outlives it."""
    for target in targets:
        with contextlib.suppress(ProcessLookupError):
            os.kill(target.pid, signal.SIGKILL)
    deadline = time.monotonic() + patience
    while left := [target for target in targets if processes.alive(target)]:
        if time.monotonic() >= deadline:
            pids = " ".join(str(target.pid) for target in left)
            raise StopError(f"these processes did not end: {pids}", f"End them by hand: kill -9 {pids}")
        time.sleep(_PAUSE)


def remove(state: StateDir) -> None:
    """Remove what the cluster left in its directory, but not its logs."""
    for path in state.leftovers():
        _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
