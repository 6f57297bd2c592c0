"""A cluster on this machine: start it, ask how it is, stop it.

The only module that others use (`cli.local`, the demo, the tests). Brings together `prerequisites`,
`binaries`, `ports`, `files` and the `supervisor` process, which then runs on its own.
"""

import contextlib
import datetime
import fcntl
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from hyperpod_inference.local import ending, files, nodes, plan, ports, prerequisites, runfile, spawn
from hyperpod_inference.local.errors import AlreadyRunningError, InvalidNodesError, StartError
from hyperpod_inference.local.network import unshare_command
from hyperpod_inference.local.paths import StateDir, default_state_dir
from hyperpod_inference.local.programs import binaries
from hyperpod_inference.local.programs.cached import ControlPlane
from hyperpod_inference.local.progress import Report, silent
from hyperpod_inference.local.startup import already, last_words, watch
from hyperpod_inference.local.status import Status, of_run

# What of the caller's environment reaches the cluster. Above all no credentials and no proxies: a pod here
# is as far from the caller's shell as one on a real cluster.
_LOCK_PATIENCE = 3.0
"""Seconds for the kernel to end what is left of a killed cluster."""
_INHERITED = (
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "PYTHONPATH",
    "LD_LIBRARY_PATH",
)


class LocalCluster:
    """The cluster of one state directory. Any number of these objects, in any process, may share one."""

    def __init__(
        self,
        state_dir: Path | None = None,
        *,
        api_port: int = 0,
        front_door_port: int = 0,
        nodes_file: Path | None = None,
        node_agent: bool = True,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """`state_dir` defaults to the user's XDG state directory; a port of 0 takes a free one.

        `nodes_file` describes the simulated nodes; None means the node agent's own default. Without
        `node_agent` the cluster is a control plane only: pods stay pending.
        """
        self._environ = os.environ if environ is None else environ
        self._state = StateDir((state_dir or default_state_dir(self._environ)).absolute())
        self._ports = (api_port, front_door_port)
        self._nodes = nodes_file
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
    def kubectl(self) -> str:
        """A kubectl to run: the one that came with the control plane, else the one on PATH."""
        bundled = self._state.bin / "kubectl"
        return str(bundled) if bundled.is_file() else "kubectl"

    @property
    def front_door(self) -> str:
        """The URL of the front door. Raises StartError when no cluster runs here."""
        url = self.status().front_door
        if url is None:
            raise StartError(f"no cluster runs in {self.state_dir}", "Start one: hyperpod-inference local up")
        return url

    def status(self) -> Status:
        """How the cluster is now. Never raises for a broken cluster: that is a status."""
        run = runfile.read(self._state.run_file)
        if run is not None:
            return of_run(self.state_dir, self.kubeconfig, run)
        if ending.living(self._state):
            return Status("starting", "the supervisor has not reported yet", self.state_dir)
        return Status("stopped", "no cluster runs here", self.state_dir)

    def prepare(self, report: Report = silent) -> str:
        """Have the control plane's programs, fetched or built if need be. Returns where they are from.

        Raises LocalError.
        """
        return binaries.find(self._environ, self._host, report).source

    def up(self, report: Report = silent, *, stay: bool = True) -> None:
        """Start the cluster and return once it takes pods.

        With `stay` it outlives this process; without, it ends with it, however that ends. Raises LocalError;
        then, and on an interrupt, nothing is left running.
        """
        with self._locked() as lock:
            self._node_names()
            tools = prerequisites.check(self._host)
            found = binaries.find(self._environ, self._host, report)
            ending.remove(self._state)
            try:
                self._launch(tools, found, lock)
                watch(self._state, self._check_launched, report)
            except BaseException:
                self.down()
                raise
            if stay:
                self._let_go()

    def down(self) -> bool:
        """End every process of the cluster and remove its data; its logs stay. True when there was anything.

        Raises StopError when something could not be ended.
        """
        living = ending.living(self._state)
        existed = bool(living) or any(path.exists() for path in self._state.leftovers())
        ending.kill(living)
        if self._launcher is not None and spawn.reap(self._launcher):
            self._launcher = None
        self._drop_lifeline()
        ending.remove(self._state)
        return existed

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int]:
        """Hold the state directory's lock.

        The supervisor inherits the open file, and the lock lasts until the last process has closed it.
        """
        self._make_directory()
        lock = os.open(self._state.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._take(lock)
            yield lock
        finally:
            os.close(lock)

    def _take(self, lock: int) -> None:
        """Take the lock; a cluster that just ended holds it until its last process is gone."""
        deadline = time.monotonic() + _LOCK_PATIENCE
        while True:
            try:
                return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                status = self.status()
                if status.running or time.monotonic() > deadline:
                    raise AlreadyRunningError(*already(status)) from None
            time.sleep(0.05)

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
            api = stack.enter_context(ports.listen(self._ports[0], "--api-port"))
            door = stack.enter_context(ports.listen(self._ports[1], "--front-door-port"))
            balancers = stack.enter_context(ports.listen(0, ""))
            aws = stack.enter_context(ports.listen(0, ""))
            self._prepare(tools, found, *(ports.number(each) for each in (api, door, balancers, aws)))
            read_end, self._lifeline = os.pipe()
            stack.callback(os.close, read_end)
            inside = (sys.executable, "-P", "-m", ending.SUPERVISOR, "--state", str(self.state_dir))
            self._launcher = spawn.spawn(
                (*unshare_command(tools.unshare), *inside),
                self._state.log("supervisor"),
                env={name: self._environ[name] for name in _INHERITED if name in self._environ},
                descriptors={
                    plan.API_LISTENER: api.fileno(),
                    plan.FRONT_DOOR_LISTENER: door.fileno(),
                    plan.LIFELINE: read_end,
                    plan.LOCK: lock,
                    plan.BALANCER_LISTENER: balancers.fileno(),
                    plan.AWS_LISTENER: aws.fileno(),
                },
            )

    def _prepare(
        self, tools: prerequisites.Tools, found: ControlPlane, api: int, door: int, balancers: int, aws: int
    ) -> None:
        wanted = plan.Plan(
            commands=found.commands,
            source=found.source,
            ip=tools.ip,
            api_port=api,
            front_door_port=door,
            balancer_port=balancers,
            aws_port=aws,
            nodes=str(self._nodes.absolute()) if self._nodes else None,
            node_names=self._node_names(),
        )
        files.write(self._state, wanted, datetime.datetime.now(datetime.UTC))
        found.write_kubectl(self._state.bin / "kubectl")

    def _node_names(self) -> tuple[str, ...]:
        try:
            return tuple(node.name for node in nodes.load(self._nodes)) if self._node_agent else ()
        except nodes.NodesError as error:
            raise InvalidNodesError(str(error)) from error

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
