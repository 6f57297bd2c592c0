"""How slow steps tell a person where they are.

`LocalCluster.up` and the sources of the control plane call a `Report` with `Progress` values; the command
line prints them, tests collect them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Progress:
    """One thing to tell. `elapsed` and `expected` are seconds; `expected` is None where nobody knows."""

    step: str
    state: Literal["started", "running", "done", "skipped"]
    detail: str = ""
    elapsed: float = 0.0
    expected: float | None = None


Report = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """A report for callers who want none."""
