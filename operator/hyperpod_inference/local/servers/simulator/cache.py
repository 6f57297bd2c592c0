"""A prefix cache as vLLM keeps it: full blocks of tokens by chained hash, reference counts, LRU eviction.

Pure: every change is told as events, in the order in which it happened.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stored:
    """Blocks were added: `hashes` follow each other, the first follows `parent` (None at the beginning)."""

    hashes: tuple[int, ...]
    parent: int | None
    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Removed:
    """Blocks were evicted."""

    hashes: tuple[int, ...]


Event = Stored | Removed


class Full(Exception):  # noqa: N818 - a state, not a fault of the program
    """No block can be evicted: all are in use."""


class BlockCache:
    """`capacity` blocks of `block_size` tokens; `seed` starts the hash chain, another one in each process."""

    def __init__(self, capacity: int, block_size: int, seed: int) -> None:
        self.capacity, self.block_size, self._seed = capacity, block_size, seed
        self._used: dict[int, int] = {}
        self._idle: OrderedDict[int, None] = OrderedDict()
        self._events: list[Event] = []

    def __len__(self) -> int:
        return len(self._used) + len(self._idle)

    @property
    def used(self) -> int:
        """Blocks that running requests hold."""
        return len(self._used)

    def events(self) -> list[Event]:
        """What happened since the last call."""
        events, self._events = self._events, []
        return events

    def chain(self, tokens: Sequence[int], parent: int | None = None) -> list[int]:
        """The hashes of the full blocks of `tokens`, after `parent`."""
        size, hashes = self.block_size, []
        link = self._seed if parent is None else parent
        for at in range(0, len(tokens) - size + 1, size):
            link = hash((link, *tokens[at : at + size])) & 0x7FFFFFFFFFFFFFFF
            hashes.append(link)
        return hashes

    def hit(self, chain: Sequence[int]) -> int:
        """How many leading blocks are there."""
        for number, block in enumerate(chain):
            if block not in self._used and block not in self._idle:
                return number
        return len(chain)

    def take(self, chain: Sequence[int]) -> None:
        """Hold blocks that are there, so that they are not evicted."""
        for block in chain:
            self._idle.pop(block, None)
            self._used[block] = self._used.get(block, 0) + 1

    def store(self, chain: Sequence[int], parent: int | None, tokens: Sequence[int]) -> None:
        """Add blocks and hold them; those that came meanwhile are only held.

        Raises Full when there is no room; nothing was changed then.
        """
        there = self.hit(chain)
        self._make_room(len(chain) - there, chain[:there])
        self.take(chain)
        new = chain[there:]
        if new:
            size = self.block_size
            before = chain[there - 1] if there else parent
            self._events.append(Stored(tuple(new), before, tuple(tokens[there * size : len(chain) * size])))

    def release(self, chain: Sequence[int]) -> None:
        """Hold no more. The last block is the first to be evicted: a prefix outlives what follows it."""
        for block in reversed(chain):
            left = self._used[block] - 1
            if left:
                self._used[block] = left
            else:
                del self._used[block]
                self._idle[block] = None

    def _make_room(self, wanted: int, kept: Sequence[int]) -> None:
        over = len(self) + wanted - self.capacity
        if over <= 0:
            return
        keep = {*kept}
        victims = [block for block in self._idle if block not in keep][:over]
        if len(victims) < over:
            raise Full
        for block in victims:
            del self._idle[block]
        self._events.append(Removed(tuple(victims)))
