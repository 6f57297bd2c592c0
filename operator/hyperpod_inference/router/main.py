"""`hyperpod-router`: `serve` in front of replicas, `sidecar` beside a model, `forward` behind SageMaker."""

import os
from pathlib import Path
from typing import BinaryIO

import click

from hyperpod_inference.api import names
from hyperpod_inference.router.app import Listen, Router
from hyperpod_inference.router.discovery import Discovery, Fixed, FromEndpointSlices, FromFile
from hyperpod_inference.router.explain import explain as explained
from hyperpod_inference.router.exposition import RouterMetrics
from hyperpod_inference.router.fetch import fetch
from hyperpod_inference.router.forward import Target, forward, run_forwarder
from hyperpod_inference.router.options import (
    ADDRESS,
    CERTIFICATE,
    DRAIN_DELAY,
    HOST,
    KEY,
    LOG_SHARE,
    access_log,
    run,
    tls,
    traced,
)
from hyperpod_inference.router.replicas import Address
from hyperpod_inference.router.settings import STRATEGIES, Prefix, RouterSettings
from hyperpod_inference.router.sidecar import sidecar
from hyperpod_inference.router.upload import upload


@click.group()
def main() -> None:
    """The data plane of HyperPod Inference."""


@main.command()
@HOST
@click.option("--port", type=int, default=names.ROUTER_PORT, show_default=True)
@click.option(
    "--admin-port", type=int, default=names.ROUTER_ADMIN_PORT, show_default=True, help="Probes and metrics."
)
@click.option("--strategy", type=click.Choice(STRATEGIES), default="prefixaware", show_default=True)
@click.option("--session-key", envvar="SESSION_KEY", default="x-session-id", show_default=True)
@click.option("--replica", "replicas", type=ADDRESS, multiple=True, help="A replica; repeat it for more.")
@click.option(
    "--replicas-file", type=click.Path(path_type=Path), help="One HOST:PORT a line, followed as it changes."
)
@click.option("--service", metavar="NAMESPACE/NAME[:PORT]", help="Follow this Service's ready endpoints.")
@click.option("--decode-service", metavar="NAMESPACE/NAME[:PORT]", help="--service, of replicas that decode.")
@click.option("--prefill-service", metavar="NAMESPACE/NAME[:PORT]", help="Prefill long prompts there first.")
@click.option("--prefill-replica", "prefillers", type=ADDRESS, multiple=True, help="A prefill server.")
@click.option(
    "--routing-threshold",
    type=click.IntRange(0),
    default=4096,
    show_default=True,
    help="Estimated tokens from which a prompt is prefilled elsewhere; 0: every one.",
)
@click.option(
    "--kubeconfig", type=click.Path(path_type=Path), help="For --service. [default: the pod's account]"
)
@click.option(
    "--kv-events-port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default=True,
    help="Port of the replicas' KV event streams, for kvaware; 0: none.",
)
@click.option(
    "--kv-replay-port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port where missed KV events can be asked for.  [default: the next one]",
)
@click.option(
    "--replica-metrics-seconds",
    type=click.FloatRange(0),
    default=10.0,
    show_default=True,
    help="Between two looks at a replica's own /metrics (cache size and hits); 0: never.",
)
@click.option(
    "--request-seconds", type=float, default=600.0, show_default=True, help="Deadline of a request; 0: none."
)
@click.option("--max-body-bytes", type=int, default=32 * 1024 * 1024, show_default=True)
@LOG_SHARE
@DRAIN_DELAY
@CERTIFICATE
@KEY
def serve(
    host: str, port: int, admin_port: int, strategy: str, session_key: str, replicas: tuple[Address, ...],
    replicas_file: Path | None, service: str | None, decode_service: str | None, prefill_service: str | None,
    prefillers: tuple[Address, ...], routing_threshold: int, kubeconfig: Path | None, kv_events_port: int,
    kv_replay_port: int, replica_metrics_seconds: float, request_seconds: float,
    max_body_bytes: int, access_log_share: float, drain_delay: float,
    tls_certificate: Path | None, tls_key: Path | None,
) -> None:  # fmt: skip
    """Route requests to the replicas of an endpoint until SIGTERM, then drain.

    Started by SageMaker, whose models set HYPERPOD_FORWARD_TO, it is `forward` instead.
    """
    if target := Target.of(os.environ):
        run_forwarder("0.0.0.0", port, target)  # noqa: S104 - as SageMaker calls it
        return
    settings = RouterSettings(
        strategy=strategy,
        session_key=session_key,
        routing_threshold=routing_threshold,
        kv_events_port=kv_events_port,
        kv_replay_port=kv_replay_port,
        replica_metrics_seconds=replica_metrics_seconds,
        request_seconds=request_seconds,
        max_body_bytes=max_body_bytes,
        drain_delay=drain_delay,
    )
    discovery = _discovery(replicas, replicas_file, service, decode_service, kubeconfig)
    prefill = _prefill(prefillers, prefill_service, kubeconfig)
    if decode_service and prefill is None:
        raise click.UsageError("--decode-service needs --prefill-service or --prefill-replica")
    listen = Listen(host, port, admin_port, tls(tls_certificate, tls_key))
    log, exchange, traces = traced("hyperpod-router", access_log(access_log_share))
    run(
        lambda: Router(
            settings, listen, discovery,
            collector=RouterMetrics, log=log, exchange=exchange, prefill=prefill,
        ),
        around=[traces],
    )  # fmt: skip


