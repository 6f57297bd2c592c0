"""What the steps act on: one cluster, one account, a way to wait and a way to speak."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from hyperpod_inference.cloud.addons import Eks
from hyperpod_inference.cloud.errors import CloudError, is_passing
from hyperpod_inference.cloud.roles import Iam
from hyperpod_inference.cloud.tagging import Tagging
from hyperpod_inference.kube.client import Client


class OutOfTime(Exception):  # noqa: N818 - an outcome, told to a person
    """What was waited for did not come; the text says what, how long, and what was seen last."""


@dataclass(frozen=True, kw_only=True)
class World:
    """now: seconds of a monotonic clock. pause: waits that many seconds. say: one line of progress."""

    client: Client
    eks: Eks
    iam: Iam
    tagging: Tagging
    now: Callable[[], float]
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    say: Callable[[str], None] = lambda line: None
    poll: float = 10.0
    """Seconds between two looks at something that takes its time."""

    async def until(self, what: str, look: Callable[[], Awaitable[str]], within: float) -> None:
        """Wait until `look` answers ''; anything else it says is why not yet. Raises OutOfTime.

        An AWS that is busy or out of reach is waited for as well.
        """
        deadline, told = self.now() + within, ""
        while why := await _seen(look):
            if self.now() >= deadline:
                raise OutOfTime(f"{what}: not after {within:.0f} s; last seen: {why}")
            if why != told:
                self.say(f"{what}: {why}")
                told = why
            await self.pause(self.poll)


async def _seen(look: Callable[[], Awaitable[str]]) -> str:
    try:
        return await look()
    except CloudError as error:
        if not is_passing(error):
            raise
        return str(error)
