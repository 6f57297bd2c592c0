"""The operator's own small HTTP servers: health for the kubelet, metrics for Prometheus, HTTPS too."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from hyperpod_inference.kube.metrics import Metrics

Check = Callable[[], str | None]
"""None when all is well, else what is not, in one line."""


class CannotListen(Exception):  # noqa: N818 - says what is the matter
    """A server could not take its port; the message names both and why."""


def health(ready: Check) -> web.Application:
    """`/healthz` answers as long as the event loop turns, `/readyz` when `ready` has no complaint."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        complaint = ready()
        return web.Response(status=503 if complaint else 200, text=f"{complaint or 'ok'}\n")

    application = web.Application()
    application.router.add_get("/healthz", healthz)
    application.router.add_get("/readyz", readyz)
    return application


def exposition(metrics: Metrics) -> web.Application:
    """`/metrics` in Prometheus' text format."""

    async def expose(_: web.Request) -> web.Response:
        headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return web.Response(body=metrics.expose(), headers=headers)

    application = web.Application()
    application.router.add_get("/metrics", expose)
    return application


@asynccontextmanager
async def serving(
    application: web.Application, host: str, port: int, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve while the context lasts; yields the port, which the system chose when `port` is 0.

    tls: serve HTTPS with this context; plain HTTP without.

    Raises:
        CannotListen: the port is taken, or the address is not ours.
    """
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port, ssl_context=tls).start()
        except OSError as error:
            raise CannotListen(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
