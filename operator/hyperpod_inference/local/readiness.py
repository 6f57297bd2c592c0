"""Waiting for a condition with a deadline, giving up early when it can no longer come true."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from hyperpod_inference.local.errors import StartError

_PAUSE = 0.05


async def until(
    condition: Callable[[], Awaitable[bool]],
    patience: float,
    check: Callable[[], None],
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Return once `condition` holds.

    `check` is called before every look and raises when waiting has become pointless. Raises StartError after
    `patience` seconds.
    """
    deadline = clock() + patience
    while True:
        check()
        if await condition():
            return
        if clock() >= deadline:
            raise StartError(
                f"not ready after {patience:.0f} s", "The logs say why: see the state directory's logs/"
            )
        await asyncio.sleep(_PAUSE)
