"""The look at the end: the add-on works, no resource was lost, and what served still serves."""

from typing import Literal

from hyperpod_inference.api import names
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.kube.resources import DEPLOYMENTS
from hyperpod_inference.migration.endpoints import observed
from hyperpod_inference.migration.steps.base import Before, Step
from hyperpod_inference.migration.world import World


class Verify(Step):
    """Compares the endpoints with those of before; changes nothing."""

    kind: Literal["verify"] = "verify"
    ready: tuple[str, ...]
    """KIND NAMESPACE/NAME of the endpoints that had ready replicas when the plan was made."""
    all: tuple[str, ...]
    """The same of every resource."""
    deployments: tuple[str, ...] = (names.OPERATOR_NAME,)
    """Those of the add-on that have to run."""
    seconds: float = 600.0

    @property
    def id(self) -> str:
        """verify."""
        return "verify"

    @property
    def changes(self) -> str:
        """What it checks."""
        return (
            f"waits for the add-on's operator, and checks that {len(self.all)} resources are there and "
            f"{len(self.ready)} endpoints still have ready replicas"
        )

    @property
    def undone_by(self) -> str:
        """Nothing to undo."""
        return "nothing to undo"

    async def before(self, world: World) -> Before:
        """Nothing is changed."""
        return {}

    async def run(self, world: World, before: Before) -> None:
        """Wait until all is well. Raises OutOfTime saying what is not."""
        await world.until("the add-on serves", lambda: self._missing(world), self.seconds)

    async def undo(self, world: World, before: Before) -> None:
        """Nothing to undo."""

    async def _missing(self, world: World) -> str:
        for name in self.deployments:
            if why := await _not_running(world, name):
                return why
        now = {str(each): each for each in await observed(world.client)}
        if lost := [each for each in self.all if each not in now]:
            return f"lost: {', '.join(lost)}"
        if down := [each for each in self.ready if not now[each].ready]:
            return f"no ready replica any more: {', '.join(down)}"
        return ""


async def _not_running(world: World, name: str) -> str:
    """Why a Deployment of the add-on does not run in its newest version; '' when it does."""
    try:
        live = await world.client.get(DEPLOYMENTS, name, names.OPERATOR_NAMESPACE)
    except NotFound:
        return f"Deployment {names.OPERATOR_NAMESPACE}/{name} is not there"
    status, wanted = live.get("status", {}), live["spec"].get("replicas", 1)
    if not status.get("availableReplicas"):
        return f"Deployment {name} has no available replica"
    seen = status.get("observedGeneration", 0) >= live["metadata"].get("generation", 0)
    if not seen or status.get("updatedReplicas", 0) < wanted or status.get("replicas", 0) > wanted:
        return f"Deployment {name} still has pods of the version before"
    return ""