@main.command()
@click.argument("request_body", type=click.File("rb"))
@click.option("--replica", "replicas", type=ADDRESS, multiple=True, required=True)
@click.option("--strategy", type=click.Choice(STRATEGIES), default="prefixaware", show_default=True)
@click.option("--session-key", envvar="SESSION_KEY", default="x-session-id", show_default=True)
@click.option(
    "--after", "history", type=click.File("rb"), multiple=True, help="A request body that came before."
)
@click.option(
    "--pending", type=(ADDRESS, int), multiple=True, help="A replica and its waiting prompt blocks."
)
@click.option("--block-bytes", type=click.IntRange(16), default=256, show_default=True)
def explain(
    request_body: BinaryIO, replicas: tuple[Address, ...], strategy: str, session_key: str,
    history: tuple[BinaryIO, ...], pending: tuple[tuple[Address, int], ...], block_bytes: int,
) -> None:  # fmt: skip
    """Say which replica would take the request whose JSON body is in the file, and why."""
    settings = RouterSettings(
        strategy=strategy, session_key=session_key, prefix=Prefix(block_bytes=block_bytes)
    )
    earlier = [file.read() for file in history]
    click.echo(explained(request_body.read(), replicas, settings, history=earlier, pending=dict(pending)))


def _discovery(
    replicas: tuple[Address, ...], file: Path | None, service: str | None, decode_service: str | None,
    kubeconfig: Path | None,
) -> Discovery:  # fmt: skip
    if sum(map(bool, (replicas, file, service, decode_service))) != 1:
        raise click.UsageError("give exactly one of --replica, --replicas-file, --service, --decode-service")
    if replicas:
        return Fixed(replicas)
    if file:
        return FromFile(file)
    if service:
        return _following("--service", service, kubeconfig)
    return _following("--decode-service", decode_service or "", kubeconfig)


def _prefill(replicas: tuple[Address, ...], service: str | None, kubeconfig: Path | None) -> Discovery | None:
    if replicas and service:
        raise click.UsageError("give one of --prefill-service and --prefill-replica")
    if service:
        return _following("--prefill-service", service, kubeconfig)
    return Fixed(replicas) if replicas else None


def _following(option: str, service: str, kubeconfig: Path | None) -> Discovery:
    namespace, slash, rest = service.partition("/")
    name, _, port = rest.partition(":")
    if not slash or not name:
        raise click.UsageError(f"{option}: got {service!r}, expected NAMESPACE/NAME or NAMESPACE/NAME:PORT")
    return FromEndpointSlices(namespace, name, port, kubeconfig)


main.add_command(fetch)
main.add_command(forward)
main.add_command(sidecar)
main.add_command(upload)
