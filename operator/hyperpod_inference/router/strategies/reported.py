"""What the replicas report to hold, and which prompt bytes that is: the facts of `kvaware`.

A report names blocks of tokens by hashes that only their sender can make (seeded, over tokens). But it also
says which tokens they hold and which block they follow, so each block gets a hash made here, the same for
all replicas. `Learned` keeps what `/tokenize` told about prompts, so that a prompt whose beginning was seen
before is known in tokens without asking anybody.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

MOST_BLOCKS = 1_048_576
"""Kept for one replica; one that never reports a removal loses its oldest."""
_HERE = (None, "GPU")
"""Blocks in other media (the CPU's memory, a disk) are not counted as held: loading them takes time too."""


class Event(NamedTuple):
    """One event as it came, whichever form it had; fields that its kind lacks are empty."""

    kind: str
    hashes: Sequence[int | bytes] = ()
    parent: int | bytes | None = None
    tokens: Sequence[int] = ()
    block_size: int = 0
    medium: str | None = None


class Reported:
    """The cache of one replica, as far as it told."""

    def __init__(self) -> None:
        self._ours: dict[int | bytes, int] = {}
        self._held: Counter[int] = Counter()
        self.block_size = 0
        self.orphans = 0
        """Blocks that follow one whose report was missed: nobody can say which prompt they belong to."""

    def __len__(self) -> int:
        return len(self._ours)

    def apply(self, events: Iterable[Event]) -> None:
        """Follow the replica's cache."""
        for event in events:
            if event.kind == "BlockStored" and event.medium in _HERE:
                self._store(event)
            elif event.kind == "BlockRemoved" and event.medium in _HERE:
                for name in event.hashes:
                    self._remove(name)
            elif event.kind == "AllBlocksCleared":
                self.clear()

    def clear(self) -> None:
        """It holds nothing, or nobody knows what."""
        self._ours.clear()
        self._held.clear()

    def depth(self, chain: Sequence[int]) -> int:
        """How many leading blocks of the chain it holds; engines evict the end of a chain first."""
        held, low, high = self._held, 0, len(chain)
        while low < high:
            middle = (low + high + 1) // 2
            if chain[middle - 1] in held:
                low = middle
            else:
                high = middle - 1
        return low

    def _store(self, event: Event) -> None:
        link = 0 if event.parent is None else self._ours.get(event.parent)
        if link is None:
            self.orphans += len(event.hashes)
            return
        self.block_size = size = event.block_size
        for name, ours in zip(event.hashes, token_chain(event.tokens, size, link), strict=False):
            if name not in self._ours:
                self._ours[name] = ours
                self._held[ours] += 1
        while len(self._ours) > MOST_BLOCKS:
            self._remove(next(iter(self._ours)))

    def _remove(self, name: int | bytes) -> None:
        ours = self._ours.pop(name, None)
        if ours is None:
            return
        if self._held[ours] > 1:
            self._held[ours] -= 1
        else:
            del self._held[ours]


def token_chain(tokens: Sequence[int], size: int, link: int = 0) -> list[int]:
    """Hashes of the full blocks of `size` tokens; each includes all before it."""
    chain = []
    for at in range(0, len(tokens) - size + 1, size):
        link = hash((link, *tokens[at : at + size]))
        chain.append(link)
    return chain


class Known(NamedTuple):
    """A prompt in tokens."""

    chain: Sequence[int]
    bytes_each: float
    """Bytes of the request for one block of tokens, on the mean."""


class Learned:
    """Prompts whose tokens are known, by the hashes of their byte blocks; the oldest are forgotten."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._known: OrderedDict[int, Known] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def learn(self, blocks: Sequence[int], size: int, tokens: Sequence[int], block_size: int) -> None:
        """The prompt with these byte blocks, `size` bytes in all, has these tokens."""
        chain = token_chain(tokens, block_size)
        known = Known(chain, size / max(len(chain), 1))
        for block in reversed(blocks):
            self._known[block] = known
            self._known.move_to_end(block)
        while len(self._known) > self._capacity:
            self._known.popitem(last=False)

    def find(self, blocks: Sequence[int]) -> tuple[int, Known | None]:
        """How many leading byte blocks are known, and the prompt that begins with them."""
        low, high, found = 0, len(blocks), None
        while low < high:
            middle = (low + high + 1) // 2
            known = self._known.get(blocks[middle - 1])
            if known is not None:
                low, found = middle, known
            else:
                high = middle - 1
        return low, found


def as_event(row: Any) -> Event:
    """An event from msgpack: an array with its kind in front, or a map; unknown fields are ignored.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(row, dict):
        get = row.get
        return Event(
            str(get("type")), get("block_hashes") or (), get("parent_block_hash"), get("token_ids") or (),
            get("block_size") or 0, get("medium"),
        )  # fmt: skip
    if isinstance(row, list) and row:
        kind = str(row[0])
        if kind == "BlockStored" and len(row) >= 5:
            return Event(kind, row[1], row[2], row[3], row[4], row[6] if len(row) > 6 else None)
        if kind == "BlockRemoved" and len(row) >= 2:
            return Event(kind, row[1], medium=row[2] if len(row) > 2 else None)
        return Event(kind)
    raise ValueError(f"an event is an array or a map, got {type(row).__name__}")
