"""The inference add-on is brought to another version, and back."""

import asyncio
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field

from hyperpod_inference.cloud.errors import Exists, Missing
from hyperpod_inference.migration.facts import Account
from hyperpod_inference.migration.steps.base import Before, Step
from hyperpod_inference.migration.steps.waiting import FAILED, until_at_rest, until_it_works
from hyperpod_inference.migration.world import World


class UpdateAddon(Step):
    """An add-on gets a version and a whole configuration, and is waited for."""

    kind: Literal["update-addon"] = "update-addon"
    name: str
    version: str
    configuration: dict[str, Any] = Field(default_factory=dict)
    seconds: float = 1800.0

    @property
    def id(self) -> str:
        """update-addon/NAME."""
        return f"update-addon/{self.name}"

    @property
    def changes(self) -> str:
        """What it changes."""
        return f"updates the EKS add-on {self.name} to {self.version}, and waits until it is ACTIVE again"

    @property
    def undone_by(self) -> str:
        """How it is undone."""
        return "updates it to the version and configuration that it had"

    @property
    def interrupts(self) -> str:
        """Models keep answering; what waits is named."""
        return "no traffic; while the operator is replaced, changes to endpoints wait"

    def actions(self, account: Account) -> Iterable[tuple[str, str]]:
        """EKS's call for it."""
        cluster = f"{account.region}:{account.account}:addon/{account.cluster}"
        yield "eks:UpdateAddon", f"arn:{account.partition}:eks:{cluster}/{self.name}/*"

    async def before(self, world: World) -> Before:
        """Its version and configuration. Raises Missing."""
        found = await asyncio.to_thread(world.eks.addon, self.name)
        if found is None:
            raise Missing("eks:DescribeAddon", "ResourceNotFoundException", f"no add-on {self.name} any more")
        return {"version": found.version, "configuration": dict(found.configuration)}

    async def run(self, world: World, before: Before) -> None:
        """Update it, or wait for an update that is on its way. Raises AddonFailed, OutOfTime."""
        await self._bring(world, self.version, self.configuration)

    async def undo(self, world: World, before: Before) -> None:
        """Update it back."""
        await self._bring(world, before["version"], before["configuration"])

    async def _bring(self, world: World, version: str, configuration: dict[str, Any]) -> None:
        await until_at_rest(world, self.name, self.seconds)
        found = await asyncio.to_thread(world.eks.addon, self.name)
        there = found is not None and (found.version, dict(found.configuration)) == (version, configuration)
        if found is None or not there or found.status in FAILED:
            try:
                await asyncio.to_thread(world.eks.update, self.name, version, configuration)
            except Exists:
                world.say(f"{self.name} is being updated already")
        await until_it_works(world, self.name, self.seconds)
