"""`kvaware`: the score of `prefixaware` on blocks that the replicas report themselves.

The reports are vLLM's KV event stream (`kv_events` reads it). What has been sent and not been reported yet
counts as held too, else two requests with one beginning would part ways. A replica that does not report is
judged by what was sent to it. When that is all there is, the choice is `prefixaware`'s and says so in its
reason, and why in `router_kv_fallbacks_total`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from hyperpod_inference.router.replicas import Replica
from hyperpod_inference.router.request import Request
from hyperpod_inference.router.strategies.blocks import units, whole
from hyperpod_inference.router.strategies.choice import Choice
from hyperpod_inference.router.strategies.prefixaware import PrefixAware
from hyperpod_inference.router.strategies.reported import Known, Learned, Reported

EXPECTED_SECONDS = 10.0
"""So long a prompt counts as held by the replica it was sent to, whatever that reports."""


class Tokens(Protocol):
    """Finds out a prompt's tokens, later: `tokens.Tokens`."""

    def want(self, request: Request, replica: Replica, blocks: Sequence[int]) -> None:
        """Ask, unless too much is asked already."""

    results: Counter[str]


class Events(Protocol):
    """The reader of the reports: `kv_events.KvEvents`."""

    counts: Counter[str]


class KvAware:
    """`reports` is written by `kv_events`: only the replicas that report are in it."""

    def __init__(self, fallback: PrefixAware, capacity: int, clock: Callable[[], float]) -> None:
        self.fallback, self._clock = fallback, clock
        self.learned = Learned(capacity)
        self.reports: dict[Replica, Reported] = {}
        self.lost: set[Replica] = set()
        """Replicas that reported once, and whose stream is cut."""
        self.tokens: Tokens | None = None
        self.events: Events | None = None
        self.fallbacks: Counter[str] = Counter()
        """Choices without any report, by the reason."""

    def choose(self, request: Request, replicas: Sequence[Replica]) -> Choice:
        """The least work to do, where the replicas' own word says what is left to do."""
        blocks = self.fallback.blocks(request.body)
        depth, known = self.learned.find(blocks)
        choice = self._decide(request, replicas, blocks, depth, known)
        if self.tokens is not None and depth < len(blocks):
            self.tokens.want(request, choice.replica, blocks)
        return choice

    def _decide(
        self, request: Request, replicas: Sequence[Replica], blocks: Sequence[int], depth: int,
        known: Known | None,
    ) -> Choice:  # fmt: skip
        fallback = self.fallback
        why = self._why_not(replicas, known=depth > 0, new=not fallback.index.deepest(blocks)[0])
        if why:
            self.fallbacks[why] += 1
            return fallback.decide(request, replicas, blocks)._replace(reason="kv_fallback")
        if known is None:
            return fallback.decide(request, replicas, blocks)
        size = fallback.block_bytes
        chain = known.chain[: int(units(depth) * size / known.bytes_each)]
        since = self._clock() - EXPECTED_SECONDS

        def held(replica: Replica) -> int:
            reported = self.reports.get(replica)
            if reported is None:
                return fallback.index.depth(replica, blocks)
            found = reported.depth(chain)
            told = depth if found == len(chain) else min(depth, whole(found * known.bytes_each / size))
            return max(told, fallback.index.depth(replica, blocks, since))

        return fallback.decide(request, replicas, blocks, held)

    def _why_not(self, replicas: Sequence[Replica], *, known: bool, new: bool) -> str:
        """Why the reports cannot decide; "" when they can. A prompt that is new to all needs no report."""
        if not any(replica in self.reports for replica in replicas):
            return "disconnected" if any(replica in self.lost for replica in replicas) else "no_events"
        return "" if known or new else "not_tokenized"

    def changed(self, everyone: Sequence[Replica], gone: Sequence[Replica]) -> None:
        """Forget those that are gone."""
        for replica in gone:
            self.reports.pop(replica, None)
            self.lost.discard(replica)
        self.fallback.changed(everyone, gone)
