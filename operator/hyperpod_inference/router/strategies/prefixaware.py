"""`prefixaware`: the replica with the least predicted work, not the one with the longest match.

    score = blocks of this prompt it would have to compute + weight x blocks that wait there for their prefill

Then the fewest in flight, then consistent hashing, so that several routers choose alike. A long match on a
replica with a long queue loses against an idle one, which is what keeps hot prefixes from piling up.
"""

from collections.abc import Sequence

from hyperpod_inference.router import settings
from hyperpod_inference.router.replicas import Replica
from hyperpod_inference.router.request import Request
from hyperpod_inference.router.strategies.blocks import chain, short_key
from hyperpod_inference.router.strategies.choice import Choice, rank
from hyperpod_inference.router.strategies.index import PrefixIndex
from hyperpod_inference.router.strategies.ring import Ring

MOST_CANDIDATES = 16
"""With more replicas, only so many are scored: holders of the prefix, and the ring's next ones."""


class PrefixAware:
    """Learns from its own decisions where prefixes are; `salt` keys the hashes of this process."""

    def __init__(self, prefix: settings.Prefix, salt: int = 0) -> None:
        self._prefix, self.salt = prefix, salt
        self.index = PrefixIndex(prefix.blocks_per_replica, prefix.blocks_in_all)
        self._ring = Ring(())
        self._all = 0

    def choose(self, request: Request, replicas: Sequence[Replica]) -> Choice:
        """Score the candidates, and remember that the chosen one will hold the prompt."""
        body, index, weight = request.body, self.index, self._prefix.pending_weight
        blocks = chain(body, self._prefix.block_bytes, self.salt)
        key = short_key(body, self._prefix.block_bytes)
        held, bits = index.deepest(blocks)
        best: tuple[float, int, int] | None = None
        chosen, depth = replicas[0], 0
        for replica in self._candidates(replicas, key, bits):
            deep = index.depth(replica, blocks) if held else 0
            score = (len(blocks) - deep + weight * replica.pending, replica.in_flight, rank(replica, key))
            if best is None or score < best:
                best, chosen, depth = score, replica, deep
        index.touch(chosen, blocks)
        return Choice(chosen, _reason(depth, held), len(blocks), len(blocks) - depth + 1)

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


def _reason(depth: int, held: int) -> str:
    if depth:
        return "prefix"
    return "balance" if held else "new_prefix"
