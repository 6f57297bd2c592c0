"""A consistent-hash ring: keys to replicas, at a cost that does not grow with the number of replicas."""

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence

import xxhash

from hyperpod_inference.router.replicas import Replica

POINTS = 100
"""Points of each replica on the ring: the busiest gets about 1.2 times the mean of keys."""


class Ring:
    """Built anew for each set of replicas; the same set gives the same ring in every process."""

    def __init__(self, replicas: Sequence[Replica]) -> None:
        points = sorted(
            (xxhash.xxh3_64_intdigest(b"%b#%d" % (replica.name.encode(), number)), position)
            for position, replica in enumerate(replicas)
            for number in range(POINTS)
        )
        self._hashes = [point for point, _ in points]
        self._owners = [replicas[position] for _, position in points]

    def pick(self, key: int, allowed: Collection[Replica]) -> Replica | None:
        """The first allowed replica at or after `key` (0 to 2**64-1)."""
        return next((replica for replica in self._from(key) if replica in allowed), None)

    def nearest(self, key: int, count: int) -> list[Replica]:
        """The first `count` different replicas at or after `key`."""
        found: dict[Replica, None] = {}
        for replica in self._from(key):
            found[replica] = None
            if len(found) == count:
                break
        return [*found]

    def _from(self, key: int) -> Iterator[Replica]:
        start = bisect_left(self._hashes, key)
        yield from self._owners[start:]
        yield from self._owners[:start]
