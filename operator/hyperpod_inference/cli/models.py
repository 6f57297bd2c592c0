"""`hyperpod-inference models`: what the JumpStart hub offers, and what of it a cluster can run.

`cloud.hub` asks the hub and reads its documents; here they are put side by side with the
instance types of the cluster's nodes. Region, credentials and endpoint are those of the AWS command line.
"""

import asyncio
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from hyperpod_inference.render.hub_document import HubDocument

_AT_ONCE = 8


@click.group("models", short_help="Search the JumpStart hub.")
def command() -> None:
    """Search the JumpStart hub for models, and see which a cluster can run."""


def _options(function: Any) -> Any:
    """What both commands take."""
    for option in (
        click.option(
            "-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True
        ),
        click.option("--region", help="Region of the hub. [default: AWS_REGION, else the profile's]"),
        click.option("--cluster", is_flag=True, help="Say what the nodes of the current cluster can run."),
        click.option(
            "--kubeconfig",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Cluster for --cluster. [default: KUBECONFIG, else ~/.kube/config]",
        ),
        click.option("--context", help="Context of the kubeconfig. [default: its current one]"),
    ):
        function = option(function)
    return function


@command.command("list")
@click.option("--search", default="", metavar="TEXT", help="Only models whose id contains TEXT.")
@click.option("--limit", type=click.IntRange(1, 1000), default=25, show_default=True, help="Show so many.")
@_options
def list_models(
    search: str,
    limit: int,
    output: str,
    region: str | None,
    cluster: bool,
    kubeconfig: Path | None,
    context: str | None,
) -> None:
    """List models with the instance types that they run on.

    Each model's document is read, so a long list takes a while.
    """
    from hyperpod_inference.cloud.errors import CloudError
    from hyperpod_inference.cloud.hub import Hub
    from hyperpod_inference.cloud.session import Session

    types = _instance_types(kubeconfig, context) if cluster else None
    try:
        hub = Hub(Session(region))
        found = list(islice(hub.models(search), limit + 1))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            documents = list(pool.map(lambda each: hub.document(each.model_id, each.version), found[:limit]))
    except CloudError as error:
        raise click.ClickException(str(error)) from error
    rows = [_row(each, types) for each in documents]
    if output == "json":
        click.echo(json.dumps({"models": rows}, indent=2))
        return
    _print_table(rows)
    if len(found) > limit:
        click.echo(f"More than {limit} models: narrow it with --search, or raise --limit.", err=True)


@command.command()
@click.argument("model_id")
@click.option("--version", help="Version of the model. [default: the newest]")
@_options
def show(
    model_id: str,
    version: str | None,
    output: str,
    region: str | None,
    cluster: bool,
    kubeconfig: Path | None,
    context: str | None,
) -> None:
    """Show one model: image, weights, environment, instance types, licence."""
    from hyperpod_inference.cloud.errors import CloudError, Missing
    from hyperpod_inference.cloud.hub import Hub
    from hyperpod_inference.cloud.session import Session

    types = _instance_types(kubeconfig, context) if cluster else None
    try:
        hub = Hub(Session(region))
        found = hub.document(model_id, version)
    except Missing as error:
        missed = hub.missed(model_id, version)
        given = "--version" if missed.path.endswith("Version") else "MODEL_ID"
        raise click.ClickException(str(replace(missed, path=given))) from error
    except CloudError as error:
        raise click.ClickException(str(error)) from error
    row = _row(found, types)
    if output == "json":
        click.echo(json.dumps(row, indent=2))
        return
    for name, value in row.items():
        if isinstance(value, dict):
            click.echo(f"{name}:")
            for key, each in value.items():
                click.echo(f"  {key}={each}")
        else:
            told = ", ".join(value) if isinstance(value, list) else _word(value)
            click.echo(f"{name + ':':<20} {told or '-'}")


def _row(document: "HubDocument", types: frozenset[str] | None) -> dict[str, Any]:
    """A model as text and JSON show it; `types` are those of the cluster, None when it was not asked."""
    serving = document.on(document.default_type)
    row: dict[str, Any] = {
        "modelId": document.model_id,
        "version": document.version,
        "task": document.task,
        "framework": document.framework,
        "accelerators": serving.accelerators,
        "memoryMiB": serving.memory,
        "defaultInstanceType": document.default_type,
        "instanceTypes": list(document.types),
        "eula": document.eula,
        "gated": document.gated,
        "image": serving.image,
        "weights": serving.artifact,
        "environment": dict(serving.environment),
    }
    if types is not None:
        row["runsHereOn"] = [each for each in document.types if each in types]
    return row


def _print_table(rows: Iterable[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    rows = list(rows)
    here = any("runsHereOn" in row for row in rows)
    table = Table(box=None, pad_edge=False)
    for title in ("MODEL", "VERSION", "TASK", "GPUS", "INSTANCE TYPES", "TERMS", *(["HERE"] if here else [])):
        table.add_column(title, overflow="fold")
    for row in rows:
        terms = ", ".join(word for word, holds in (("gated", row["gated"]), ("eula", row["eula"])) if holds)
        cells = [
            row["modelId"],
            row["version"],
            row["task"],
            str(row["accelerators"]),
            " ".join(row["instanceTypes"]),
            terms,
        ]
        table.add_row(*cells, *([", ".join(row["runsHereOn"]) or "no"] if here else []))
    Console(width=None if Console().is_terminal else 160).print(table)


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _instance_types(kubeconfig: Path | None, context: str | None) -> frozenset[str]:
    """The instance types of the cluster's nodes."""
    from hyperpod_inference.kube.config import ConfigError, load
    from hyperpod_inference.kube.errors import ApiError

    async def read() -> frozenset[str]:
        from hyperpod_inference.api.names import NODE_INSTANCE_TYPE
        from hyperpod_inference.kube.client import Client
        from hyperpod_inference.kube.resources import NODES

        async with Client(load(kubeconfig, context)) as client:
            nodes = (await client.list(NODES)).items
        labels = [node["metadata"].get("labels") or {} for node in nodes]
        return frozenset(each[NODE_INSTANCE_TYPE] for each in labels if NODE_INSTANCE_TYPE in each)

    try:
        return asyncio.run(read())
    except (ConfigError, ApiError) as error:
        raise click.ClickException(str(error)) from error
