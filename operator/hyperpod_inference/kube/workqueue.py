"""The queue between watches and workers: an item is never worked on twice at once, and never lost.

As in client-go: `dirty` (must be worked on), `processing` (somebody is at it), and the line of items that are
ready. An item added while it is processed goes back into the line when that work is done, once.
"""

import asyncio
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from hyperpod_inference.kube.metrics import QueueMetrics

Item = TypeVar("Item", bound=Hashable)

RETRY_BASE, RETRY_CAP = 0.005, 300.0


class QueueShutDown(Exception):  # noqa: N818 - not an error: the way a worker learns to go home
    """The queue takes and gives nothing any more."""


class WorkQueue(Generic[Item]):
    """A queue of hashable keys for one controller; everything but `get` is immediate."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        call_later: Callable[[float, Callable[[], None]], asyncio.TimerHandle] | None = None,
        observer: QueueMetrics | None = None,
    ) -> None:
        self._clock, self._call_later, self._observer = clock, call_later, observer
        self._line: asyncio.Queue[Item | None] = asyncio.Queue()  # None wakes workers at the end
        self._dirty: dict[Item, float] = {}  # item -> when it was added
        self._processing: dict[Item, float] = {}  # item -> when a worker took it
        self._later: dict[Item, asyncio.TimerHandle] = {}
        self._failures: dict[Item, int] = {}
        self._closed = False

    def __len__(self) -> int:
        return 0 if self._closed else self._line.qsize()

    def add(self, item: Item) -> None:
        """Work on the item as soon as a worker is free; adding it again before that changes nothing."""
        if self._closed or item in self._dirty:
            return
        self._dirty[item] = self._clock()
        if item not in self._processing:
            self._enqueue(item)

    def add_after(self, item: Item, seconds: float) -> None:
        """Add the item later; of several times for one item the earliest counts."""
        if self._closed:
            return
        if seconds <= 0:
            self.add(item)
            return
        handle = (self._call_later or asyncio.get_running_loop().call_later)(seconds, lambda: self._due(item))
        waiting = self._later.get(item)
        if waiting is not None and waiting.when() <= handle.when():
            handle.cancel()
            return
        if waiting is not None:
            waiting.cancel()
        self._later[item] = handle

    def add_failed(self, item: Item, at_least: float = 0.0) -> float:
        """Add the item after its own back-off, 5 ms doubling up to 5 min; returns the seconds it waits."""
        failures = self._failures.get(item, 0)
        self._failures[item] = failures + 1
        pause = max(min(RETRY_BASE * 2.0 ** min(failures, 32), RETRY_CAP), at_least)
        if self._observer:
            self._observer.retried()
        self.add_after(item, pause)
        return pause

    def forget(self, item: Item) -> None:
        """The item succeeded: its next failure starts from the shortest back-off."""
        self._failures.pop(item, None)

    async def get(self) -> Item:
        """Wait for an item and take it; the taker must call `done`.

        Raises:
            QueueShutDown: the queue was shut down; what is left is not handed out.
        """
        item = await self._line.get()
        if item is None or self._closed:
            self._line.put_nowait(None)  # for the next worker
            raise QueueShutDown
        now = self._clock()
        added = self._dirty.pop(item)
        self._processing[item] = now
        if self._observer:
            self._observer.taken(len(self), now - added)
        return item

    def done(self, item: Item) -> None:
        """The work is over, well or badly; if the item was added meanwhile it joins the line again."""
        taken = self._processing.pop(item)
        if self._observer:
            self._observer.finished(self._clock() - taken)
        if item in self._dirty and not self._closed:
            self._enqueue(item)

    def shutdown(self) -> None:
        """Take nothing more, call off what waits, and send the workers home as they come."""
        self._closed = True
        for handle in self._later.values():
            handle.cancel()
        self._later.clear()
        self._line.put_nowait(None)

    def processing_for(self) -> list[float]:
        """For how many seconds each item that is being worked on has been."""
        now = self._clock()
        return [now - taken for taken in self._processing.values()]

    def _enqueue(self, item: Item) -> None:
        self._line.put_nowait(item)
        if self._observer:
            self._observer.added(len(self))

    def _due(self, item: Item) -> None:
        self._later.pop(item, None)
        self.add(item)
