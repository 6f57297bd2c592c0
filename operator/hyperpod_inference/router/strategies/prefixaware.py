"""`prefixaware`: the replica with the least predicted work, not the one with the longest match.

    score = blocks of this prompt it would have to compute + weight x blocks that wait there for their prefill

Then the fewest in flight, then consistent hashing, so that several routers choose alike. A long match on a
replica with a long queue loses against an idle one, which is what keeps hot prefixes from piling up.
"""

from collections.abc import Callable, Sequence
from math import inf

from hyperpod_inference.router import settings
from hyperpod_inference.router.replicas import Replica
from hyperpod_inference.router.request import Request
from hyperpod_inference.router.strategies.blocks import chain, short_key, units
from hyperpod_inference.router.strategies.choice import Choice, rank
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
        index, weight, all_units = self.index, self._prefix.pending_weight, units(len(blocks))
        key = short_key(request.body, self._prefix.block_bytes)
        held, bits = index.deepest(blocks)
        if depth_of is None:
            depth_of = (lambda replica: index.depth(replica, blocks)) if held else _nothing
        best, load, most, chosen, depth = inf, 0, 0, replicas[0], 0
        for replica in self._candidates(replicas, key, bits):
            deep = units(depth_of(replica))
            score = all_units - deep + weight * replica.pending
            most = max(most, deep)
            if score > best or (score == best and replica.in_flight > load):
                continue
            if score == best and replica.in_flight == load and rank(replica, key) > rank(chosen, key):
                continue
            best, load, chosen, depth = score, replica.in_flight, replica, deep
        if blocks:
            index.touch(chosen, blocks, self._clock())
        return Choice(chosen, _reason(depth, most), all_units, all_units - depth + 1)

    def changed(self, everyone: Sequence[Replica], gone: Sequence[Replica]) -> None:
        """Forget what the gone ones held."""
        self.index.changed(everyone, gone)
        self._all = len(everyone)
        self._ring = Ring(everyone) if len(everyone) > MOST_CANDIDATES else Ring(())

    def _candidates(self, replicas: Sequence[Replica], key: int, bits: int) -> Sequence[Replica]:
        if len(replicas) <= MOST_CANDIDATES:
            return replicas
        some = self._ring.nearest(key, MOST_CANDIDATES) + self.index.holders(bits, MOST_CANDIDATES)
        if len(replicas) == self._all:
            return some
        return [replica for replica in some if replica in replicas] or replicas[:MOST_CANDIDATES]


def _nothing(_: Replica) -> int:
    return 0


def _reason(depth: int, held: int) -> str:
    if depth:
        return "prefix"
    return "balance" if held else "new_prefix"
