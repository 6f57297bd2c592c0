"""`hyperpod-inference top`: the endpoints of a cluster as they are now, in the terminal or for scripts.

`scraping` reads, `live` computes, this shows. Writes nothing.
"""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Table

    from hyperpod_inference.kube.config import ClusterConfig
    from hyperpod_inference.live import Row

COLUMNS = (
    "NAMESPACE", "NAME", "STATE", "READY", "ON", "GPUS", "CALLS/S", "ERR/S", "TTFT P50", "P95", "TOK/S",
    "ACTIVE", "WAITING", "KV", "HITS",
)  # fmt: skip


@click.command(name="top", short_help="Show endpoints, replicas, times, tokens and cache hits, live.")
@click.option("--namespace", "-n", help="Of the endpoints. [default: all]")
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Cluster to look at. [default: KUBECONFIG, else ~/.kube/config]",
)
@click.option("--context", help="Context of the kubeconfig. [default: its current one]")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=2.0,
    show_default=True,
    help="Seconds between two looks; rates are those between them.",
)
@click.option("--once", is_flag=True, help="Look twice, print, and end.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(
    namespace: str | None,
    kubeconfig: Path | None,
    context: str | None,
    interval: float,
    once: bool,
    output: str,
) -> None:
    """Show every endpoint: replicas and where they run, calls, first tokens, tokens per second, cache hits.

    The numbers come from the pods' own metrics, through the API server; no Prometheus is needed. Endpoints
    without spec.metrics show their replicas only. TTFT is in milliseconds: the model server's own where it
    has one, else the first byte at the proxy. KV is the fullest replica's cache, HITS the share of prompt
    tokens found in caches.

    Ends with Ctrl-C. The exit status is 1 when the cluster cannot be asked.
    """
    from hyperpod_inference.kube.config import ConfigError, load
    from hyperpod_inference.kube.errors import ApiError

    if output == "json" and not once:
        raise click.UsageError("--output json is for --once: a live view is for people")
    try:
        config = load(kubeconfig, context)
        asyncio.run(
            _once(config, namespace, interval, output) if once else _live(config, namespace, interval)
        )
    except KeyboardInterrupt:
        return
    except (ConfigError, ApiError) as error:
        raise click.ClickException(f"the cluster cannot be asked: {error}") from error


async def _once(config: "ClusterConfig", namespace: str | None, interval: float, output: str) -> None:
    from rich.console import Console

    from hyperpod_inference.cli.scraping import Watched
    from hyperpod_inference.kube.client import Client
    from hyperpod_inference.live import as_json

    async with Client(config) as client:
        watched = Watched(client, namespace)
        await watched.rows()
        await asyncio.sleep(interval)
        found = await watched.rows()
    if watched.unread:
        click.echo(f"note: metrics could not be read: {watched.unread}", err=True)
    if output == "json":
        click.echo(json.dumps({"endpoints": as_json(found)}, indent=2))
    else:
        Console(width=None if Console().is_terminal else 200).print(table(found))


async def _live(config: "ClusterConfig", namespace: str | None, interval: float) -> None:
    from rich.live import Live

    from hyperpod_inference.cli.scraping import Watched
    from hyperpod_inference.kube.client import Client

    async with Client(config) as client:
        watched = Watched(client, namespace)
        with Live(table(await watched.rows()), auto_refresh=False, screen=True) as screen:
            while True:
                await asyncio.sleep(interval)
                screen.update(table(await watched.rows(), watched.unread), refresh=True)


def table(found: "list[Row]", note: str = "") -> "Table":
    """The rows as a table for the terminal."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False, caption=f"metrics could not be read: {note}" if note else None)
    for title in COLUMNS:
        words = title in ("NAMESPACE", "NAME", "STATE", "ON")
        made.add_column(title, justify="left" if words else "right", overflow="fold")
    for row in found:
        made.add_row(*cells(row), style=None if row.state == "Ready" else "yellow")
    return made


def cells(row: "Row") -> list[str]:
    """One row as texts; '-' for what is not known."""
    on = ", ".join(f"{count}x {kind}" for kind, count in sorted(row.instance_types.items()))
    return [
        row.namespace,
        row.name,
        row.state,
        f"{row.ready}/{row.desired}",
        on or "-",
        str(row.gpus),
        _number(row.calls, 1),
        _number(row.errors, 1),
        _number(row.first_token_p50),
        _number(row.first_token_p95),
        _number(row.tokens),
        _number(row.active),
        _number(row.waiting),
        _share(row.cache_used),
        _share(row.cache_hits),
    ]


def _number(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.0f}%"
