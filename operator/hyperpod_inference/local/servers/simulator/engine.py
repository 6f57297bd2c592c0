"""Time: prompts are computed one after the other, tokens of all running requests at a fixed pace.

Only blocks that are not in the cache cost prefill time. A request waits while the cache has no room for it.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from hyperpod_inference.local.servers.simulator.cache import BlockCache, Event, Full
from hyperpod_inference.local.servers.simulator.tokens import answer, tokenize
from hyperpod_inference.router.metrics import GAP_BOUNDS, Histogram

FIRST_TOKEN_BOUNDS = (.001, .005, .01, .02, .04, .06, .08, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10)  # fmt: skip
ANSWER_BOUNDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
"""In tokens."""


@dataclass(frozen=True, slots=True)
class CostModel:
    """How long things take; `scale` 10 makes everything ten times as fast."""

    prefill_tokens_per_second: float = 12_000
    decode_tokens_per_second: float = 40
    overhead_seconds: float = 0.002
    """Of each prefill, whatever its length."""
    scale: float = 1.0

    def prefill(self, tokens: int) -> float:
        """Seconds to compute so many prompt tokens."""
        return (self.overhead_seconds + tokens / self.prefill_tokens_per_second) / self.scale

    def decode(self, tokens: int) -> float:
        """Seconds for so many tokens of one answer."""
        return tokens / self.decode_tokens_per_second / self.scale


@dataclass(frozen=True, slots=True)
class Finished:
    """A whole answer: its tokens, seconds from the first to the last, and requests computed with it."""

    tokens: int
    seconds: float
    batch: int


@dataclass(slots=True)
class Counts:
    """For the metrics, in tokens and requests."""

    running: int = 0
    waiting: int = 0
    queried: int = 0
    hit: int = 0
    generated: int = 0
    prompt: int = 0
    first_token: Histogram = field(default_factory=lambda: Histogram(FIRST_TOKEN_BOUNDS))
    inter_token: Histogram = field(default_factory=lambda: Histogram(GAP_BOUNDS))
    prefill_time: Histogram = field(default_factory=lambda: Histogram(FIRST_TOKEN_BOUNDS))
    queued: Histogram = field(default_factory=lambda: Histogram(FIRST_TOKEN_BOUNDS))
    answers: Histogram = field(default_factory=lambda: Histogram(ANSWER_BOUNDS))
    last: deque[Finished] = field(default_factory=lambda: deque(maxlen=10))


@dataclass(slots=True)
class Run:
    """One request: its prompt's tokens, those found in the cache, and the text of its answer by token."""

    prompt: Sequence[int]
    words: list[str]
    cached: int = 0
    chain: list[int] = field(default_factory=list)
    """The blocks that it holds in the cache."""
    open: list[int] = field(default_factory=list)
    """Tokens after the last full block."""
    done: int = 0
    """Tokens of the answer that are in blocks, or in `open`."""


class BusyClock:
    """How long the GPU has computed, in seconds; a `with` block is work, and blocks may overlap."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._at_work, self._since, self._before = clock, 0, 0.0, 0.0

    def __enter__(self) -> None:
        if not self._at_work:
            self._since = self._clock()
        self._at_work += 1

    def __exit__(self, *_: object) -> None:
        self._at_work -= 1
        if not self._at_work:
            self._before += self._clock() - self._since

    @property
    def seconds(self) -> float:
        """Until now."""
        return self._before + (self._clock() - self._since if self._at_work else 0.0)


class Engine:
    """One model server's GPU. `publish` gets the cache's events."""

    def __init__(self, costs: CostModel, cache: BlockCache, publish: Callable[[list[Event]], None]) -> None:
        self._costs, self.cache, self._publish = costs, cache, publish
        self._prefill = asyncio.Lock()  # first come, first served
        self._room = asyncio.Condition()
        self._free_at = 0.0
        self.counts, self.busy = Counts(), BusyClock()

    async def run(self, prompt: Sequence[int], count: int, step: int = 1) -> AsyncIterator[tuple[Run, int]]:
        """(the request, tokens so far) after the prefill and then for each `step` tokens, as time passes."""
        loop, began = asyncio.get_running_loop(), asyncio.get_running_loop().time()
        run = Run(prompt, answer(prompt, count))
        self.counts.waiting += 1
        try:
            try:
                async with self._prefill:
                    await self._compute(run, began)
            finally:
                self.counts.waiting -= 1
            self.counts.running += 1
            try:
                with self.busy:
                    now, before = loop.time(), min(1, count)
                    yield run, before
                    for each in range(1 + step, count + step, step):
                        done = min(each, count)
                        await _until(now + self._costs.decode(done - 1))
                        self._grow(run, done)
                        for _ in range(done - before):
                            self.counts.inter_token.observe(self._costs.decode(1))
                        before = done
                        yield run, done
                self._finished(count)
            finally:
                self.counts.running -= 1
        finally:
            self.cache.release(run.chain)
            async with self._room:
                self._room.notify_all()

    def _finished(self, count: int) -> None:
        counts = self.counts
        counts.generated += count
        counts.answers.observe(count)
        counts.last.append(Finished(count, self._costs.decode(count - 1), counts.running))

    async def _compute(self, run: Run, began: float) -> None:
        """Wait for room, then for the time that the blocks that are not there take.

        Counted from when the request came and the one before it was done, not from when this process got to
        it: a busy machine does not slow the simulated one down.
        """
        size, chain, counts = self.cache.block_size, self.cache.chain(run.prompt), self.counts
        hit = self.cache.hit(chain)
        run.cached = min(hit * size, len(run.prompt) - 1)
        run.open = [*run.prompt[len(chain) * size :]]
        counts.queried += len(run.prompt)
        counts.prompt += len(run.prompt)
        counts.hit += run.cached
        self.cache.take(chain[:hit])
        run.chain = chain[:hit]
        waited = await self._store(chain[hit:], chain[hit - 1] if hit else None, run.prompt[hit * size :])
        run.chain = chain
        start = asyncio.get_running_loop().time() if waited else max(began, self._free_at)
        takes = self._costs.prefill(len(run.prompt) - run.cached)
        self._free_at = start + takes
        counts.queued.observe(start - began)
        counts.prefill_time.observe(takes)
        counts.first_token.observe(self._free_at - began)
        with self.busy:
            await _until(self._free_at)

    async def _store(self, chain: list[int], parent: int | None, tokens: Sequence[int]) -> bool:
        """Add blocks, once there is room; had it to wait?"""
        waited = False
        while True:
            try:
                self.cache.store(chain, parent, tokens)
            except Full:
                waited = True
                async with self._room:
                    await self._room.wait()
            else:
                self._tell()
                return waited

    def _grow(self, run: Run, done: int) -> None:
        """Tokens of the answer fill blocks too; without room they are simply not kept."""
        run.open += tokenize("".join(run.words[run.done : done]))
        run.done = done
        size = self.cache.block_size
        full = len(run.open) // size * size
        if not full:
            return
        parent = run.chain[-1] if run.chain else None
        more, tokens = self.cache.chain(run.open[:full], parent), run.open[:full]
        run.open = run.open[full:]
        try:
            self.cache.store(more, parent, tokens)
        except Full:
            return
        run.chain += more
        self._tell()

    def _tell(self) -> None:
        if events := self.cache.events():
            self._publish(events)


async def _until(moment: float) -> None:
    left = moment - asyncio.get_running_loop().time()
    if left > 0:
        await asyncio.sleep(left)
