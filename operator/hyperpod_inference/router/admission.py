"""How many requests are in work at once, and how many may wait for a place: the resource's `requestLimits`.

First come, first served. A request that finds no place and no room to wait is refused at once; one that
waited too long is refused then. Both get AWS's documented body.
"""

import json
from collections import OrderedDict
from collections.abc import Callable

from hyperpod_inference.router import settings
from hyperpod_inference.router.deadlines import Deadlines


class Waiting:
    """A request in the queue: exactly one of `admitted`, `refused` is called, unless it leaves before."""

    __slots__ = ("_queue", "admitted", "refused")

    def __init__(self, queue: "Queue", admitted: Callable[[], None], refused: Callable[[], None]) -> None:
        self._queue, self.admitted, self.refused = queue, admitted, refused

    def on_deadline(self) -> None:
        """It waited too long."""
        if self._queue.drop(self):
            self.refused()


class Queue:
    """Places and those who wait for one."""

    def __init__(self, limits: settings.Admission, deadlines: Deadlines) -> None:
        self.limits, self._deadlines = limits, deadlines
        self._waiting: OrderedDict[Waiting, None] = OrderedDict()
        self.active = 0
        """Requests in work."""

    def __len__(self) -> int:
        return len(self._waiting)

    def enter(self) -> bool:
        """Take a place, if one is free; give it back with `leave`."""
        if self.limits.max_concurrent and self.active >= self.limits.max_concurrent:
            return False
        self.active += 1
        return True

    def wait(self, admitted: Callable[[], None], refused: Callable[[], None]) -> Waiting | None:
        """Wait for a place; None when there is no room to wait."""
        if len(self._waiting) >= self.limits.max_queue:
            return None
        waiting = Waiting(self, admitted, refused)
        self._waiting[waiting] = None
        self._deadlines.set(waiting, self.limits.wait_seconds)
        return waiting

    def leave(self) -> None:
        """Give a place back; the first in the queue takes it."""
        if self._waiting:
            first = next(iter(self._waiting))
            self.drop(first)
            first.admitted()
        else:
            self.active -= 1

    def drop(self, waiting: Waiting) -> bool:
        """Take it out of the queue; False when it was not there."""
        self._deadlines.forget(waiting)
        return self._waiting.pop(waiting, 0) is None

    def overflow_body(self) -> bytes:
        """The body of a refusal, as AWS documents it."""
        limits = self.limits
        return json.dumps(
            {
                "error": "Too many concurrent requests",
                "max_concurrent": limits.max_concurrent,
                "max_queue_size": limits.max_queue,
                "current": self.active,
            },
            separators=(",", ":"),
        ).encode()
