"""EKS add-ons: the inference add-on itself and those that it depends on, created and waited for."""

import asyncio
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field

from hyperpod_inference.cloud.errors import Exists
from hyperpod_inference.kube.resources import CRDS
from hyperpod_inference.migration.facts import Account
from hyperpod_inference.migration.steps.base import Before, Step
from hyperpod_inference.migration.steps.owned import definitions, held, identity, remove
from hyperpod_inference.migration.steps.waiting import FAILED, GOING, until_it_works
from hyperpod_inference.migration.world import World


class InstallAddon(Step):
    """An add-on is created and waited for. `preserve`: going back leaves its objects."""

    kind: Literal["addon"] = "addon"
    name: str
    version: str = ""
    configuration: dict[str, Any] = Field(default_factory=dict)
    role_arn: str = ""
    preserve: bool = True
    namespace: str = ""
    """Where what EKS holds is noted, and removed on the way back, CRDs apart; '' leaves that to EKS."""
    group: str = ""
    """The API group whose CRDs are noted, and put back on the way back."""
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
        kept = "keeping CRDs and resources" if self.preserve else "with its objects"
        return f"deletes the add-on, {kept}"

    def actions(self, account: Account) -> Iterable[tuple[str, str]]:
        """EKS's calls for an add-on."""
        cluster = f"arn:{account.partition}:eks:{account.region}:{account.account}:cluster/{account.cluster}"
        yield "eks:CreateAddon", cluster
        yield "eks:TagResource", f"{cluster.replace(':cluster/', ':addon/')}/{self.name}/*"
        yield "eks:DeleteAddon", f"{cluster.replace(':cluster/', ':addon/')}/{self.name}/*"
        if self.role_arn:
            yield "iam:PassRole", self.role_arn

    async def before(self, world: World) -> Before:
        """Whether it exists, what EKS holds, and the CRDs as they are."""
        found = await asyncio.to_thread(world.eks.addon, self.name)
        made: Before = {"existed": found is not None, "held": [], "crds": {}}
        if self.namespace:
            made["held"] = sorted(identity(obj) for obj in await held(world.client, self.namespace))
        if self.group:
            made["crds"] = await definitions(world.client, self.group)
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
        await until_it_works(world, self.name, self.seconds)

    async def undo(self, world: World, before: Before) -> None:
        """Delete it, and what it brought; give the CRDs back what they said."""
        if before["existed"]:
            return
        await self._delete(world, preserve=self.preserve)
        if self.namespace:
            old = set(before["held"])
            for obj in await held(world.client, self.namespace):
                if identity(obj) not in old:
                    await remove(world.client, await world.client.resource_of(obj), obj)
        now = await definitions(world.client, self.group) if self.group else {}
        for name, spec in before["crds"].items():
            if name in now and now[name] != spec:
                await world.client.patch(CRDS, name, None, {"spec": spec})

    async def _delete(self, world: World, *, preserve: bool) -> None:
        async def gone() -> str:
            found = await asyncio.to_thread(world.eks.addon, self.name)
            if found is not None and found.status not in GOING:
                await asyncio.to_thread(lambda: world.eks.delete(self.name, preserve=preserve))
            return "" if found is None else found.status

        await world.until(f"add-on {self.name} goes", gone, self.seconds)
