"""The composition root: one process from settings to sockets, and its orderly end."""

import asyncio
import logging
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from hyperpod_inference.router import reading, server
from hyperpod_inference.router.accesslog import AccessLog
from hyperpod_inference.router.admin import Admin
from hyperpod_inference.router.asking import Ask
from hyperpod_inference.router.deadlines import Deadlines
from hyperpod_inference.router.disaggregation import DisaggregatingProxy
from hyperpod_inference.router.discovery import Discovery
from hyperpod_inference.router.exchange import Exchange
from hyperpod_inference.router.exposition import Collector
from hyperpod_inference.router.metrics import Metrics
from hyperpod_inference.router.proxy import MakeExchange, Proxy
from hyperpod_inference.router.replicas import ReplicaSet
from hyperpod_inference.router.server import ClientConnection
from hyperpod_inference.router.settings import RouterSettings
from hyperpod_inference.router.strategies import by_name
from hyperpod_inference.router.upstream import Pool

logger = logging.getLogger(__name__)

_POLL = 0.05
"""Seconds between two looks whether the last request has ended."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen; port 0 takes a free one."""

    host: str
    port: int
    admin_port: int
    tls: ssl.SSLContext | None = None
    """Of the traffic port; the admin port speaks plain HTTP."""


class Router:
    """`async with Router(...) as router`: serving inside, drained and closed after."""

    def __init__(
        self, settings: RouterSettings, listen: Listen, discovery: Discovery, *,
        collector: Callable[[Proxy], Collector], log: AccessLog, metrics: Callable[[], Metrics] = Metrics,
        exchange: MakeExchange = Exchange,
        prefill: Discovery | None = None,
    ) -> None:  # fmt: skip
        """`prefill` finds the prefill servers of a router whose replicas decode (`routing_threshold`)."""
        self._settings, self._listen, self._discovery = settings, listen, discovery
        self._collector, self._log, self._metrics, self._exchange = collector, log, metrics, exchange
        self._prefill = prefill
        self._connections: set[ClientConnection] = set()
        self.proxy: Proxy
        self.port = self.admin_port = 0
        """Where it really listens."""

    async def __aenter__(self) -> "Router":
        loop, settings, listen = asyncio.get_running_loop(), self._settings, self._listen
        deadlines = Deadlines(time.monotonic)  # uvloop's own clock stands still within one round
        pool = Pool(
            deadlines, settings.connect_seconds, settings.upstream_idle_seconds, settings.idle_upstreams
        )
        self._pool = pool
        strategy, replicas = by_name(settings), ReplicaSet(settings.breaker)
        kind = Proxy if self._prefill is None else DisaggregatingProxy
        self.proxy = kind(
            settings, replicas=replicas, strategy=strategy, pool=pool,
            deadlines=deadlines, metrics=self._metrics(), log=self._log, clock=time.monotonic,
            exchange=self._exchange,
        )  # fmt: skip
        self._reading = reading.start(strategy, replicas, settings, partial(Ask, pool, deadlines))
        admin = Admin(self.proxy, self._collector(self.proxy))
        self._discovering = loop.create_task(self._discover(self.proxy))
        self._tasks = [loop.create_task(deadlines.run()), self._discovering]
        self._server = await loop.create_server(
            server.factory(self.proxy, settings.head, settings.max_body_bytes, deadlines, self._connections),
            listen.host, listen.port, ssl=listen.tls, backlog=1024,
        )  # fmt: skip
        self._admin = await loop.create_server(
            server.factory(admin, settings.head, 0, deadlines, set()), listen.host, listen.admin_port
        )
        self.port, self.admin_port = (self._port(each) for each in (self._server, self._admin))
        logger.info("listening on %s:%d, probes and metrics on :%d", listen.host, self.port, self.admin_port)
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        self._admin.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._reading.close()
        self._pool.close()
        for connection in [*self._connections]:
            connection.abort()
        await asyncio.sleep(0)

    async def run_until(self, stop: asyncio.Event) -> None:
        """Serve until `stop`; raises what discovery fails with, because without it the replicas grow old."""
        stopped = asyncio.ensure_future(stop.wait())
        discovering = self._discovering
        while not stopped.done():
            if discovering.done():
                discovering.result()
            watched = {stopped} if discovering.done() else {stopped, discovering}
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)

    async def _discover(self, proxy: Proxy) -> None:
        following = [self._discovery.run(proxy.replicas.update)]
        if self._prefill is not None and isinstance(proxy, DisaggregatingProxy):
            following.append(self._prefill.run(proxy.prefillers.replicas.update))
        await asyncio.gather(*following)

    async def drain(self) -> None:
        """Say "not ready", give load balancers time to see it, close the door, let requests in work end."""
        loop = asyncio.get_running_loop()
        self.proxy.draining = True
        await asyncio.sleep(self._settings.drain_delay)
        self._server.close()
        for connection in [*self._connections]:
            connection.close_if_idle()
        end = loop.time() + self._settings.drain_seconds
        while self._connections and loop.time() < end:  # noqa: ASYNC110  # an event would cost each request
            await asyncio.sleep(_POLL)
        if self._connections:
            logger.warning(
                "%d connections were cut after %g s", len(self._connections), self._settings.drain_seconds
            )

    @staticmethod
    def _port(listening: asyncio.Server) -> int:
        return int(listening.sockets[0].getsockname()[1])
