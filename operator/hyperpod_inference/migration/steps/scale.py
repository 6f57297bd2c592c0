"""Deployments of the Helm release that must not work beside the add-on's."""

from typing import Any, Literal

from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.kube.resources import DEPLOYMENTS
from hyperpod_inference.migration.steps.base import Before, Step
from hyperpod_inference.migration.world import World

STOP_SECONDS = 120.0


class ScaleDown(Step):
    """One Deployment goes to zero replicas."""

    kind: Literal["scale-down"] = "scale-down"
    namespace: str
    name: str
    pauses: str
    """What does not happen until the add-on takes over."""

    @property
    def id(self) -> str:
        """scale-down/NAMESPACE/NAME."""
        return f"scale-down/{self.namespace}/{self.name}"

    @property
    def changes(self) -> str:
        """What it changes."""
        return f"scales Deployment {self.namespace}/{self.name} to 0"

    @property
    def undone_by(self) -> str:
        """How it is undone."""
        return "scales it back to the replicas it had"

    @property
    def interrupts(self) -> str:
        """Models keep answering; what waits is named."""
        return f"no traffic; until the add-on works, {self.pauses}"

    async def before(self, world: World) -> Before:
        """Its replicas."""
        live = await self._live(world)
        return {"replicas": live["spec"].get("replicas", 1) if live else None}

    async def run(self, world: World, before: Before) -> None:
        """Scale it down and wait for its pods to stop working."""
        if await self._live(world) is None:
            return
        await self._scale(world, 0)
        await world.until(f"Deployment {self.name} stops", lambda: self._running(world), STOP_SECONDS)

    async def undo(self, world: World, before: Before) -> None:
        """Scale it back."""
        if before["replicas"] is not None and await self._live(world) is not None:
            await self._scale(world, before["replicas"])

    async def _running(self, world: World) -> str:
        live = await self._live(world)
        status: dict[str, Any] = live.get("status", {}) if live else {}
        seen = status.get("observedGeneration", 0) >= (live or {}).get("metadata", {}).get("generation", 0)
        left = status.get("replicas", 0)
        return f"{left} pods left" if left or not seen else ""

    async def _scale(self, world: World, replicas: int) -> None:
        body = {"spec": {"replicas": replicas}}
        await world.client.patch(DEPLOYMENTS, self.name, self.namespace, body)

    async def _live(self, world: World) -> dict[str, Any] | None:
        try:
            return await world.client.get(DEPLOYMENTS, self.name, self.namespace)
        except NotFound:
            return None
