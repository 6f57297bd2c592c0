"""Runs a plan forward, or back, one step at a time, each with a line in the journal before and after."""

from collections.abc import Callable

from hyperpod_inference.migration.journal import Journal
from hyperpod_inference.migration.steps import Step
from hyperpod_inference.migration.world import World

Told = Callable[[str, Step, int, int], None]
"""told(verb, step, number, of): 'do', 'skip' or 'undo' a step, of so many."""


def _quiet(verb: str, step: Step, number: int, of: int) -> None:
    """Nobody listens."""


async def forward(journal: Journal, world: World, told: Told = _quiet) -> None:
    """Do every step that is not done yet, in order. What goes wrong is raised.

    A step that was begun before is done with what it found then, not with what a half-done step left.
    """
    steps = journal.plan.steps
    for number, step in enumerate(steps, 1):
        if step.id in journal.done:
            told("skip", step, number, len(steps))
            continue
        told("do", step, number, len(steps))
        if step.id not in journal.begun:
            journal.begin(step.id, await step.before(world))
        await step.run(world, journal.begun[step.id])
        journal.end(step.id)


async def back(journal: Journal, world: World, told: Told = _quiet) -> None:
    """Undo every step that was begun, the last one first. May be called again until it ends."""
    begun = [step for step in journal.plan.steps if step.id in journal.begun]
    for number, step in enumerate(reversed(begun), 1):
        if step.id in journal.undone:
            told("skip", step, number, len(begun))
            continue
        told("undo", step, number, len(begun))
        await step.undo(world, journal.begun[step.id])
        journal.undo(step.id)
