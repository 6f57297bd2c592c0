"""Answers requests by sending them on: an id and a place for each, its `Exchange`, its count at the end."""

import os
from collections.abc import Callable
from functools import partial
from itertools import count

from hyperpod_inference.router import heads
from hyperpod_inference.router.accesslog import AccessLog
from hyperpod_inference.router.admission import Queue, Waiting
from hyperpod_inference.router.deadlines import Deadlines
from hyperpod_inference.router.exchange import Exchange
from hyperpod_inference.router.metrics import Metrics
from hyperpod_inference.router.replicas import ReplicaSet
from hyperpod_inference.router.request import Request
from hyperpod_inference.router.server import ClientConnection, Work
from hyperpod_inference.router.settings import RouterSettings
from hyperpod_inference.router.strategies import Strategy
from hyperpod_inference.router.upstream import Pool

MakeExchange = Callable[["Proxy", Request, ClientConnection], Exchange]


class Queued:
    """The work of a request that waits for its place."""

    def __init__(self, proxy: "Proxy", request: Request, client: ClientConnection) -> None:
        self._proxy, self._request, self._client = proxy, request, client
        self._waiting: Waiting | None = None
        self._exchange: Work | None = None

    def join(self) -> bool:
        """Get in line; False when there is no room."""
        self._waiting = self._proxy.queue.wait(
            self._admitted, partial(self._proxy.overflow, self._request, self._client)
        )
        return self._waiting is not None

    def cancel(self) -> None:
        """The client is gone."""
        if self._exchange is not None:
            self._exchange.cancel()
        elif self._waiting is not None:
            self._proxy.queue.drop(self._waiting)

    def pause(self) -> None:
        """The client is slow."""
        if self._exchange is not None:
            self._exchange.pause()

    def resume(self) -> None:
        """The client has caught up."""
        if self._exchange is not None:
            self._exchange.resume()

    def _admitted(self) -> None:
        self._exchange = self._proxy.begin(self._request, self._client)


class Proxy:
    """The handler of the traffic port."""

    def __init__(
        self, settings: RouterSettings, *, replicas: ReplicaSet, strategy: Strategy, pool: Pool,
        deadlines: Deadlines, metrics: Metrics, log: AccessLog, clock: Callable[[], float],
        exchange: MakeExchange = Exchange,
    ) -> None:  # fmt: skip
        """`exchange` makes the work of one request; the sidecar's may keep what passes."""
        self.settings, self.replicas, self.strategy, self.pool = settings, replicas, strategy, pool
        self.metrics, self.clock = metrics, clock
        self.queue = Queue(settings.admission, deadlines)
        self.draining = False
        self._deadlines, self._log, self._exchange = deadlines, log, exchange
        self._ids, self._id_prefix = count(), os.urandom(8).hex().encode()
        replicas.on_change(strategy.changed)
        replicas.on_change(pool.changed)

    def handle(self, request: Request, client: ClientConnection) -> Work | None:
        """Start the request, let it wait, or refuse it. Limits count only work: a call of the model."""
        request.started = self.clock()
        if not request.id:
            request.id = b"%b-%x" % (self._id_prefix, next(self._ids))
        if not request.is_call:
            return self._forward(request, client)
        if self.queue.enter():
            return self.begin(request, client)
        queued = Queued(self, request, client)
        if queued.join():
            return queued
        self.overflow(request, client)
        return None

    def begin(self, request: Request, client: ClientConnection) -> Work:
        """Send a request on that has its place."""
        return self._forward(request, client)

    def overflow(self, request: Request, client: ClientConnection) -> None:
        """Refuse: no place, and no room to wait for one (or it waited too long)."""
        status = self.settings.admission.overflow_status
        self.metrics.overflowed(request, status)
        client.write(heads.own_answer(status, self.queue.overflow_body(), request_id=request.id))
        client.finish(keep=request.keep_alive and not request.old)

    def refused(self, status: int) -> None:
        """The server refused a request before it was whole."""
        self.metrics.refused[status] += 1

    def ended(self, exchange: Exchange) -> None:
        """Count it, log it, give its place to the next."""
        self._deadlines.forget(exchange)
        now = self.clock()
        self.metrics.ended(exchange, now)
        self._log.ended(exchange, now)
        if exchange.request.is_call:
            self.queue.leave()

    def _forward(self, request: Request, client: ClientConnection) -> Exchange:
        exchange = self._exchange(self, request, client)
        if self.settings.request_seconds:
            self._deadlines.set(exchange, self.settings.request_seconds)
        exchange.start()
        return exchange
