"""IAM roles under which the add-on's service accounts work."""

import asyncio
from typing import Any, Literal

from pydantic import Field

from hyperpod_inference.cloud.roles import Role
from hyperpod_inference.migration.steps.base import Before, Step
from hyperpod_inference.migration.world import World


class MakeRole(Step):
    """A role of its own for one service account; `of`: what it is for. The old role is left alone."""

    kind: Literal["role"] = "role"
    name: str
    of: str
    trust: dict[str, Any]
    attached: tuple[str, ...] = ()
    inline: dict[str, dict[str, Any]] = Field(default_factory=dict)
    tags: dict[str, str] = Field(default_factory=dict)

    @property
    def id(self) -> str:
        """role/NAME."""
        return f"role/{self.name}"

    @property
    def changes(self) -> str:
        """What it changes."""
        policies = len(self.attached) + len(self.inline)
        return f"creates the role {self.name} for {self.of}, with {policies} policies"

    @property
    def undone_by(self) -> str:
        """How it is undone."""
        return "deletes the role; one that was there before gets its old trust policy back"

    async def before(self, world: World) -> Before:
        """The role of that name, if there is one."""
        role = await asyncio.to_thread(world.iam.role, self.name)
        return {"existed": role is not None, "trust": role.trust if role else None}

    async def run(self, world: World, before: Before) -> None:
        """Create or complete it."""
        role = Role(
            arn="",
            name=self.name,
            trust=self.trust,
            attached=self.attached,
            inline=self.inline,
            tags=self.tags,
        )
        await asyncio.to_thread(world.iam.create, role)

    async def undo(self, world: World, before: Before) -> None:
        """Delete it, or put its trust policy back."""
        if before["existed"]:
            await asyncio.to_thread(world.iam.set_trust, self.name, before["trust"])
        else:
            await asyncio.to_thread(world.iam.delete, self.name)
