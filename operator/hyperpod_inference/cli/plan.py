"""`hyperpod-inference plan -f FILE`: what applying a manifest would do to a live cluster. Writes nothing.

`planning` reads the cluster and `render.plan` decides; this is the command around them.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from hyperpod_inference.api.documents import Document
    from hyperpod_inference.kube.config import ClusterConfig
    from hyperpod_inference.render.plan.summary import EndpointPlan

CHANGES = 3
"""Exit status of --detailed-exitcode for a plan with changes; 1 and 2 stay the errors' own."""


@click.command(name="plan", short_help="Show what applying a manifest would change in a cluster.")
@click.option(
    "-f",
    "--filename",
    "files",
    required=True,
    multiple=True,
    metavar="FILE",
    help="Manifest with InferenceEndpointConfigs; - for standard input. May be given several times.",
)
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Cluster to look at. [default: KUBECONFIG, else ~/.kube/config]",
)
@click.option("--context", help="Context of the kubeconfig. [default: its current one]")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option(
    "--detailed-exitcode",
    is_flag=True,
    help="End with status 3 when applying would change something, 0 when not.",
)
def command(
    files: tuple[str, ...], kubeconfig: Path | None, context: str | None, output: str, detailed_exitcode: bool
) -> None:
    """Show what applying the endpoints in FILE would do, and whether the cluster has room for them.

    For each endpoint: the fields that change, the objects that the operator would create, change or delete,
    whether pods restart, how many GPUs are needed, and which instance type would take how many replicas now.
    The API server is asked with dry runs; nothing is written.

    Exit status: 0, 1 when the cluster cannot be asked, 2 for input that it or the operator would not take.
    """
    from hyperpod_inference.api.settings import SettingsError
    from hyperpod_inference.cli.inputs import endpoints
    from hyperpod_inference.kube.config import ConfigError, load
    from hyperpod_inference.kube.errors import ApiError

    documents = [document for document, _ in endpoints(files)]
    try:
        note, plans = asyncio.run(_plans(load(kubeconfig, context), documents))
    except (ConfigError, ApiError, SettingsError) as error:
        raise click.ClickException(str(error)) from error
    if note:
        click.echo(f"note: {note}", err=True)
    _print(plans, output)
    if detailed_exitcode and any(plan.changed for plan in plans):
        sys.exit(CHANGES)


async def _plans(config: "ClusterConfig", documents: "list[Document]") -> "tuple[str, list[EndpointPlan]]":
    from hyperpod_inference.cli.planning import Planner
    from hyperpod_inference.kube.client import Client

    async with Client(config) as client:
        planner = await Planner.of(client)
        return planner.note, [await planner.plan(document) for document in documents]


def _print(plans: "list[EndpointPlan]", output: str) -> None:
    from hyperpod_inference.cli.plan_text import lines, summary
    from hyperpod_inference.render.plan.summary import as_json

    if output == "json":
        click.echo(json.dumps({"endpoints": [as_json(plan) for plan in plans]}, indent=2))
        return
    for plan in plans:
        for line in lines(plan):
            click.echo(line)
        click.echo()
    click.echo(summary(plans))
