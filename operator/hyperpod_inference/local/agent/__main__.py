"""`python -m hyperpod_inference.local.agent --kubeconfig PATH --state DIR [--nodes FILE]`.

Runs inside the local cluster's private network, started by its supervisor, until SIGTERM.
"""

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from pathlib import Path

import aiohttp

from hyperpod_inference.kube import config
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.events import EventRecorder
from hyperpod_inference.kube.store import Store
from hyperpod_inference.local import nodes
from hyperpod_inference.local.agent import heartbeat
from hyperpod_inference.local.agent.backoff import Policy
from hyperpod_inference.local.agent.context import Context, Settings
from hyperpod_inference.local.agent.manager import Manager

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
        asyncio.run(_run(options.kubeconfig, options.state, table, settings))
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
            state=state.resolve(),
            nodes={node.name: node for node in table},
            services=services,
            recorder=EventRecorder(client, "kubelet"),
            settings=settings,
        )
        for node in table:
            await heartbeat.register(client, node, context.now)
        manager = Manager(context)
        work = [
            asyncio.create_task(heartbeat.keep_alive(client, table, context.now)),
            asyncio.create_task(manager.run()),
        ]
        logger.info("%d nodes registered", len(table))
        await stop.wait()
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)


if __name__ == "__main__":
    sys.exit(main())
