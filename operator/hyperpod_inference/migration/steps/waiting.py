"""Waiting for an add-on: until EKS says that it works, or why it never will."""

import asyncio

from hyperpod_inference.migration.world import OutOfTime, World

GOING = frozenset({"CREATING", "UPDATING", "DELETING"})
FAILED = frozenset({"CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED"})


class AddonFailed(OutOfTime):
    """EKS could not make the add-on work; the text holds its reasons."""


async def until_it_works(world: World, name: str, seconds: float) -> None:
    """Wait until the add-on is ACTIVE without issues. Raises AddonFailed, OutOfTime."""

    async def waiting() -> str:
        """'' when it works. A DEGRADED add-on may still come round; a failed one does not."""
        found = await asyncio.to_thread(world.eks.addon, name)
        if found is None:
            return "it is not there yet"
        issues = "; ".join(found.issues)
        if found.status in FAILED:
            raise AddonFailed(f"add-on {name} is {found.status}: {issues or 'EKS gives no reason'}")
        if found.status == "ACTIVE" and not issues:
            return ""
        return f"{found.status}{': ' if issues else ''}{issues}"

    await world.until(f"add-on {name}", waiting, seconds)


async def until_at_rest(world: World, name: str, seconds: float) -> None:
    """Wait until EKS changes nothing about the add-on any more, however that ended. Raises OutOfTime."""

    async def busy() -> str:
        found = await asyncio.to_thread(world.eks.addon, name)
        return found.status if found is not None and found.status in GOING else ""

    await world.until(f"add-on {name} comes to rest", busy, seconds)
