"""Looks at the endpoints all the while that steps run: whether each that served goes on serving."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self

from hyperpod_inference.cloud.errors import CloudError
from hyperpod_inference.kube.errors import ApiError
from hyperpod_inference.migration.endpoints import observed
from hyperpod_inference.migration.plan import Plan
from hyperpod_inference.migration.steps import Verify
from hyperpod_inference.migration.world import World

LOOK_SECONDS = 5.0


class Watch:
    """An async context manager; `report` says afterwards what was seen.

    An endpoint serves while it has a ready replica, by the probes of its own pods. A look that the API server
    does not answer counts for nothing.
    """

    def __init__(self, world: World, plan: Plan, seconds: float = LOOK_SECONDS) -> None:
        self._world, self._seconds = world, seconds
        self._expected = {name for step in plan.steps if isinstance(step, Verify) for name in step.ready}
        self.looks = 0
        self.missed: dict[str, int] = {}
        """Endpoint to the number of looks in which it had no ready replica."""
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.look()
        self._task = asyncio.create_task(self._go_on())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.look()

    async def look(self) -> None:
        """One look at every endpoint."""
        try:
            serving = {str(each) for each in await observed(self._world.client) if each.ready}
        except (ApiError, CloudError):
            return
        self.looks += 1
        for name in sorted(self._expected - serving):
            if name not in self.missed:
                self._world.say(f"{name} has no ready replica")
            self.missed[name] = self.missed.get(name, 0) + 1

    def report(self) -> str:
        """What was seen, in one sentence."""
        if not self._expected:
            return "No endpoint served before, so none was watched."
        if not self.missed:
            count = len(self._expected)
            return f"{count} endpoint{'s' * (count > 1)} served in each of {self.looks} looks."
        down = ", ".join(f"{name} in {count}" for name, count in sorted(self.missed.items()))
        return f"Without a ready replica in some of {self.looks} looks: {down}."

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            await self.look()
