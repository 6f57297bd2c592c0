"""Spans of OpenTelemetry, one a call at each hop, tied together by W3C's `traceparent`.

Off unless OTEL_EXPORTER_OTLP_ENDPOINT is set: then nothing here is on a request's way. On, a call that is
sampled goes on with a `traceparent` of this hop at the end of its head, and that is also where its ids are
read from when it has ended.
"""

import os
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hyperpod_inference.router import heads
from hyperpod_inference.router.accesslog import AccessLog
from hyperpod_inference.router.exchange import Exchange
from hyperpod_inference.router.proxy import MakeExchange, Proxy
from hyperpod_inference.router.request import Request
from hyperpod_inference.router.server import ClientConnection

_GIVEN = re.compile(rb"[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})")
_OURS = re.compile(rb"\r\ntraceparent: 00-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-01\Z")
_FIELD = b"traceparent"


@dataclass(frozen=True, slots=True)
class Span:
    """One hop of one call. Ids are hexadecimal, times nanoseconds since 1970; parent '' begins the trace."""

    trace: str
    id: str
    parent: str
    name: str
    start: int
    end: int
    attributes: Mapping[str, str | int | float] = field(default_factory=dict)
    error: str = ""


class Tracing:
    """What a router is made with to trace: `exchange` and `log` stand in for its own.

    sink: takes each span. share: of the calls that begin a trace here, 0 to 1; a caller's own decision wins.
    """

    def __init__(
        self,
        sink: Callable[[Span], None],
        share: float = 1.0,
        *,
        rng: Callable[[], float] = random.random,
        wall: Callable[[], int] = time.time_ns,
    ) -> None:
        self._sink, self._share, self._rng, self._wall = sink, share, rng, wall

    def exchange(self, make: MakeExchange = Exchange) -> MakeExchange:
        """Makes the work of one request as `make` does, with a span begun for a call."""

        def traced(proxy: Proxy, request: Request, client: ClientConnection) -> Exchange:
            if request.is_call:
                self._begin(request)
            return make(proxy, request, client)

        return traced

    def log(self, log: AccessLog) -> AccessLog:
        """Logs as `log` does, and ends the span."""
        return _Ending(log, self._ended)

    def _begin(self, request: Request) -> None:
        given = request.header(_FIELD)
        caller = _GIVEN.fullmatch(given) if given else None
        sampled = bool(int(caller["flags"], 16) & 1) if caller else self._rng() < self._share
        if not sampled:
            return
        trace = caller["trace"] if caller else os.urandom(16).hex().encode()
        span = os.urandom(8).hex().encode()
        if given is not None:  # its line gives way to ours; the list itself is shared with later requests
            clean = Request(request.method, request.target)
            clean.lines = [line for line in request.lines if line.partition(b":")[0].lower() != _FIELD]
            before = heads.front(clean)
        else:
            before = request.front or heads.front(request)
        request.front = b"%b\r\ntraceparent: 00-%b-%b-01" % (before, trace, span)

    def _ended(self, exchange: Exchange, now: float) -> None:
        request = exchange.request
        ours = _OURS.search(request.front) if request.is_call else None
        if ours is None:
            return
        given = request.header(_FIELD)
        caller = _GIVEN.fullmatch(given) if given else None
        end = self._wall()
        self._sink(
            Span(
                trace=ours["trace"].decode(),
                id=ours["span"].decode(),
                parent=caller["span"].decode() if caller else "",
                name=f"{request.method.decode('latin-1')} {request.path}",
                start=end - round((now - request.started) * 1e9),
                end=end,
                attributes=_attributes(exchange),
                error=exchange.reason if exchange.reason or exchange.status < 500 else "error",
            )
        )


def _attributes(exchange: Exchange) -> dict[str, str | int | float]:
    request, choice = exchange.request, exchange.choice
    found: dict[str, str | int | float] = {
        "http.request.method": request.method.decode("latin-1"),
        "url.path": request.path,
        "http.response.status_code": exchange.status,
        "http.request.body.size": len(request.body),
        "hyperpod.request_id": request.id.decode("latin-1"),
    }
    if choice is not None:
        found |= {"hyperpod.replica": choice.replica.name, "hyperpod.decision": choice.reason}
    if exchange.first_byte:
        found["hyperpod.first_byte_seconds"] = round(exchange.first_byte, 6)
    return found


class _Ending(AccessLog):
    """An access log after which a span ends."""

    def __init__(self, log: AccessLog, then: Callable[[Exchange, float], None]) -> None:
        self._log, self._then = log, then

    def ended(self, exchange: Exchange, now: float) -> None:
        """A request is over."""
        self._log.ended(exchange, now)
        self._then(exchange, now)
