"""`hyperpod-router`: `serve` in front of replicas, `sidecar` beside a model container, `explain` a choice."""

import asyncio
import logging
import os
import signal
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import click

from hyperpod_inference.api import names
from hyperpod_inference.router.accesslog import AccessLog
from hyperpod_inference.router.app import Listen, Router
from hyperpod_inference.router.discovery import Discovery, Fixed, FromEndpointSlices, FromFile, parse_address
from hyperpod_inference.router.explain import explain as explained
from hyperpod_inference.router.exposition import RouterMetrics
from hyperpod_inference.router.model_metrics import ModelMetrics, labels_from
from hyperpod_inference.router.replicas import Address
from hyperpod_inference.router.settings import STRATEGIES, Admission, Prefix, RouterSettings

ROUTER_PORT, ROUTER_ADMIN_PORT = 8080, 9090


class AddressType(click.ParamType[Address]):
    """HOST:PORT."""

    name = "HOST:PORT"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        """Parse, or say what is expected."""
        if isinstance(value, Address):
            return value
        try:
            return parse_address(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


ADDRESS = AddressType()
_HOST = click.option(
    "--host", default="127.0.0.1", envvar="POD_IP", show_default=True, help="Address to listen on."
)
_LOG_SHARE = click.option(
    "--access-log-share", type=click.FloatRange(0, 1), default=0.0, show_default=True,
    help="Share of the good requests to log; failed ones always are.",
)  # fmt: skip
_DRAIN_DELAY = click.option(
    "--drain-delay", type=click.FloatRange(0), default=5.0, show_default=True,
    help="Seconds between SIGTERM and closing the door.",
)  # fmt: skip
_CERT = click.option(
    "--tls-certificate", type=click.Path(path_type=Path, exists=True), help="PEM chain; turns TLS on."
)
_KEY = click.option(
    "--tls-key", type=click.Path(path_type=Path, exists=True), help="PEM key of the certificate."
)


@click.group()
def main() -> None:
    """The data plane of HyperPod Inference."""


@main.command()
@_HOST
@click.option("--port", type=int, default=ROUTER_PORT, show_default=True)
@click.option(
    "--admin-port", type=int, default=ROUTER_ADMIN_PORT, show_default=True, help="Probes and metrics."
)
@click.option("--strategy", type=click.Choice(STRATEGIES), default="prefixaware", show_default=True)
@click.option("--session-key", envvar="SESSION_KEY", default="x-session-id", show_default=True)
@click.option("--replica", "replicas", type=ADDRESS, multiple=True, help="A replica; repeat it for more.")
@click.option(
    "--replicas-file", type=click.Path(path_type=Path), help="One HOST:PORT a line, followed as it changes."
)
@click.option("--service", metavar="NAMESPACE/NAME[:PORT]", help="Follow this Service's ready endpoints.")
@click.option(
    "--kubeconfig", type=click.Path(path_type=Path), help="For --service. [default: the pod's account]"
)
@click.option(
    "--request-seconds", type=float, default=600.0, show_default=True, help="Deadline of a request; 0: none."
)
@click.option("--max-body-bytes", type=int, default=32 * 1024 * 1024, show_default=True)
@_LOG_SHARE
@_DRAIN_DELAY
@_CERT
@_KEY
def serve(
    host: str, port: int, admin_port: int, strategy: str, session_key: str, replicas: tuple[Address, ...],
    replicas_file: Path | None, service: str | None, kubeconfig: Path | None, request_seconds: float,
    max_body_bytes: int, access_log_share: float, drain_delay: float,
    tls_certificate: Path | None, tls_key: Path | None,
) -> None:  # fmt: skip
    """Route requests to the replicas of an endpoint until SIGTERM, then drain."""
    settings = RouterSettings(
        strategy=strategy,
        session_key=session_key,
        request_seconds=request_seconds,
        max_body_bytes=max_body_bytes,
        drain_delay=drain_delay,
    )
    discovery = _discovery(replicas, replicas_file, service, kubeconfig)
    listen = Listen(host, port, admin_port, _tls(tls_certificate, tls_key))
    _run(
        lambda: Router(
            settings, listen, discovery, collector=RouterMetrics, log=_access_log(access_log_share)
        )
    )


@main.command()
@_HOST
@click.option("--port", type=int, default=names.SIDECAR_PORT, show_default=True)
@click.option("--metrics-port", type=int, default=names.SIDECAR_METRICS_PORT, show_default=True)
@click.option("--upstream", type=ADDRESS, required=True, help="The model container.")
@click.option(
    "--max-concurrent-requests", type=click.IntRange(0), default=0, show_default=True, help="0: no limit."
)
@click.option("--max-queue-size", type=click.IntRange(0), default=0, show_default=True)
@click.option("--overflow-status-code", type=click.IntRange(400, 599), default=429, show_default=True)
@click.option(
    "--request-seconds", type=float, default=3600.0, show_default=True, help="Deadline of a request; 0: none."
)
@_LOG_SHARE
@_DRAIN_DELAY
@_CERT
@_KEY
def sidecar(
    host: str, port: int, metrics_port: int, upstream: Address, max_concurrent_requests: int,
    max_queue_size: int, overflow_status_code: int, request_seconds: float, access_log_share: float,
    drain_delay: float, tls_certificate: Path | None, tls_key: Path | None,
) -> None:  # fmt: skip
    """Stand before one model container: limits, model_* metrics (labels from MODEL_LABEL_* variables)."""
    admission = Admission(max_concurrent_requests, max_queue_size, overflow_status_code)
    settings = RouterSettings(
        strategy="roundrobin",
        request_seconds=request_seconds,
        retries=0,
        admission=admission,
        drain_delay=drain_delay,
    )
    listen = Listen(host, port, metrics_port, _tls(tls_certificate, tls_key))
    labels = labels_from(os.environ)
    _run(
        lambda: Router(
            settings, listen, Fixed([upstream]),
            collector=lambda proxy: ModelMetrics(proxy, labels), log=_access_log(access_log_share),
        )
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
    replicas: tuple[Address, ...], file: Path | None, service: str | None, kubeconfig: Path | None
) -> Discovery:
    if sum(map(bool, (replicas, file, service))) != 1:
        raise click.UsageError("give exactly one of --replica, --replicas-file, --service")
    if replicas:
        return Fixed(replicas)
    if file:
        return FromFile(file)
    namespace, slash, rest = (service or "").partition("/")
    name, _, port = rest.partition(":")
    if not slash or not name:
        raise click.UsageError(f"--service: got {service!r}, expected NAMESPACE/NAME or NAMESPACE/NAME:PORT")
    return FromEndpointSlices(namespace, name, port, kubeconfig)


def _tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context


def _access_log(share: float) -> AccessLog:
    return AccessLog(lambda line: sys.stdout.write(line + "\n"), share)


def _run(make: Callable[[], Router]) -> None:
    import uvloop

    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s: %(message)s")

    async def serving() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with make() as router:
            await router.run_until(stop)
            await router.drain()

    uvloop.run(serving())
