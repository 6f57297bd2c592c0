"""The plan as a value: what would be done in which order, what must be fixed first, and what to know."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from hyperpod_inference.migration.steps import AnyStep


class Plan(BaseModel):
    """What `planning.plan` made of what was discovered.

    problems: what must be fixed before anything can be done, one sentence each with the remedy; with any,
    `steps` is empty. notes: what a person should know: what is left alone, what is not carried over.
    """

    model_config = ConfigDict(frozen=True)

    command: Literal["migrate", "upgrade"] = "migrate"
    cluster: str
    region: str
    release: str = ""
    installed: str = ""
    """Version of the add-on before."""
    version: str = ""
    steps: tuple[AnyStep, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def start(self) -> str:
        """What there is now, in words."""
        if self.command == "upgrade":
            return f"add-on {self.installed or 'not found'}"
        return f"release {self.release or 'not found'}"

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
