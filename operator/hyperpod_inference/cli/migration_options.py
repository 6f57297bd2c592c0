"""The options that `migrate` and `upgrade` share."""

from collections.abc import Callable
from pathlib import Path

import click

_EACH = (
    click.option("--cluster-name", metavar="NAME", help="The EKS cluster."),
    click.option("--region", help="Its region. [default: AWS_REGION, else the profile's]"),
    click.option(
        "--kubeconfig", type=click.Path(path_type=Path, dir_okay=False), help="[default: KUBECONFIG]"
    ),
    click.option("--context", help="Context of the kubeconfig. [default: its current one]"),
    click.option(
        "--backup-dir",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("/tmp"),  # noqa: S108 - where AWS's script puts it; the directory in it is the owner's
        show_default=True,
        help="Where the journal and the backups go.",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(min=1),
        default=1800.0,
        show_default=True,
        help="Seconds for an add-on.",
    ),
    click.option(
        "--check", is_flag=True, help="Only say what must be fixed first; status 3 when something must."
    ),
    click.option("--dry-run", is_flag=True, help="Only print the plan."),
    click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True),
    click.option("-y", "--yes", "--auto-approve", "yes", is_flag=True, help="Ask nothing."),
    click.option("--step-by-step", is_flag=True, help="Ask before each step."),
    click.option(
        "--resume", type=click.Path(path_type=Path), metavar="DIR", help="Go on with one that was cut off."
    ),
    click.option("--rollback", type=click.Path(path_type=Path), metavar="DIR", help="Undo one."),
)


def options(function: Callable[..., None]) -> Callable[..., None]:
    """The options that both commands have."""
    for each in reversed(_EACH):
        function = each(function)
    return function
