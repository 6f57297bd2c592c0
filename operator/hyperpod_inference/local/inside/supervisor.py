"""Process 1 of a local cluster: starts the components, watches them, and is the way in from the host.

Runs inside the namespaces that `cluster` made, as `python -m hyperpod_inference.local.inside.supervisor
--state DIR`, with the descriptors that `plan` names. When it ends, the kernel ends everything inside with
it. A component that dies is recorded in `run.json` and not started again: a cluster that repairs itself
silently would hide the finding.
"""

import argparse
import asyncio
import os
import resource
import signal
import socket
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

from hyperpod_inference.local import plan, spawn
from hyperpod_inference.local.alb import names as alb
from hyperpod_inference.local.errors import StartError
from hyperpod_inference.local.inside import bootstrap, relay
from hyperpod_inference.local.inside.api import LocalApi
from hyperpod_inference.local.inside.components import AGENT, Component, control_plane, node_agent
from hyperpod_inference.local.inside.frontdoor import FrontDoor
from hyperpod_inference.local.inside.readiness import until
from hyperpod_inference.local.inside.record import Record, first_run
from hyperpod_inference.local.inside.services import ClusterDirectory
from hyperpod_inference.local.network import API_ADDRESS, API_PORT, setup_commands
from hyperpod_inference.local.paths import StateDir

# A machine with two busy cores needs half of this.
_PATIENCE = 120.0
# Listeners of the host, and where their connections go.
_RELAYED = (
    (plan.API_LISTENER, API_ADDRESS, API_PORT),
    (plan.BALANCER_LISTENER, alb.ADDRESS, alb.BALANCER_PORT),
    (plan.AWS_LISTENER, alb.ADDRESS, alb.AWS_PORT),
)


class Supervisor:
    """One run of a cluster, from the first component to the end."""

    def __init__(self, state: StateDir, wanted: plan.Plan, record: Record) -> None:
        self._state = state
        self._plan = wanted
        self._record = record
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Start everything, then wait until the cluster is told to stop."""
        self._listen()
        async with AsyncExitStack() as stack:
            starting = asyncio.create_task(self._start(stack))
            stopping = asyncio.create_task(self._stop.wait())
            await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
            if starting.done() and self._conclude(starting):
                await stopping
            starting.cancel()
            stopping.cancel()
            await asyncio.gather(starting, stopping, return_exceptions=True)
        if self._record.run.phase != "failed":
            self._record.phase("stopping")

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        loop.add_reader(plan.LIFELINE, self._read_lifeline)

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
            group.create_task(bootstrap.register_s3_driver(api))
        await self._until("kube-controller-manager", lambda: bootstrap.accepts_pods(api))
        await self._bring_up_agent(api)

    def _conclude(self, starting: asyncio.Task[None]) -> bool:
        """Record how the start ended; True when it went well."""
        error = starting.exception()
        if error is None:
            self._record.phase("ready")
            return True
        self._record.phase("failed", _message(error))
        return False

    async def _bring_up(self, component: Component, api: LocalApi) -> None:
        self._spawn(component)
        await self._until(component.name, lambda: api.answers(component.ready_url))
        self._record.ready(component.name)

    async def _bring_up_agent(self, api: LocalApi) -> None:
        if not self._plan.node_names:
            self._record.absent(AGENT, "not wanted: a control plane only")
            return
        self._spawn(node_agent(self._plan, self._state))
        await self._until(AGENT, lambda: bootstrap.nodes_ready(api, set(self._plan.node_names)))
        self._record.ready(AGENT)

    async def _until(self, name: str, condition: Callable[[], Awaitable[bool]]) -> None:
        """Wait for a sign that a component works, as long as it lives."""
        try:
            await until(condition, _PATIENCE, lambda: self._record.check_alive(name))
        except TimeoutError:
            log = self._state.log(name)
            raise StartError(f"{name} was not ready after {_PATIENCE:.0f} s", f"Its log: {log}") from None

    async def _open_doors(self, stack: AsyncExitStack, api: LocalApi) -> None:
        for descriptor, address, port in _RELAYED:
            server = await relay.serve(socket.socket(fileno=descriptor), address, port)
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
        self._record.starting(component.name, pid)

    def _reap(self) -> None:
        """Collect every child that has ended: components, and orphans that process 1 inherits."""
        while (ended := spawn.next_ended()) is not None:
            self._record.ended(*ended)

    def _read_lifeline(self) -> None:
        """Let go of the process that ran `up` when it says so; end with it when it just disappears."""
        asyncio.get_running_loop().remove_reader(plan.LIFELINE)
        if os.read(plan.LIFELINE, len(plan.STAY)) != plan.STAY:
            self._stop.set()


def _message(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return _message(error.exceptions[0])
    return str(error) if isinstance(error, StartError) else f"{type(error).__name__}: {error}"


async def _supervise(state: StateDir, wanted: plan.Plan) -> None:
    await Supervisor(state, wanted, Record(state.run_file, first_run(state, wanted))).run()


def main() -> None:
    """Entry of process 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    state = StateDir(parser.parse_args().state)
    wanted = plan.Plan.read(state.plan)
    for fd in (*(each[0] for each in _RELAYED), plan.FRONT_DOOR_LISTENER, plan.LIFELINE, plan.LOCK):
        os.set_inheritable(fd, False)
    _allow_many_connections()
    for command in setup_commands(wanted.ip):
        subprocess.run(command, check=True)
    asyncio.run(_supervise(state, wanted))


def _allow_many_connections() -> None:
    # A relayed connection takes two descriptors, and 1,024 is the usual limit; children inherit the new one.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    main()
