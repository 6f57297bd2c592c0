"""Which replica probably holds which prompt blocks: a flat dict from block to replicas, an LRU for each.

Replicas are bits of an int. Each touch of a chain renews its blocks from the last to the first, so a block is
never older than one that follows it, and what a replica holds stays closed under prefixes. That makes "how
deep does this replica hold the chain" a binary search. A property test holds the invariant.
"""

from collections import OrderedDict
from collections.abc import Sequence
from math import inf

from hyperpod_inference.router.replicas import Replica


class Holder:
    """What one replica holds."""

    __slots__ = ("bit", "blocks", "capacity")

    def __init__(self, bit: int) -> None:
        self.bit = bit
        self.blocks: OrderedDict[int, float] = OrderedDict()
        """The time of the last touch; oldest first."""
        self.capacity = inf
        """Blocks that the replica has room for, if it told."""


class PrefixIndex:
    """Bounded: `capacity` blocks for each replica, `capacity_in_all` for all together."""

    def __init__(self, capacity: int, capacity_in_all: int) -> None:
        self._most, self._most_in_all = capacity, capacity_in_all
        self._capacity = capacity
        self._holders: dict[Replica, Holder] = {}
        self._by_bit: dict[int, Replica] = {}
        self._bits: dict[int, int] = {}
        self._free: list[int] = []

    def __len__(self) -> int:
        """Different blocks held by anyone."""
        return len(self._bits)

    def held(self, replica: Replica) -> int:
        """Blocks that one replica holds."""
        return len(self._holders[replica].blocks) if replica in self._holders else 0

    def changed(self, everyone: Sequence[Replica], gone: Sequence[Replica]) -> None:
        """Forget those that are gone and share the capacity out anew."""
        for replica in gone:
            if holder := self._holders.pop(replica, None):
                self._evict(holder, 0)
                self._free.append(holder.bit)
        for replica in everyone:
            if replica not in self._holders:
                bit = self._free.pop() if self._free else 1 << len(self._holders)
                self._holders[replica], self._by_bit[bit] = Holder(bit), replica
        self._capacity = min(self._most, self._most_in_all // max(len(everyone), 1))
        for holder in self._holders.values():
            self._evict(holder, min(self._capacity, holder.capacity))

    def resize(self, replica: Replica, capacity: int) -> None:
        """The replica told how many blocks it has room for."""
        if holder := self._holders.get(replica):
            holder.capacity = capacity
            self._evict(holder, min(self._capacity, capacity))

    def depth(self, replica: Replica, blocks: Sequence[int], since: float = 0.0) -> int:
        """How many leading blocks of the chain the replica holds, of those touched after `since`."""
        held = self._holders[replica].blocks
        if not blocks or held.get(blocks[0], -1.0) < since:
            return 0
        low, high = 1, len(blocks)
        while low < high:
            middle = (low + high + 1) // 2
            if held.get(blocks[middle - 1], -1.0) >= since:
                low = middle
            else:
                high = middle - 1
        return low

    def deepest(self, blocks: Sequence[int]) -> tuple[int, int]:
        """How many leading blocks anyone holds, and the bits of those who hold them."""
        low, high, bits = 0, len(blocks), 0
        while low < high:
            middle = (low + high + 1) // 2
            if found := self._bits.get(blocks[middle - 1], 0):
                low, bits = middle, found
            else:
                high = middle - 1
        return low, bits

    def holders(self, bits: int, most: int) -> list[Replica]:
        """The replicas among `bits`, at most so many."""
        found: list[Replica] = []
        while bits and len(found) < most:
            lowest = bits & -bits
            found.append(self._by_bit[lowest])
            bits ^= lowest
        return found

    def touch(self, replica: Replica, blocks: Sequence[int], now: float = 0.0) -> None:
        """The replica is about to hold the whole chain."""
        holder = self._holders[replica]
        held, bit, bits = holder.blocks, holder.bit, self._bits
        for block in reversed(blocks):
            if block in held:
                held.move_to_end(block)
            else:
                bits[block] = bits.get(block, 0) | bit
            held[block] = now
        if len(held) > self._capacity or len(held) > holder.capacity:
            self._evict(holder, min(self._capacity, holder.capacity))

    def _evict(self, holder: Holder, capacity: float) -> None:
        held, bits, others = holder.blocks, self._bits, ~holder.bit
        while len(held) > capacity:
            block, _ = held.popitem(last=False)
            if left := bits[block] & others:
                bits[block] = left
            else:
                del bits[block]
