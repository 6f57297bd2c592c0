"""Health checks of one target group, as an ALB makes them, and the choice of a target.

A target serves once one check found it well; after that it takes `unhealthy` bad checks in a row to lose it,
and `healthy` good ones to have it back. When no target is well, all serve: an ALB fails open.
"""

import asyncio
import contextlib
import logging
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import aiohttp

from hyperpod_inference.local.agent.endpoints import Address
from hyperpod_inference.local.alb.annotations import Health

logger = logging.getLogger(__name__)
State = Literal["initial", "healthy", "unhealthy"]


@dataclass(frozen=True, slots=True)
class Judged:
    """A target's state; `against` counts the checks in a row that say otherwise."""

    state: State = "initial"
    against: int = 0

    def after(self, well: bool, health: Health) -> "Judged":
        """The state after one more check."""
        if self.state == "initial" and well:
            return Judged("healthy")
        if well == (self.state == "healthy"):
            return Judged("unhealthy" if self.state == "initial" else self.state)
        needed = health.healthy if well else health.unhealthy
        if self.against + 1 >= needed:
            return Judged("healthy" if well else "unhealthy")
        return replace(self, against=self.against + 1)


class TargetGroup:
    """The targets of one backend. `arn` names it in logs."""

    def __init__(self, arn: str, health: Health, algorithm: str, session: aiohttp.ClientSession) -> None:
        self.arn, self._health, self._algorithm, self._session = arn, health, algorithm, session
        self._judged: dict[Address, Judged] = {}
        self._checks: dict[Address, asyncio.Task[None]] = {}
        self._turn = 0
        self.outstanding: Counter[Address] = Counter()
        """Requests in work, by target."""

    def register(self, targets: Sequence[Address]) -> None:
        """Have exactly these targets; each new one is checked at once."""
        for gone in self._checks.keys() - {*targets}:
            self._checks.pop(gone).cancel()
            del self._judged[gone]
        for target in targets:
            if target not in self._checks:
                self._judged[target] = Judged()
                self._checks[target] = asyncio.create_task(self._watch(target))

    @property
    def states(self) -> dict[Address, State]:
        """Every target with its state."""
        return {target: judged.state for target, judged in self._judged.copy().items()}

    def observed(self) -> Mapping[Address, str]:
        """The same, for others to read at any time, from any thread."""
        return {**self.states}

    def choose(self) -> Address | None:
        """The target for the next request; None without targets."""
        well = [target for target, state in self.states.items() if state == "healthy"]
        able = sorted(well or self._judged)
        if not able:
            return None
        self._turn += 1
        if self._algorithm == "weighted_random":
            return random.choice(able)  # noqa: S311 - no secret
        turned = [*able[self._turn % len(able) :], *able[: self._turn % len(able)]]
        if self._algorithm == "least_outstanding_requests":
            return min(turned, key=lambda target: self.outstanding[target])
        return turned[0]

    async def close(self) -> None:
        """End the checks."""
        checks = [*self._checks.values()]
        self.register(())
        await asyncio.gather(*checks, return_exceptions=True)

    async def _watch(self, target: Address) -> None:
        while True:
            well = await self._is_well(target)
            before = self._judged[target]
            self._judged[target] = after = before.after(well, self._health)
            if after.state != before.state:
                logger.info("%s: target %s:%d is %s", self.arn.rpartition("/")[0], *target, after.state)
            await asyncio.sleep(self._health.interval)

    async def _is_well(self, target: Address) -> bool:
        host, port = target[0], self._health.port or target[1]
        url = f"{self._health.protocol.lower()}://{host}:{port}{self._health.path}"
        limit = aiohttp.ClientTimeout(total=self._health.timeout)
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with self._session.get(url, timeout=limit, allow_redirects=False, headers=_AGENT) as answer:
                return self._health.accepts(answer.status)
        return False


_AGENT = {"User-Agent": "ELB-HealthChecker/2.0"}
