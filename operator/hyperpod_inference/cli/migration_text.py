"""The plan of a migration or an upgrade for people, as a table, and for programs, as JSON."""

import io
import json
import shutil
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from hyperpod_inference.migration.plan import Plan


def show(plan: "Plan", output: str) -> None:
    """Print the plan on standard output."""
    if output == "json":
        click.echo(json.dumps(plan.as_json(), indent=2))
    else:
        click.echo(text(plan, max(shutil.get_terminal_size((120, 0)).columns, 80)), nl=False)


def text(plan: "Plan", width: int) -> str:
    """A table of the steps, then what to know, then what must be fixed first."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", justify="right")
    for title in ("what it does", "how it is undone", "traffic"):
        table.add_column(title, overflow="fold", ratio=1)
    for number, step in enumerate(plan.steps, 1):
        table.add_row(str(number), step.changes, step.undone_by, step.interrupts or "goes on")
    console = Console(file=io.StringIO(), width=width, color_system=None, highlight=False, markup=False)
    console.print(f"Cluster {plan.cluster} in {plan.region}: from {plan.start} to {_goal(plan)}")
    if plan.steps:
        console.print(table)
    for note in plan.notes:
        console.print(f"note: {note}", soft_wrap=True)
    for problem in plan.problems:
        console.print(f"FIX FIRST: {problem}", soft_wrap=True)
    file = console.file
    assert isinstance(file, io.StringIO)  # noqa: S101 - given above
    return file.getvalue()


def _goal(plan: "Plan") -> str:
    return f"add-on {plan.version}" if plan.version else "the add-on"
