"""Prefill and decode on separate servers: a long prompt is computed on one, and answered by another.

    client ── request ──▶ prefill (one token, not streamed) ── KV cache ──▶ decode ── answer ──▶ client

The decode server is chosen first, because the prefill server pushes the KV cache there. Short prompts go to
it alone, and so do prompts whose prefill fails: it computes them itself. Both legs are ordinary exchanges, so
deadlines, retries, breakers and counters are theirs; this module puts one after the other.
"""

import dataclasses
import logging
from collections.abc import Callable, Sequence
from typing import Any, cast

from hyperpod_inference.router import kv_transfer
from hyperpod_inference.router.accesslog import AccessLog
from hyperpod_inference.router.deadlines import Deadlines
from hyperpod_inference.router.exchange import Exchange
from hyperpod_inference.router.metrics import Metrics
from hyperpod_inference.router.prompt import prompt_start
from hyperpod_inference.router.proxy import MakeExchange, Proxy
from hyperpod_inference.router.replicas import Replica, ReplicaSet
from hyperpod_inference.router.request import Request
from hyperpod_inference.router.server import ClientConnection, Work
from hyperpod_inference.router.settings import RouterSettings
from hyperpod_inference.router.strategies import Choice, Strategy, by_name
from hyperpod_inference.router.upstream import Pool

logger = logging.getLogger(__name__)

BYTES_PER_TOKEN = 4
"""Of English text, about; the estimate only chooses a way."""
GENERATING = frozenset({b"/v1/chat/completions", b"/v1/completions", b"/invocations"})
PINNED = "disaggregated"
"""The reason of a choice that was made before the prefill."""


class Pinned:
    """The decode servers' strategy, which keeps to the server that a request's KV cache was sent to."""

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy
        self.pins: dict[bytes, Replica] = {}
        """By request id."""

    def choose(self, request: Request, replicas: Sequence[Replica]) -> Choice:
        """The pinned server while it may be chosen, else the strategy's choice."""
        pinned = self.pins.get(request.id) if self.pins else None
        if pinned is not None and pinned in replicas:
            return Choice(pinned, PINNED)
        return self._strategy.choose(request, replicas)

    def changed(self, everyone: Sequence[Replica], gone: Sequence[Replica]) -> None:
        """Passed on."""
        self._strategy.changed(everyone, gone)


class Prefillers(Proxy):
    """The prefill servers; their exchanges end in this process, so only the servers' own state is kept."""

    def ended(self, exchange: Exchange) -> None:
        """Nothing to count or log: the request itself goes on."""
        self._deadlines.forget(exchange)

    def prefill(self, request: Request, done: Callable[[int, bytes], None]) -> Exchange:
        """Send a request; `done(status, body)` is called with the whole answer, with 0 when it broke off."""
        answer = _Answer(done)
        exchange = answer.exchange = Exchange(self, request, cast(ClientConnection, answer))
        if self.settings.request_seconds:
            self._deadlines.set(exchange, self.settings.request_seconds)
        exchange.start()
        return exchange


class _Answer:
    """Stands where an exchange has its client, and keeps what it is sent."""

    slow = False

    def __init__(self, done: Callable[[int, bytes], None]) -> None:
        self._done, self._parts = done, bytearray()
        self.exchange: Exchange

    def write(self, data: bytes) -> None:
        """A part of the answer; HTTP/1.0, so that its body is not in chunks."""
        self._parts += data

    def finish(self, *, keep: bool) -> None:
        """The answer is whole."""
        self._done(self.exchange.status, bytes(self._parts).partition(b"\r\n\r\n")[2])

    def abort(self) -> None:
        """It will never be."""
        self._done(0, b"")


