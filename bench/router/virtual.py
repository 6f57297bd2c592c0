"""Simulated replicas on a virtual clock, behind real sockets: real caches, and time that only they can pass.

A request is answered when the clock reaches the time at which the replica would have computed it. The clock
moves only after the router has passed on what came before, so a busy machine changes nothing in the result.
"""

import asyncio
import heapq
import itertools
import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from hyperpod_inference.local.servers.simulator.cache import BlockCache, Full
from hyperpod_inference.local.servers.simulator.engine import CostModel
from hyperpod_inference.local.servers.simulator.kv_events import Publisher
from hyperpod_inference.local.servers.simulator.tokens import answer, prompt_tokens, tokenize

ASKED_BY_PEERS = (
    "/health",
    "/health_generate",
    "/get_model_info",
    "/model_info",
    "/get_server_info",
    "/server_info",
)
CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "simulated"}


class Clock:
    """Events in the order of their time, in seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], Any]]] = []
        self._numbers = itertools.count()

    def at(self, when: float, what: Callable[[], Any]) -> None:
        """Call (and await) `what` then."""
        heapq.heappush(self._events, (when, next(self._numbers), what))

    async def run(self) -> None:
        """Until nothing is left."""
        while self._events:
            self.now, _, what = heapq.heappop(self._events)
            await what()


@dataclass(eq=False)
class Job:
    """One request at a replica."""

    tokens: list[int]
    words: list[str]
    came: float
    chain: list[int] = field(default_factory=list)
    first: asyncio.Event = field(default_factory=asyncio.Event)
    whole: asyncio.Event = field(default_factory=asyncio.Event)
    told: Callable[[], Any] = field(default=lambda: None)


class Replica:
    """One model server: prompts one after the other, answers side by side."""

    def __init__(
        self, clock: Clock, costs: CostModel, cache: BlockCache, publisher: Publisher | None
    ) -> None:
        self._clock, self._costs, self.cache, self._publisher = clock, costs, cache, publisher
        self._queue: deque[Job] = deque()
        self._busy = False
        self.queried = self.hit = 0
        self.arrived: dict[str, asyncio.Future[tuple[Replica, Job]]] = {}
        """By the last message, which is unique."""

    def application(self) -> web.Application:
        """What routers ask of a model server."""
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_post("/tokenize", self._tokenize)
        for path in ASKED_BY_PEERS:
            app.router.add_get(path, lambda _: web.json_response({"model_path": "m", "is_generation": True}))
        app.router.add_get(
            "/v1/models", lambda _: web.json_response({"object": "list", "data": [{"id": "simulated"}]})
        )
        size, blocks = self.cache.block_size, self.cache.capacity
        text = f'vllm:cache_config_info{{block_size="{size}",num_gpu_blocks="{blocks}"}} 1.0\n'
        app.router.add_get("/metrics", lambda _: web.Response(text=text))
        return app

    async def _tokenize(self, request: web.Request) -> web.Response:
        return web.json_response({"tokens": prompt_tokens(await request.json())})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        tokens, count = prompt_tokens(body), body.get("max_tokens") or body.get("max_completion_tokens") or 1
        job = Job(tokens, answer(tokens, count), self._clock.now)
        waiting = self.arrived.pop(body["messages"][-1]["content"], None)
        if waiting is None:  # a probe
            return web.json_response({"choices": [], **CHUNK})
        waiting.set_result((self, job))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await job.first.wait()
        await response.prepare(request)
        await response.write(self._chunk(job.words[0]))
        await job.whole.wait()
        await response.write(self._chunk("".join(job.words[1:])) + b"data: [DONE]\n\n")
        await response.write_eof()
        return response

    @staticmethod
    def _chunk(text: str) -> bytes:
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
        return b"data: " + json.dumps({**CHUNK, "choices": [choice]}).encode() + b"\n\n"

    def take(self, job: Job) -> None:
        """It stands in line."""
        self._queue.append(job)
        self._next()

    def _next(self) -> None:
        if self._busy or not self._queue:
            return
        job, cache = self._queue[0], self.cache
        chain, size = cache.chain(job.tokens), cache.block_size
        hit = cache.hit(chain)
        cache.take(chain[:hit])
        try:
            cache.store(chain[hit:], chain[hit - 1] if hit else None, job.tokens[hit * size :])
        except Full:
            cache.release(chain[:hit])
            return
        self._queue.popleft()
        self._busy, job.chain = True, chain
        cached = min(hit * size, len(job.tokens) - 1)
        self.queried += len(job.tokens)
        self.hit += cached
        self._tell()
        done = self._clock.now + self._costs.prefill(len(job.tokens) - cached)
        self._clock.at(done, lambda: self._prefilled(job))

    async def _prefilled(self, job: Job) -> None:
        self._busy = False
        job.first.set()
        await job.told()
        self._clock.at(self._clock.now + self._costs.decode(len(job.words) - 1), lambda: self._answered(job))
        self._next()

    async def _answered(self, job: Job) -> None:
        cache, size = self.cache, self.cache.block_size
        tokens = [*job.tokens, *tokenize("".join(job.words))]
        more = cache.chain(tokens[len(job.chain) * size :], job.chain[-1] if job.chain else None)
        try:
            cache.store(more, job.chain[-1] if job.chain else None, tokens[len(job.chain) * size :])
            job.chain += more
        except Full:
            pass
        cache.release(job.chain)
        self._tell()
        job.whole.set()
        await job.told()
        self._next()

    def _tell(self) -> None:
        events = self.cache.events()
        if events and self._publisher:
            self._publisher.publish(events)


async def settled(seconds: float) -> None:
    """Real time for what nobody answers: events on their way."""
    if seconds:
        end = time.monotonic() + seconds
        while time.monotonic() < end:  # noqa: ASYNC110 - real time is what is waited for
            await asyncio.sleep(0.002)
