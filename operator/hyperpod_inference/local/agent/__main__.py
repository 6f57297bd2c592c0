"""`python -m hyperpod_inference.local.agent --kubeconfig PATH --state DIR [--nodes FILE]`.

Runs inside the local cluster's private network, started by its supervisor, until SIGTERM.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp

from hyperpod_inference.kube import config
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.store import Store
from hyperpod_inference.local import nodes
from hyperpod_inference.local.agent import dcgm, heartbeat, kubelet_api
from hyperpod_inference.local.agent.backoff import Policy
from hyperpod_inference.local.agent.context import Context, Settings, utc_now
from hyperpod_inference.local.agent.events import Recorder
from hyperpod_inference.local.agent.manager import Manager
from hyperpod_inference.local.agent.serviceproxy import ServiceProxy

logger = logging.getLogger(__name__)


def main() -> int:
    """Parse the command line and run; exit status 2 for a nodes file that cannot be used."""
    options = _parser().parse_args()
    logging.basicConfig(level=options.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        table = nodes.load(options.nodes)
    except nodes.NodesError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    settings = Settings(restarts=Policy(base=options.restart_backoff))
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(options.kubeconfig, options.state.resolve(), table, settings))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hyperpod_inference.local.agent", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True, help="the cluster's state directory")
    parser.add_argument("--nodes", type=Path, help="YAML list of instance types; four nodes by default")
    parser.add_argument("--restart-backoff", type=float, default=10.0, help="seconds of the first back-off")
    parser.add_argument("--log-level", default="INFO")
    return parser


async def _run(kubeconfig: Path, state: Path, table: list[nodes.LocalNode], settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    cluster = config.load(kubeconfig)
    async with (
        Client(cluster, user_agent="hyperpod-inference-node-agent") as client,
        aiohttp.ClientSession() as http,
    ):
        services = Store()
        context = Context(
            client=client,
            http=http,
            state=state,
            nodes={node.name: node for node in table},
            services=services,
            recorder=Recorder(client, utc_now),
            settings=settings,
        )
        manager, proxy = Manager(context), ServiceProxy(client, services)
        async with AsyncExitStack() as stack:
            await kubelet_api.serve(stack, manager, table, context.state / "pki")
            await dcgm.serve(stack, context, manager, table)
            _start(stack, context.recorder.run())
            _start(stack, proxy.run())
            await proxy.synced()
            for node in table:
                await heartbeat.register(client, node, context.now)
            _start(stack, heartbeat.keep_alive(client, table, context.now))
            _start(stack, manager.run())
            logger.info("%d nodes registered", len(table))
            await stop.wait()


def _start(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
    """Run it until the stack is closed; an agent that lost a part of itself ends, its supervisor sees it."""

    def done(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            logger.critical("a part of the node agent failed", exc_info=task.exception())
            os.kill(os.getpid(), signal.SIGTERM)

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    task = asyncio.create_task(work)
    task.add_done_callback(done)
    stack.push_async_callback(end)


if __name__ == "__main__":
    sys.exit(main())
