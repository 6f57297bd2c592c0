"""IAM roles under which the add-on's service accounts work."""

import asyncio
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field

from hyperpod_inference.cloud.roles import Role
from hyperpod_inference.migration.facts import Account
from hyperpod_inference.migration.steps.base import Before, Step
from hyperpod_inference.migration.world import World

ACTIONS = (
    "iam:CreateRole",
    "iam:TagRole",
    "iam:UpdateAssumeRolePolicy",
    "iam:AttachRolePolicy",
    "iam:PutRolePolicy",
    "iam:DetachRolePolicy",
    "iam:DeleteRolePolicy",
    "iam:DeleteRole",
)


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
        return "deletes the role; one that was there before gets its old trust and policies back"

    def actions(self, account: Account) -> Iterable[tuple[str, str]]:
        """IAM's calls for a role."""
        arn = f"arn:{account.partition}:iam::{account.account}:role/{self.name}"
        return [(action, arn) for action in ACTIONS]

    async def before(self, world: World) -> Before:
        """The role of that name, if there is one, with its policies."""
        role = await asyncio.to_thread(world.iam.role, self.name)
        if role is None:
            return {"existed": False}
        inline = {name: dict(document) for name, document in role.inline.items()}
        return {
            "existed": True,
            "trust": dict(role.trust),
            "attached": list(role.attached),
            "inline": inline,
        }

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
        """Delete it, or make it again what it was."""
        if not before["existed"]:
            await asyncio.to_thread(world.iam.delete, self.name)
            return
        old = Role(
            arn="",
            name=self.name,
            trust=before["trust"],
            attached=tuple(before["attached"]),
            inline=before["inline"],
        )
        await asyncio.to_thread(world.iam.restore, old)