class DisaggregatingProxy(Proxy):
    """A proxy whose replicas decode; `prefillers` computes long prompts before."""

    def __init__(
        self, settings: RouterSettings, *, replicas: ReplicaSet, strategy: Strategy, pool: Pool,
        deadlines: Deadlines, metrics: Metrics, log: AccessLog, clock: Callable[[], float],
        exchange: MakeExchange = Exchange,
    ) -> None:  # fmt: skip
        self.decoders = Pinned(strategy)
        super().__init__(
            settings, replicas=replicas, strategy=self.decoders, pool=pool,
            deadlines=deadlines, metrics=metrics, log=log, clock=clock, exchange=exchange,
        )  # fmt: skip
        limited = dataclasses.replace(settings, request_seconds=_prefill_seconds(settings))
        self.prefillers = Prefillers(
            limited, replicas=ReplicaSet(settings.breaker), strategy=by_name(settings), pool=pool,
            deadlines=deadlines, metrics=Metrics(), log=log, clock=clock,
        )  # fmt: skip
        self.local = self.disaggregated = self.fallback = self.in_prefill = 0
        """Requests by their way: decode alone, both, decode alone because prefill failed; now in prefill."""

    def begin(self, request: Request, client: ClientConnection) -> Work:
        """Send a long prompt through a prefill server first."""
        if request.target.partition(b"?")[0] not in GENERATING:
            return super().begin(request, client)
        body = kv_transfer.parsed(request.body) if self._is_long(request) else None
        replicas = self.replicas.available(self.clock())
        if body is None or not replicas:
            self.local += 1
            return super().begin(request, client)
        work = TwoLegs(self, request, client, self.decoders.choose(request, replicas).replica)
        work.start(body)
        return work

    def decode(self, request: Request, client: ClientConnection) -> Exchange:
        """The second leg, within what is left of the request's time."""
        exchange = self._forward(request, client)
        if self.settings.request_seconds:
            spent = self.clock() - request.started
            self._deadlines.set(exchange, max(self.settings.request_seconds - spent, 0.0))
        return exchange

    def gone(self, request: Request, client: ClientConnection) -> None:
        """The client left during the first leg: counted and logged like any other that does."""
        Exchange(self, request, client).cancel()

    def _is_long(self, request: Request) -> bool:
        threshold = self.settings.routing_threshold or 0
        tokens = (len(request.body) - prompt_start(request.body)) // BYTES_PER_TOKEN
        logger.info(
            "Conditional routing: estimated_tokens=%d, threshold=%d, disaggregate=%s",
            tokens, threshold, tokens >= threshold,
        )  # fmt: skip
        return tokens >= threshold


class TwoLegs:
    """The work of one request that is prefilled before it is decoded."""

    def __init__(
        self, proxy: DisaggregatingProxy, request: Request, client: ClientConnection, decoder: Replica
    ) -> None:
        self._proxy, self._request, self._client, self._decoder = proxy, request, client, decoder
        self._leg: Exchange | None = None
        self._decoding = self._paused = False

    def start(self, body: dict[str, Any]) -> None:
        """The first leg; the decode server counts the request as its own from now on."""
        proxy, request = self._proxy, self._request
        proxy.decoders.pins[request.id] = self._decoder
        self._decoder.in_flight += 1
        proxy.in_prefill += 1
        leg = proxy.prefillers.prefill(
            kv_transfer.for_prefill(request, body, self._decoder.address),
            lambda status, answer: self._prefilled(status, answer, body),
        )
        if not self._decoding:
            self._leg = leg

    def _prefilled(self, status: int, answer: bytes, body: dict[str, Any]) -> None:
        """The second leg, whatever came: a decode server computes what it did not get."""
        self._left()
        proxy, request = self._proxy, self._request
        if status == 200:
            proxy.disaggregated += 1
            request.body = kv_transfer.for_decode(request.body, body, answer)
        else:
            proxy.fallback += 1
            logger.warning("request %s: prefill answered %d, decode computes it", request.id.decode(), status)
        self._decoding = True
        self._leg = proxy.decode(request, self._client)
        proxy.decoders.pins.pop(request.id, None)
        if self._paused:
            self._leg.pause()

    def _left(self) -> None:
        self._decoder.in_flight -= 1
        self._proxy.in_prefill -= 1

    def cancel(self) -> None:
        """The client is gone: so is the leg under way."""
        if self._leg is not None:
            self._leg.cancel()
        if not self._decoding:
            self._decoding = True
            self._left()
            self._proxy.decoders.pins.pop(self._request.id, None)
            self._proxy.gone(self._request, self._client)

    def pause(self) -> None:
        """The client is slow; it has nothing to read before the second leg."""
        self._paused = True
        if self._decoding and self._leg is not None:
            self._leg.pause()

    def resume(self) -> None:
        """The client has caught up."""
        self._paused = False
        if self._decoding and self._leg is not None:
            self._leg.resume()


def _prefill_seconds(settings: RouterSettings) -> float:
    """A prefill server that hangs must leave time for the decode server to do it all."""
    whole = settings.request_seconds
    return min(settings.prefill_seconds, whole / 2) if whole else settings.prefill_seconds
