"""What the commands of `hyperpod-router` share: their options, and how a process serves until SIGTERM."""

import asyncio
import logging
import os
import signal
import ssl
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack, nullcontext
from pathlib import Path

import click

from hyperpod_inference.router.accesslog import AccessLog
from hyperpod_inference.router.app import Router
from hyperpod_inference.router.discovery import parse_address
from hyperpod_inference.router.exchange import Exchange
from hyperpod_inference.router.proxy import MakeExchange
from hyperpod_inference.router.replicas import Address

COLLECTOR = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""OpenTelemetry's variables; one that is set turns tracing on."""


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
HOST = click.option(
    "--host", default="127.0.0.1", envvar="POD_IP", show_default=True, help="Address to listen on."
)
LOG_SHARE = click.option(
    "--access-log-share", type=click.FloatRange(0, 1), default=0.0, show_default=True,
    help="Share of the good requests to log; failed ones always are.",
)  # fmt: skip
DRAIN_DELAY = click.option(
    "--drain-delay", type=click.FloatRange(0), default=5.0, show_default=True,
    help="Seconds between SIGTERM and closing the door.",
)  # fmt: skip
CERTIFICATE = click.option(
    "--tls-certificate", type=click.Path(path_type=Path, exists=True), help="PEM chain; turns TLS on."
)
KEY = click.option(
    "--tls-key", type=click.Path(path_type=Path, exists=True), help="PEM key of the certificate."
)


def tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """The server's side of TLS 1.2 or newer, if there is a certificate."""
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context


def access_log(share: float) -> AccessLog:
    """Lines on standard output."""
    return AccessLog(lambda line: sys.stdout.write(line + "\n"), share)


def traced(
    service: str, log: AccessLog, exchange: MakeExchange = Exchange
) -> tuple[AccessLog, MakeExchange, AbstractAsyncContextManager[object] | None]:
    """What a router is made with, and what sends its spans; as it was where no collector is named."""
    if not any(os.environ.get(name) for name in COLLECTOR):
        return log, exchange, None
    # Here because it is a second HTTP library, and few want it.
    from hyperpod_inference.router.otlp import Exporter, target
    from hyperpod_inference.router.tracing import Tracing

    try:
        to = target(os.environ, service)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if to is None:
        return log, exchange, None
    exporter = Exporter(to)
    tracing = Tracing(exporter.add, to.share)
    return tracing.log(log), tracing.exchange(exchange), exporter


def run(
    make: Callable[[], Router],
    while_draining: Callable[[], AbstractContextManager[object]] = nullcontext,
    around: Sequence[AbstractAsyncContextManager[object] | None] = (),
) -> None:
    """Serve until SIGTERM, then drain inside `while_draining`; `around` begins before and ends after all."""
    import uvloop

    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s: %(message)s")

    async def serving() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with AsyncExitStack() as stack:
            for each in around:
                await stack.enter_async_context(each or nullcontext())
            router = await stack.enter_async_context(make())
            await router.run_until(stop)
            with while_draining():
                await router.drain()

    uvloop.run(serving())
