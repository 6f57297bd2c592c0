"""EKS add-ons: the inference add-on itself and those that it depends on."""

import asyncio
from typing import Any, Literal

from pydantic import Field

from hyperpod_inference.api.names import GROUP, OPERATOR_NAMESPACE
from hyperpod_inference.cloud.errors import Exists
from hyperpod_inference.kube.resources import CRDS
from hyperpod_inference.migration.steps.base import Before, Step
from hyperpod_inference.migration.steps.owned import conversions, held, identity, remove
from hyperpod_inference.migration.world import OutOfTime, World

GOING = frozenset({"CREATING", "UPDATING", "DELETING"})
FAILED = frozenset({"CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED"})


class AddonFailed(OutOfTime):
    """EKS could not make the add-on work; the text holds its reasons."""


class InstallAddon(Step):
    """An add-on is created and waited for. `preserve`: going back leaves its objects."""

    kind: Literal["addon"] = "addon"
    name: str
    version: str = ""
    configuration: dict[str, Any] = Field(default_factory=dict)
    role_arn: str = ""
    preserve: bool = True
    operator: bool = False
    """It is the inference add-on: what it holds in the cluster is noted, and removed on the way back."""
    seconds: float = 1800.0

    @property
    def id(self) -> str:
        """addon/NAME."""
        return f"addon/{self.name}"

    @property
    def changes(self) -> str:
        """What it changes."""
        version = self.version or "in EKS's default version"
        return f"creates the EKS add-on {self.name} {version}, and waits until it is ACTIVE without issues"

    @property
    def undone_by(self) -> str:
        """How it is undone."""
        kept = "keeping CRDs and resources" if self.operator or self.preserve else "with its objects"
        return f"deletes the add-on, {kept}"

    async def before(self, world: World) -> Before:
        """Whether it exists; for the inference add-on also who converts the resources, and what EKS holds."""
        found = await asyncio.to_thread(world.eks.addon, self.name)
        made: Before = {"existed": found is not None}
        if self.operator:
            made["conversions"] = await conversions(world.client, GROUP)
            made["held"] = sorted(identity(obj) for obj in await held(world.client, OPERATOR_NAMESPACE))
        return made

    async def run(self, world: World, before: Before) -> None:
        """Create it, or wait for one that is on its way. Raises AddonFailed."""
        found = await asyncio.to_thread(world.eks.addon, self.name)
        if found is not None and found.status in FAILED:
            await self._delete(world, preserve=True)  # the documented cure of a failed creation
            found = None
        if found is None:
            try:
                await asyncio.to_thread(
                    world.eks.create, self.name, self.version, self.configuration, self.role_arn
                )
            except Exists:
                world.say(f"{self.name} is being created already")
        await world.until(f"add-on {self.name}", lambda: self._waiting(world), self.seconds)

    async def undo(self, world: World, before: Before) -> None:
        """Delete it, and what it brought; give the CRDs their webhook back."""
        if before["existed"]:
            return
        await self._delete(world, preserve=self.preserve or self.operator)
        if not self.operator:
            return
        old = set(before["held"])
        for obj in await held(world.client, OPERATOR_NAMESPACE):
            if identity(obj) not in old:
                await remove(world.client, await world.client.resource_of(obj), obj)
        now = await conversions(world.client, GROUP)
        for name, conversion in before["conversions"].items():
            if name in now and now[name] != conversion:
                await world.client.patch(CRDS, name, None, {"spec": {"conversion": conversion}})

    async def _waiting(self, world: World) -> str:
        """'' when it works. A DEGRADED add-on may still come round; a failed one does not."""
        found = await asyncio.to_thread(world.eks.addon, self.name)
        if found is None:
            return "it is not there yet"
        issues = "; ".join(found.issues)
        if found.status in FAILED:
            raise AddonFailed(f"add-on {self.name} is {found.status}: {issues or 'EKS gives no reason'}")
        if found.status == "ACTIVE" and not issues:
            return ""
        return f"{found.status}{': ' if issues else ''}{issues}"

    async def _delete(self, world: World, *, preserve: bool) -> None:
        async def gone() -> str:
            found = await asyncio.to_thread(world.eks.addon, self.name)
            if found is not None and found.status not in GOING:
                await asyncio.to_thread(lambda: world.eks.delete(self.name, preserve=preserve))
            return "" if found is None else found.status

        await world.until(f"add-on {self.name} goes", gone, self.seconds)
