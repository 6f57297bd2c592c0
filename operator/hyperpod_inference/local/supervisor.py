"""Process 1 of a local cluster: starts the components, watches them, and is the way in from the host.

Runs inside the namespaces that `cluster` made, as `python -m hyperpod_inference.local.supervisor --state
DIR`, with the descriptors that `plan` names. When it ends, the kernel ends everything inside with it. A
component that dies is recorded in `run.json` and not started again: a cluster that repairs itself silently
would hide the finding.
"""

import argparse
import asyncio
import importlib.util
import os
import signal
import socket
import subprocess
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from hyperpod_inference.local import bootstrap, plan, processes, relay, runfile, spawn
from hyperpod_inference.local.api import LocalApi
from hyperpod_inference.local.components import AGENT, CONTROL_PLANE, Component, control_plane, node_agent
from hyperpod_inference.local.errors import StartError
from hyperpod_inference.local.frontdoor import FrontDoor
from hyperpod_inference.local.logtail import last_lines, quoted
from hyperpod_inference.local.network import API_ADDRESS, API_PORT, setup_commands
from hyperpod_inference.local.paths import StateDir
from hyperpod_inference.local.readiness import until
from hyperpod_inference.local.services import ClusterDirectory

_PATIENCE = 120.0


class Supervisor:
    """One run of a cluster, from the first component to the end."""

    def __init__(self, state: StateDir, wanted: plan.Plan) -> None:
        self._state = state
        self._plan = wanted
        self._run = _first_run(state, wanted)
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Start everything, then wait until the cluster is told to stop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        loop.add_reader(plan.LIFELINE, self._read_lifeline)
        self._publish(self._run)
        async with AsyncExitStack() as stack:
            starting = asyncio.create_task(self._start(stack))
            stopping = asyncio.create_task(self._stop.wait())
            await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
            if starting.done() and self._conclude(starting):
                await stopping
            starting.cancel()
            stopping.cancel()
            await asyncio.gather(starting, stopping, return_exceptions=True)
        if self._run.phase != "failed":
            self._publish(replace(self._run, phase="stopping"))

    async def _start(self, stack: AsyncExitStack) -> None:
        etcd, apiserver, *rest = control_plane(self._plan, self._state)
        api = await stack.enter_async_context(LocalApi(self._state.pki))
        await self._bring_up(etcd, api)
        await self._bring_up(apiserver, api)
        await self._open_doors(stack, api)
        async with asyncio.TaskGroup() as group:
            for component in rest:
                group.create_task(self._bring_up(component, api))
            group.create_task(bootstrap.grant_node_agent(api))
        await until(lambda: bootstrap.accepts_pods(api), _PATIENCE, self._controller_manager_lives)
        await self._bring_up_agent(api)

    def _conclude(self, starting: asyncio.Task[None]) -> bool:
        """Publish how the start ended; True when it went well."""
        error = starting.exception()
        if error is None:
            self._publish(replace(self._run, phase="ready"))
            return True
        self._publish(replace(self._run, phase="failed", message=_message(error)))
        return False

    async def _bring_up(self, component: Component, api: LocalApi) -> None:
        self._spawn(component)
        await until(
            lambda: api.answers(component.ready_url), _PATIENCE, lambda: self._check_alive(component.name)
        )
        self._mark_ready(component.name)

    async def _bring_up_agent(self, api: LocalApi) -> None:
        if (reason := self._no_agent()) is not None:
            absent = replace(self._run.component(AGENT), state="absent", detail=reason)
            self._publish(self._run.with_component(absent))
            return
        self._spawn(node_agent(self._plan, self._state))
        await until(lambda: bootstrap.nodes_ready(api), _PATIENCE, lambda: self._check_alive(AGENT))
        self._mark_ready(AGENT)

    def _no_agent(self) -> str | None:
        if not self._plan.node_agent:
            return "not wanted: a control plane only"
        known = importlib.util.find_spec("hyperpod_inference.local.agent.__main__")
        return None if known else "not in this installation"

    async def _open_doors(self, stack: AsyncExitStack, api: LocalApi) -> None:
        server = await relay.serve(socket.socket(fileno=plan.API_LISTENER), API_ADDRESS, API_PORT)
        stack.callback(server.close)
        door = FrontDoor(ClusterDirectory(api))
        await door.start(socket.socket(fileno=plan.FRONT_DOOR_LISTENER))
        stack.push_async_callback(door.stop)

    def _spawn(self, component: Component) -> None:
        env = {**os.environ, **component.env}
        try:
            pid = spawn.spawn(component.argv, self._state.log(component.name), env=env)
        except OSError as error:
            raise StartError(f"{component.name} cannot be started: {error}") from error
        starting = replace(self._run.component(component.name), state="starting", pid=pid)
        self._publish(self._run.with_component(starting))

    def _mark_ready(self, name: str) -> None:
        self._publish(self._run.with_component(replace(self._run.component(name), state="ready")))

    def _controller_manager_lives(self) -> None:
        self._check_alive("kube-controller-manager")

    def _check_alive(self, name: str) -> None:
        component = self._run.component(name)
        if component.state == "exited":
            raise StartError(
                f"{name} ended while it was starting: {component.detail}",
                quoted(component.last_lines, Path(component.log)),
            )

    def _reap(self) -> None:
        """Collect every child that has ended: components, and orphans that process 1 inherits."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._record_end(pid, status)

    def _record_end(self, pid: int, status: int) -> None:
        ended = next((one for one in self._run.components if one.pid == pid and one.state != "exited"), None)
        if ended is None:
            return
        lines = last_lines(Path(ended.log))
        exited = replace(ended, state="exited", detail=spawn.describe_exit(status), last_lines=lines)
        self._publish(self._run.with_component(exited))

    def _read_lifeline(self) -> None:
        """Let go of the process that ran `up` when it says so; end with it when it just disappears."""
        asyncio.get_running_loop().remove_reader(plan.LIFELINE)
        if os.read(plan.LIFELINE, len(plan.STAY)) != plan.STAY:
            self._stop.set()

    def _publish(self, run: runfile.Run) -> None:
        self._run = run
        runfile.write(self._state.run_file, run)


def _first_run(state: StateDir, wanted: plan.Plan) -> runfile.Run:
    own = processes.own_host_pid()
    supervisor, launcher = processes.identify(own), processes.identify(processes.parent(own))
    if supervisor is None or launcher is None:
        raise StartError("/proc does not show the supervisor's own process: is /proc the machine's own?")
    names = (*CONTROL_PLANE, AGENT)
    components = tuple(runfile.ComponentRun(name, "waiting", str(state.log(name))) for name in names)
    return runfile.Run(
        launcher=launcher,
        supervisor=supervisor,
        api_port=wanted.api_port,
        front_door_port=wanted.front_door_port,
        source=wanted.source,
        started_at=time.time(),
        phase="starting",
        message="",
        components=components,
    )


def _message(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return _message(error.exceptions[0])
    return str(error) if isinstance(error, StartError) else f"{type(error).__name__}: {error}"


def main() -> None:
    """Entry of process 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    state = StateDir(parser.parse_args().state)
    wanted = plan.Plan.read(state.plan)
    for fd in (plan.API_LISTENER, plan.FRONT_DOOR_LISTENER, plan.LIFELINE, plan.LOCK):
        os.set_inheritable(fd, False)
    for command in setup_commands(wanted.ip):
        subprocess.run(command, check=True)
    asyncio.run(_supervise(state, wanted))


async def _supervise(state: StateDir, wanted: plan.Plan) -> None:
    await Supervisor(state, wanted).run()


if __name__ == "__main__":
    main()
