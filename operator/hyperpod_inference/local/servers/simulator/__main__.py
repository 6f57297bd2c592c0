"""`python -m hyperpod_inference.local.servers.simulator`: vLLM's command line, as far as it matters here.

    vllm serve MODEL --port 8000 --block-size 16 --num-gpu-blocks-override 8192
        --kv-events-config '{"enable_kv_cache_events": true, "endpoint": "tcp://*:5557"}'

Dashboards of other servers: `--also-metrics-of lmcache,tgi,lmi`.
How fast it is: `--prefill-tokens-per-second`, `--decode-tokens-per-second`, `--time-scale`.
"""

import argparse
import asyncio
import json
import logging
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from hyperpod_inference.local.servers.simulator.api import Api
from hyperpod_inference.local.servers.simulator.cache import BlockCache
from hyperpod_inference.local.servers.simulator.dialects import DIALECTS
from hyperpod_inference.local.servers.simulator.engine import CostModel, Engine
from hyperpod_inference.local.servers.simulator.kv_events import Publisher

logger = logging.getLogger("simulator")


@dataclass(frozen=True, slots=True)
class Options:
    """One simulated model server."""

    address: str = "127.0.0.1"
    port: int = 8000
    model: str = "simulated"
    blocks: int = 8192
    block_size: int = 16
    step: int = 1
    costs: CostModel = field(default_factory=CostModel)
    events_port: int | None = None
    """None: no KV events."""
    replay_port: int | None = None
    topic: str = ""
    maps: bool = False
    """KV events as maps, as later versions of vLLM send them."""
    others: tuple[str, ...] = ()
    """Whose metric names there are beside vLLM's."""
    seed: int | None = None
    """Of the block hashes; None: another one in each process."""


@dataclass(slots=True)
class Running:
    """What listens: real ports, and the engine for a look inside."""

    port: int
    engine: Engine
    publisher: Publisher | None


def parse(arguments: Sequence[str], environ: Mapping[str, str]) -> Options:
    """Read the command line; options that mean nothing here are ignored, as llama.cpp's stand-in does."""
    parser = argparse.ArgumentParser(prog="simulator", allow_abbrev=False)
    parser.add_argument("model_tag", nargs="?")
    parser.add_argument("--model")
    parser.add_argument("--served-model-name")
    parser.add_argument("--host")
    parser.add_argument("--port", type=int, default=int(environ.get("SERVING_PORT") or 8000))
    parser.add_argument("--block-size", type=int, default=16)
    parser.add_argument("--num-gpu-blocks-override", type=int, default=8192, metavar="BLOCKS")
    parser.add_argument("--kv-events-config", type=json.loads, default={}, metavar="JSON")
    parser.add_argument("--kv-events-as-maps", action="store_true", help="as later versions of vLLM do")
    parser.add_argument("--prefill-tokens-per-second", type=float, default=12_000, metavar="N")
    parser.add_argument("--decode-tokens-per-second", type=float, default=40, metavar="N")
    parser.add_argument("--overhead-seconds", type=float, default=0.002, metavar="S")
    parser.add_argument("--tokens-per-chunk", type=int, default=1, metavar="N")
    parser.add_argument("--time-scale", type=float, default=1.0, metavar="X", help="10: ten times as fast")
    parser.add_argument("--also-metrics-of", type=_others, default=(), metavar="NAME,NAME")
    given, ignored = parser.parse_known_args(arguments)
    if ignored:
        logger.info("ignored, without a meaning for the simulator: %s", " ".join(ignored))
    events: dict[str, Any] = given.kv_events_config
    enabled = bool(events.get("enable_kv_cache_events")) and events.get("publisher", "zmq") == "zmq"
    replay = events.get("replay_endpoint")
    return Options(
        address=environ.get("HYPERPOD_LOCAL_POD_IP") or given.host or "127.0.0.1",
        port=given.port,
        model=given.served_model_name or given.model or given.model_tag or "simulated",
        blocks=given.num_gpu_blocks_override,
        block_size=given.block_size,
        step=given.tokens_per_chunk,
        costs=CostModel(
            given.prefill_tokens_per_second,
            given.decode_tokens_per_second,
            given.overhead_seconds,
            given.time_scale,
        ),
        events_port=_port(events.get("endpoint", "tcp://*:5557")) if enabled else None,
        replay_port=_port(replay) if enabled and replay else None,
        topic=events.get("topic", ""),
        maps=given.kv_events_as_maps,
        others=given.also_metrics_of,
    )


def _others(text: str) -> tuple[str, ...]:
    asked = tuple(text.split(","))
    if unknown := {*asked} - {*DIALECTS}:
        raise argparse.ArgumentTypeError(f"got {sorted(unknown)}, expected some of {', '.join(DIALECTS)}")
    return asked


def _port(endpoint: str) -> int:
    port = endpoint.rpartition(":")[2]
    if not endpoint.startswith("tcp://") or not port.isdigit():
        raise SystemExit(f"--kv-events-config: got endpoint {endpoint!r}, expected tcp://*:PORT")
    return int(port)


@asynccontextmanager
async def running(options: Options) -> AsyncIterator[Running]:
    """Serve while the block runs."""
    publisher = None
    if options.events_port is not None:
        publisher = Publisher(
            options.address, options.events_port, options.replay_port, options.block_size,
            topic=options.topic, maps=options.maps,
        )  # fmt: skip
    seed = random.getrandbits(62) if options.seed is None else options.seed
    cache = BlockCache(options.blocks, options.block_size, seed)
    engine = Engine(options.costs, cache, publisher.publish if publisher else lambda _: None)
    app = Api(engine, options.model, options.step, options.others).application()
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, options.address, options.port, backlog=512).start()
        yield Running(runner.addresses[0][1], engine, publisher)
    finally:
        await runner.cleanup()
        if publisher is not None:
            await publisher.close()


async def _serve(options: Options) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running(options) as started:
        logger.info("serving %s on http://%s:%d", options.model, options.address, started.port)
        await stop.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stdout)
    asyncio.run(_serve(parse(sys.argv[1:], os.environ)))
