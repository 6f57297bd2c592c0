"""What every step can do."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict

from hyperpod_inference.migration.facts import Account
from hyperpod_inference.migration.world import World

Before = dict[str, Any]
"""What a step found before it changed anything, as JSON holds it; undoing leads back to exactly that."""


class Step(BaseModel, ABC):
    """One part of the plan."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str

    @property
    @abstractmethod
    def id(self) -> str:
        """Unique within a plan, and stable: the journal knows the step by it."""

    @property
    @abstractmethod
    def changes(self) -> str:
        """What it changes, in one sentence."""

    @property
    @abstractmethod
    def undone_by(self) -> str:
        """How it is undone, in one sentence."""

    @property
    def interrupts(self) -> str:
        """What could interrupt traffic meanwhile; '' when nothing does."""
        return ""

    def actions(self, account: Account) -> Iterable[tuple[str, str]]:
        """What it writes in AWS, doing and undoing: IAM actions, each with the ARN it is about."""
        return ()

    @abstractmethod
    async def before(self, world: World) -> Before:
        """What is there now, as far as the step changes it. Reads only."""

    @abstractmethod
    async def run(self, world: World, before: Before) -> None:
        """Do it. May be called again after it was cut off anywhere."""

    @abstractmethod
    async def undo(self, world: World, before: Before) -> None:
        """Go back to `before`. May be called after a run that was cut off anywhere, and again."""
