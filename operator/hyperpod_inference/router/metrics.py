"""What the data plane counts, kept as plain numbers: a count costs an addition, the text is made on a scrape.

`exposition` turns this into Prometheus' format for the router, `model_metrics` for the sidecar.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hyperpod_inference.router.request import Request
from hyperpod_inference.router.strategies.choice import Choice

if TYPE_CHECKING:
    from hyperpod_inference.router.exchange import Exchange

FIRST_BYTE_BOUNDS = (.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300)  # fmt: skip
GAP_BOUNDS = (.001, .0025, .005, .01, .02, .03, .05, .075, .1, .2, .5, 1, 5)  # fmt: skip
KNOWN_PATHS = frozenset({
    "/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/models", "/invocations",
})  # fmt: skip


class Histogram:
    """Counts by upper bound, in seconds."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """One for each bound, and one for all above; not cumulative."""
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds


class Metrics:
    """All counts of one process."""

    def __init__(self) -> None:
        self.ttfb = Histogram(FIRST_BYTE_BOUNDS)
        """From the whole request to the first byte of the answer's body."""
        self.chunk_gap = Histogram(GAP_BOUNDS)
        """Between two parts of one answer."""
        self.duration = Histogram(FIRST_BYTE_BOUNDS)
        """From the whole request to the end of the answer."""
        self.requests: Counter[tuple[bytes, int]] = Counter()
        """By path (those of `KNOWN_PATHS`, else `other`) and status."""
        self.decisions: Counter[str] = Counter()
        """By the strategy's reason."""
        self.refused: Counter[int] = Counter()
        """Requests answered before they were whole, by status."""
        self.retries = self.stale = self.overflows = 0
        self.invocations = self.errors = 0
        """Calls of the model, and those answered with 400 or above or not at all: the sidecar's `model_*`."""
        self.blocks = self.missed_blocks = 0

    def decided(self, choice: Choice) -> None:
        """A strategy chose."""
        self.decisions[choice.reason] += 1
        if choice.blocks:
            self.blocks += choice.blocks
            self.missed_blocks += choice.misses - 1

    def ended(self, exchange: "Exchange", now: float) -> None:
        """A request is over."""
        request, status = exchange.request, exchange.status
        self.duration.observe(now - request.started)
        self._count(request, status, failed=status >= 400 or bool(exchange.reason))

    def overflowed(self, request: Request, status: int) -> None:
        """A request found no place."""
        self.overflows += 1
        self._count(request, status, failed=True)

    def _count(self, request: Request, status: int, *, failed: bool) -> None:
        target = request.target
        self.requests[target if target in _KNOWN_TARGETS else b"other", status] += 1
        if request.is_call:
            self.invocations += 1
            self.errors += failed


_KNOWN_TARGETS = frozenset(path.encode() for path in KNOWN_PATHS)
