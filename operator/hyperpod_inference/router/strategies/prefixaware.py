"""`prefixaware`: the replica with the least predicted work, not the one with the longest match.

    score = blocks of this prompt it would have to compute + weight x blocks that wait there for their prefill

Then the fewest in flight, then consistent hashing, so that several routers choose alike. A long match on a
replica with a long queue loses against an idle one, which is what keeps hot prefixes from piling up.
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import inf

from hyperpod_inference.router import settings
from hyperpod_inference.router.replicas import Replica
from hyperpod_inference.router.request import Request
from hyperpod_inference.router.strategies.blocks import chain, short_key, units
from hyperpod_inference.router.strategies.choice import Choice, nearest
from hyperpod_inference.router.strategies.index import PrefixIndex
from hyperpod_inference.router.strategies.ring import Ring

MOST_CANDIDATES = 16
"""With more replicas, only so many are scored: holders of the prefix, and the ring's next ones."""


class PrefixAware:
    """Learns from its own decisions where prefixes are; `salt` keys the hashes of this process."""

    def __init__(
        self, prefix: settings.Prefix, salt: int = 0, clock: Callable[[], float] = lambda: 0.0
    ) -> None:
        self._prefix, self.salt, self._clock = prefix, salt, clock
        self.index = PrefixIndex(prefix.blocks_per_replica, prefix.blocks_in_all)
        self._ring = Ring(())
        self._all = 0

    @property
    def block_bytes(self) -> int:
        """Bytes of the prompt that make one block."""
        return self._prefix.block_bytes

    def blocks(self, body: bytes) -> list[int]:
        """The hashes of a prompt's blocks."""
        return chain(body, self._prefix.block_bytes, self.salt)

    def choose(self, request: Request, replicas: Sequence[Replica]) -> Choice:
        """The least predicted work, where what was sent is what is held."""
        return self.decide(request, replicas, self.blocks(request.body))

    def decide(
        self, request: Request, replicas: Sequence[Replica], blocks: Sequence[int],
        depth_of: Callable[[Replica], int] | None = None,
    ) -> Choice:  # fmt: skip
        """Score the candidates, and remember that the chosen one will hold the prompt.

        `depth_of` says how many leading blocks a replica holds, if the index is not to say it.
        """
        index, weight = self.index, self._prefix.pending_weight
        key = short_key(request.body, self._prefix.block_bytes)
        held, bits = index.deepest(blocks) if blocks else (0, 0)
        if depth_of is None and held:
            depth_of = partial(index.depth, blocks=blocks)
        best, load, depth, most, deep, first = inf, 0, 0, 0, 0, replicas[:0]
        some = replicas if len(replicas) <= MOST_CANDIDATES else self._candidates(replicas, key, bits)
        for replica in some:
            score = weight * replica.pending
            if depth_of:
                deep = units(depth_of(replica))
                score -= deep
                most = max(most, deep)
            if score < best or (score == best and replica.in_flight < load):
                best, load, depth, first = score, replica.in_flight, deep, [replica]
            elif score == best and replica.in_flight == load and deep == depth:
                first = [*first, replica]
        chosen = first[0] if len(first) == 1 else nearest(first, key)
        if not blocks:
            return Choice(chosen, "new_prefix", 0, 1)
        size = units(len(blocks))
        index.touch(chosen, blocks, self._clock())
        return Choice(chosen, _reason(depth, most), size, size - depth + 1)

    def changed(self, everyone: Sequence[Replica], gone: Sequence[Replica]) -> None:
        """Forget what the gone ones held."""
        self.index.changed(everyone, gone)
        self._all = len(everyone)
        self._ring = Ring(everyone) if len(everyone) > MOST_CANDIDATES else Ring(())

    def _candidates(self, replicas: Sequence[Replica], key: int, bits: int) -> Sequence[Replica]:
        some = self._ring.nearest(key, MOST_CANDIDATES) + self.index.holders(bits, MOST_CANDIDATES)
        if len(replicas) == self._all:
            return some
        return [replica for replica in some if replica in replicas] or replicas[:MOST_CANDIDATES]


def _reason(depth: int, held: int) -> str:
    if depth:
        return "prefix"
    return "balance" if held else "new_prefix"
