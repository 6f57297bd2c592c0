"""The finalizer of this project's operator: AWS's would never take it off, and no resource could go."""

import contextlib
from typing import Literal

from hyperpod_inference.api.names import FINALIZER
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.kube.resources import Body
from hyperpod_inference.migration.endpoints import bodies
from hyperpod_inference.migration.steps.base import Before, Step
from hyperpod_inference.migration.steps.owned import identity
from hyperpod_inference.migration.world import World


class TakeFinalizers(Step):
    """Our finalizer goes from every resource; others stay."""

    kind: Literal["finalizers"] = "finalizers"

    @property
    def id(self) -> str:
        """finalizers."""
        return "finalizers"

    @property
    def changes(self) -> str:
        """What it changes."""
        return f"takes the finalizer {FINALIZER} off every resource: AWS's operator does not know it"

    @property
    def undone_by(self) -> str:
        """How it is undone."""
        return "puts it back where it was"

    async def before(self, world: World) -> Before:
        """The finalizers of the resources that have it, in their order."""
        return {"had": {identity(each): _of(each) for each in await bodies(world.client) if _has(each)}}

    async def run(self, world: World, before: Before) -> None:
        """Take it off."""
        for each in await bodies(world.client):
            if _has(each):
                await self._set(world, each, [one for one in _of(each) if one != FINALIZER])

    async def undo(self, world: World, before: Before) -> None:
        """Put it back; a resource that is being deleted takes no new one."""
        for each in await bodies(world.client):
            old = before["had"].get(identity(each))
            if old is None or _has(each) or "deletionTimestamp" in each["metadata"]:
                continue
            kept = [one for one in old if one == FINALIZER or one in _of(each)]
            await self._set(world, each, [*kept, *(one for one in _of(each) if one not in kept)])

    async def _set(self, world: World, body: Body, finalizers: list[str]) -> None:
        metadata = body["metadata"]
        version = {"resourceVersion": metadata["resourceVersion"]}  # nobody else's change is lost
        with contextlib.suppress(NotFound):
            await world.client.patch(
                await world.client.resource_of(body),
                metadata["name"],
                metadata["namespace"],
                {"metadata": version | {"finalizers": finalizers}},
            )


def _of(body: Body) -> list[str]:
    return list(body["metadata"].get("finalizers") or ())


def _has(body: Body) -> bool:
    return FINALIZER in _of(body)
