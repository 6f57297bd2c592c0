"""A cluster on this machine: start it, ask how it is, stop it.

The only module that others use (`cli.local`, the demo, the tests). Brings together `prerequisites`,
`binaries`, `pki`, `ports` and the `supervisor` process, which then runs on its own.
"""

import contextlib
import datetime
import fcntl
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from hyperpod_inference.local import (
    binaries,
    kubeconfig,
    pki,
    plan,
    ports,
    prerequisites,
    processes,
    runfile,
    spawn,
)
from hyperpod_inference.local.cached import ControlPlane
from hyperpod_inference.local.errors import AlreadyRunningError, StartError, StopError
from hyperpod_inference.local.network import API_URL, unshare_command
from hyperpod_inference.local.paths import StateDir, default_state_dir
from hyperpod_inference.local.progress import Report, silent
from hyperpod_inference.local.startup import already, last_words, watch
from hyperpod_inference.local.status import Status, of_run

_SUPERVISOR = "hyperpod_inference.local.supervisor"
_PAUSE = 0.05
_STOP_PATIENCE = 10.0


class LocalCluster:
    """The cluster of one state directory. Any number of these objects, in any process, may share one."""

    def __init__(
        self,
        state_dir: Path | None = None,
        *,
        api_port: int = 0,
        front_door_port: int = 0,
        nodes: Path | None = None,
        node_agent: bool = True,
        environ: dict[str, str] | None = None,
    ) -> None:
        """`state_dir` defaults to the user's XDG state directory; a port of 0 takes a free one.

        `nodes` is a file that describes the simulated nodes; None means the node agent's own default. Without
        `node_agent` the cluster is a control plane only: pods stay pending.
        """
        self._environ = dict(os.environ) if environ is None else environ
        self._state = StateDir((state_dir or default_state_dir(self._environ)).absolute())
        self._api_port = api_port
        self._front_door_port = front_door_port
        self._nodes = nodes
        self._node_agent = node_agent
        self._host = prerequisites.Host()
        self._lifeline: int | None = None
        self._launcher: int | None = None

    @property
    def state_dir(self) -> Path:
        """The directory that holds everything of this cluster."""
        return self._state.root

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig, with one context named `hyperpod-local`."""
        return self._state.kubeconfig

    @property
    def front_door(self) -> str:
        """The URL of the front door. Raises StartError when no cluster runs here."""
        url = self.status().front_door
        if url is None:
            raise StartError(
                f"no cluster runs in {self.state_dir}", "Start one: `hyperpod-inference local up`."
            )
        return url

    def status(self) -> Status:
        """How the cluster is now. Never raises for a broken cluster: that is a status."""
        run = runfile.read(self._state.run_file)
        if run is not None:
            return of_run(self.state_dir, self.kubeconfig, run)
        if self._supervisors():
            return Status("starting", "the supervisor has not reported yet", self.state_dir)
        return Status("stopped", "no cluster runs here", self.state_dir)

    def up(self, report: Report = silent, *, stay: bool = True) -> None:
        """Start the cluster and return once it takes pods.

        With `stay` it outlives this process; without, it ends with it, however that ends. Raises LocalError;
        then, and on an interrupt, nothing is left running.
        """
        tools = prerequisites.check(self._host)
        with self._locked() as lock:
            commands = binaries.find(self._environ, self._host, report)
            self._remove_leftovers()
            try:
                self._launch(tools, commands, lock)
                watch(self._state, self._check_launched, report)
            except BaseException:
                self._end_processes()
                self._remove_leftovers()
                raise
            if stay:
                self._let_go()

    def down(self) -> bool:
        """End every process of the cluster and remove its data; its logs stay. True when there was anything.

        Raises StopError when something could not be ended.
        """
        existed = any(path.exists() for path in self._state.leftovers()) or bool(self._supervisors())
        self._end_processes()
        self._remove_leftovers()
        return existed

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int]:
        self._make_directory()
        lock = os.open(self._state.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise AlreadyRunningError(*already(self.status())) from None
        try:
            yield lock
        finally:
            # The supervisor has its own copy, and the lock lasts until the last copy is closed.
            os.close(lock)

    def _make_directory(self) -> None:
        try:
            self.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StartError(
                f"the state directory {self.state_dir} cannot be made: {error.strerror}",
                "Choose another one with --state-dir DIR.",
            ) from error

    def _launch(self, tools: prerequisites.Tools, found: ControlPlane, lock: int) -> None:
        with contextlib.ExitStack() as stack:
            api = stack.enter_context(ports.listen(self._api_port, "--api-port"))
            door = stack.enter_context(ports.listen(self._front_door_port, "--front-door-port"))
            self._write_files(tools, found, ports.number(api), ports.number(door))
            read_end, self._lifeline = os.pipe()
            stack.callback(os.close, read_end)
            inside = (sys.executable, "-P", "-m", _SUPERVISOR, "--state", str(self.state_dir))
            self._launcher = spawn.spawn(
                (*unshare_command(tools.unshare), *inside),
                self._state.log("supervisor"),
                descriptors={
                    plan.API_LISTENER: api.fileno(),
                    plan.FRONT_DOOR_LISTENER: door.fileno(),
                    plan.LIFELINE: read_end,
                    plan.LOCK: lock,
                },
            )

    def _write_files(
        self, tools: prerequisites.Tools, found: ControlPlane, api_port: int, door_port: int
    ) -> None:
        state = self._state
        for directory in (state.pki, state.kubeconfigs, state.etcd, state.agent, state.logs, state.bin):
            directory.mkdir(mode=0o700, exist_ok=True)
        for old in state.logs.glob("*.log"):
            old.unlink()
        pki.issue_all(state.pki, datetime.datetime.now(datetime.UTC))
        for client in ("controller-manager", "scheduler", "agent"):
            target = state.component_kubeconfig(client)
            kubeconfig.write(target, server=API_URL, pki=state.pki, client=client, embed=False)
        server = f"https://{ports.HOST}:{api_port}"
        kubeconfig.write(state.kubeconfig, server=server, pki=state.pki, client="admin", embed=True)
        found.write_kubectl(state.bin / "kubectl")
        wanted = plan.Plan(
            commands=found.commands,
            source=found.source,
            ip=tools.ip,
            api_port=api_port,
            front_door_port=door_port,
            nodes=str(self._nodes.absolute()) if self._nodes else None,
            node_agent=self._node_agent,
        )
        wanted.write(state.plan)

    def _check_launched(self) -> None:
        """Raise StartError when the supervisor is gone, with what it left in its log."""
        if self._launcher is not None and spawn.reap(self._launcher):
            self._launcher = None
            raise StartError("the supervisor ended at once", last_words(self._state.log("supervisor")))

    def _let_go(self) -> None:
        if self._lifeline is not None:
            os.write(self._lifeline, plan.STAY)
        self._drop_lifeline()

    def _drop_lifeline(self) -> None:
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None

    def _supervisors(self) -> tuple[int, ...]:
        """Launcher and supervisor of this directory by their command line, for when `run.json` is lost."""
        return processes.running_command("-m", _SUPERVISOR, str(self.state_dir))

    def _end_processes(self) -> None:
        """Kill the supervisor; the kernel then kills everything in its pid namespace."""
        run = runfile.read(self._state.run_file)
        known = [one for one in (run.supervisor, run.launcher) if processes.alive(one)] if run else []
        found = [processes.identify(pid) for pid in self._supervisors()]
        targets = {*known, *(one for one in found if one is not None)}
        for target in targets:
            with contextlib.suppress(ProcessLookupError):
                os.kill(target.pid, signal.SIGKILL)
        self._wait_for_end(targets)
        self._drop_lifeline()

    def _wait_for_end(self, targets: set[processes.ProcessId]) -> None:
        deadline = time.monotonic() + _STOP_PATIENCE
        while any(processes.alive(target) for target in targets):
            if time.monotonic() >= deadline:
                pids = ", ".join(str(target.pid) for target in targets)
                raise StopError(f"processes {pids} did not end", f"End them by hand: `kill -9 {pids}`.")
            time.sleep(_PAUSE)
        if self._launcher is not None and spawn.reap(self._launcher):
            self._launcher = None

    def _remove_leftovers(self) -> None:
        for path in self._state.leftovers():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
