"""The plan as a value: what would be done in which order, what must be fixed first, and what to know."""

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict

from hyperpod_inference.migration.steps import AnyStep


class Plan(BaseModel):
    """What `planning.plan` made of what was discovered.

    problems: what must be fixed before anything can be done, one sentence each with the remedy; with any,
    `steps` is empty. notes: what a person should know: what is left alone, what is not carried over.
    """

    model_config = ConfigDict(frozen=True)

    cluster: str
    region: str
    release: str = ""
    version: str = ""
    steps: tuple[AnyStep, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The plan for other programs: each step with what it changes and how it is undone."""
        return {
            **self.model_dump(mode="json", exclude={"steps"}),
            "steps": [
                {
                    "id": step.id,
                    "kind": step.kind,
                    "changes": step.changes,
                    "undoneBy": step.undone_by,
                    "interrupts": step.interrupts,
                }
                for step in self.steps
            ],
        }

    def lines(self) -> Iterator[str]:
        """The plan for people."""
        yield f"Cluster {self.cluster} in {self.region}, Helm release {self.release or 'not found'}"
        for number, step in enumerate(self.steps, 1):
            yield f"{number:3}. {step.changes}"
            yield f"     undo: {step.undone_by}"
            if step.interrupts:
                yield f"     traffic: {step.interrupts}"
        yield from (f"note: {note}" for note in self.notes)
        yield from (f"FIX FIRST: {problem}" for problem in self.problems)
