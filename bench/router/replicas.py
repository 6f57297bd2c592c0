"""Simulated replicas for the bench of choices: real prefix caches, KV events, one process for all.

    python bench/router/replicas.py COUNT PORT TIME_SCALE BLOCKS

They listen on 127.0.0.11, 127.0.0.12 and so on, each on PORT, with KV events on 5557 (replay on 5558). A
line of JSON on standard input is answered by what their caches counted.
"""

import asyncio
import json
import sys
from contextlib import AsyncExitStack

import uvloop
from aiohttp import web

from hyperpod_inference.local.servers.simulator import __main__ as simulator
from hyperpod_inference.local.servers.simulator.api import Api
from hyperpod_inference.local.servers.simulator.engine import CostModel

HOSTS = [f"127.0.0.{number}" for number in range(11, 43)]
ASKED_BY_PEERS = ("/get_model_info", "/model_info", "/get_server_info", "/server_info", "/health_generate")
_plain = Api.application


def with_more_routes(self: Api) -> web.Application:
    """Also what the peers ask of a worker before they use it."""
    app = _plain(self)

    async def told(_: web.Request) -> web.Response:
        return web.json_response({"model_path": "simulated", "is_generation": True})

    for path in ASKED_BY_PEERS:
        app.router.add_get(path, told)
    return app


async def main(count: int, port: int, scale: float, blocks: int) -> None:
    """Serve until standard input ends."""
    Api.application = with_more_routes  # type: ignore[method-assign]
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        made = []
        for host in HOSTS[:count]:
            options = simulator.Options(
                address=host, port=port, blocks=blocks, step=64, costs=CostModel(scale=scale),
                events_port=5557, replay_port=5558,
            )  # fmt: skip
            made.append(await stack.enter_async_context(simulator.running(options)))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while await loop.run_in_executor(None, sys.stdin.readline):
            counts = [each.engine.counts for each in made]
            told = [
                {
                    "queried": each.queried, "hit": each.hit, "answers": sum(each.first_token.counts),
                    "seconds": each.first_token.total * scale,
                }
                for each in counts
            ]  # fmt: skip
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])))
