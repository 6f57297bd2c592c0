"""Waiting for a condition with a deadline, giving up early when it can no longer come true."""

import asyncio
import time
from collections.abc import Awaitable, Callable


async def until(
    condition: Callable[[], Awaitable[bool]],
    patience: float,
    check: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
    pause: float = 0.05,
) -> None:
    """Return once `condition` holds, looking every `pause` seconds.

    `check` is called before every look and raises when waiting has become pointless. Raises TimeoutError
    after `patience` seconds.
    """
    deadline = clock() + patience
    while True:
        check()
        if await condition():
            return
        if clock() >= deadline:
            raise TimeoutError
        await asyncio.sleep(pause)
