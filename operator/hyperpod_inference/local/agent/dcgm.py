"""A DCGM exporter on every node that has NVIDIA GPUs: port 9400, `/metrics`, as NVIDIA's own.

    kubectl get --raw /api/v1/nodes/NODE:9400/proxy/metrics

Nothing runs between two scrapes. A scrape asks the model servers of the node how long they have computed;
what they did since the scrape before is how busy the GPUs were. A program that tells nothing uses no GPU.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime

import aiohttp
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from hyperpod_inference.api.names import RESOURCE_GPU
from hyperpod_inference.local.agent.context import Context
from hyperpod_inference.local.agent.gpus import Body, Claim, Holder, Use, assigned, claims, families
from hyperpod_inference.local.agent.manager import Manager
from hyperpod_inference.local.nodes import LocalNode

PORT = 9400
PATIENCE = 2.0
"""Seconds that a server has for its page."""
SHORTEST = 1.0
"""Seconds: scrapes that follow sooner get the numbers of the one before."""
_COMPUTED = (
    "simulator:gpu_busy_seconds_total",
    "llamacpp:prompt_seconds_total",
    "llamacpp:tokens_predicted_seconds_total",
)


def computed(page: str) -> float | None:
    """Seconds that a model server has computed, by its page of metrics; None where it does not tell."""
    try:
        samples = [each for family in text_string_to_metric_families(page) for each in family.samples]
    except ValueError:
        return None
    found = [each.value for each in samples if each.name in _COMPUTED]
    return sum(found) if found else None


@dataclass(frozen=True, slots=True)
class Look:
    """What a server told at a time, and how busy it was before."""

    at: datetime
    computed: float
    busy: float


def look(before: Look | None, since: datetime, at: datetime, seconds: float) -> Look:
    """The next look at a server that has run `since` and computed for so long."""
    if before is None or seconds < before.computed:  # the first, or of a server that started anew
        before = Look(since, 0.0, 0.0)
    passed = (at - before.at).total_seconds()
    if passed < SHORTEST:
        return before
    return Look(at, seconds, min(max((seconds - before.computed) / passed, 0.0), 1.0))


class Exporter:
    """The GPUs of one node."""

    def __init__(self, context: Context, manager: Manager, node: LocalNode) -> None:
        self._context, self._manager, self._node = context, manager, node
        self._held: dict[int, Holder] = {}
        self._looks: dict[Holder, Look] = {}

    def application(self) -> web.Application:
        """The routes."""
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/health", self._health)
        return app

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response(text="OK")

    async def _metrics(self, _: web.Request) -> web.Response:
        page = _exposition(await self.collect())
        return web.Response(body=page, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    async def collect(self) -> list[Metric]:
        """Ask the servers, and tell of every GPU."""
        pods = {pod["metadata"]["uid"]: pod for pod in self._manager.pods(self._node.name)}
        wanted = claims(pods.values())
        self._held = assigned(self._held, wanted, self._node.instance_type.accelerator_count)
        seen = await asyncio.gather(*(self._look(claim, pods[claim.holder.uid]) for claim in wanted))
        looks = {claim.holder: each for claim, each in zip(wanted, seen, strict=True) if each is not None}
        memory = {claim.holder: claim.memory for claim in wanted}
        self._looks = looks
        uses = {holder: Use(each.busy, memory[holder]) for holder, each in looks.items()}
        return families(self._node, self._held, uses)

    async def _look(self, claim: Claim, pod: Body) -> Look | None:
        status: Mapping[str, str] = pod.get("status") or {}
        address, started = status.get("podIP"), status.get("startTime")
        if not address or not started:
            return None
        for port in claim.ports:
            seconds = await self._ask(f"http://{address}:{port}/metrics")
            if seconds is not None:
                since = datetime.fromisoformat(started)
                return look(self._looks.get(claim.holder), since, self._context.now(), seconds)
        return None

    async def _ask(self, url: str) -> float | None:
        try:
            async with self._context.http.get(url, timeout=aiohttp.ClientTimeout(total=PATIENCE)) as answer:
                return computed(await answer.text()) if answer.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, UnicodeDecodeError):
            return None


class _Once:
    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = found

    def collect(self) -> Iterable[Metric]:
        return self._found


def _exposition(found: Iterable[Metric]) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(found))
    return generate_latest(registry)


async def serve(
    stack: AsyncExitStack, context: Context, manager: Manager, nodes: Iterable[LocalNode], port: int = PORT
) -> None:
    """Listen on the address of every node with GPUs until the stack is closed."""
    for node in nodes:
        if node.instance_type.accelerator_resource != RESOURCE_GPU:
            continue
        runner = web.AppRunner(
            Exporter(context, manager, node).application(), access_log=None, shutdown_timeout=0.5
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, node.address, port).start()
