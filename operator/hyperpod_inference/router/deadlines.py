"""Deadlines of thousands of connections and requests at the price of one dict write each.

A timer per request would cost more than the rest of its way through; nobody needs one to the millisecond.
One sweep every `TICK` seconds calls those that are over, and looks at the clock for all that are set until
the next.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

logger = logging.getLogger(__name__)

NEVER = float("inf")
TICK = 0.25
"""Seconds between two sweeps; a deadline is noticed up to two of them late."""


class Bounded(Protocol):
    """Who has a deadline."""

    def on_deadline(self) -> None:
        """It is over."""


class Deadlines:
    """`set` one, and it is called once when its time is over, unless it was set anew or forgotten."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._at: dict[Bounded, float] = {}
        self.soon = clock() + TICK
        """The latest that it may be now."""

    def __len__(self) -> int:
        return len(self._at)

    def set(self, who: Bounded, seconds: float) -> None:
        """`seconds` from now; `NEVER` lifts it."""
        if seconds == NEVER:
            self._at.pop(who, None)
        else:
            self._at[who] = self.soon + seconds

    def forget(self, who: Bounded) -> None:
        """It has ended."""
        self._at.pop(who, None)

    def sweep(self) -> None:
        """Call all that are over."""
        now = self._clock()
        self.soon = now + TICK
        for who in [who for who, at in self._at.items() if at <= now]:
            if self._at.pop(who, NEVER) <= now:
                try:
                    who.on_deadline()
                except Exception:  # the deadlines of all others must not end with one
                    logger.exception("a deadline could not be kept: %r", who)

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            await asyncio.sleep(TICK)
            self.sweep()
