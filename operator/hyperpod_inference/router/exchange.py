"""One request's way: choose a replica, send, pass the answer through, measure. The hot path, on one page.

Until the first byte has gone back to the client, a failure is answered by trying another replica; after it,
by cutting the client's connection, so that half an answer is never taken for a whole one.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hyperpod_inference.router import heads
from hyperpod_inference.router.breaker import ILL
from hyperpod_inference.router.replicas import Replica
from hyperpod_inference.router.request import Request
from hyperpod_inference.router.server import ClientConnection
from hyperpod_inference.router.strategies.choice import Choice
from hyperpod_inference.router.upstream import UpstreamConnection

if TYPE_CHECKING:
    from hyperpod_inference.router.proxy import Proxy

CLIENT_GONE = 499
"""The status under which a request is counted whose client left first (nginx's)."""


class Exchange:
    """Created by `proxy` for each request that has a place; ends with exactly one call of `proxy.ended`."""

    __slots__ = (
        "_at", "_chunked", "_claimed", "_connecting", "_connection", "_keep", "_out", "_over", "_pending",
        "_proxy", "_replica", "_tried", "choice", "client", "first_byte", "reason", "request", "status",
    )  # fmt: skip

    def __init__(self, proxy: "Proxy", request: Request, client: ClientConnection) -> None:
        self._proxy, self.request, self.client = proxy, request, client
        self._tried: Sequence[Replica] = ()
        self._connection: UpstreamConnection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._chunked = self._claimed = self._keep = self._over = False
        self._replica: Replica  # known from the first choice on
        self._out: list[bytes] = []
        self._pending = 0
        self._at = 0.0
        self.choice: Choice | None = None
        self.status = 0
        """Of the answer; 0 while nothing was sent back."""
        self.first_byte = 0.0
        """Seconds from the whole request to the first byte of the answer's body."""
        self.reason = ""
        """Why it failed, for the log."""

    def start(self) -> None:
        """Choose a replica and send the request there."""
        proxy = self._proxy
        now = proxy.clock() if self._tried else self.request.started
        replicas = proxy.replicas.available(now, self._tried)
        if not replicas:
            self._answer(503 if not self._tried else 502, self.reason or "no replica is ready")
            return
        self.choice = choice = proxy.strategy.choose(self.request, replicas)
        proxy.metrics.decided(choice)
        self._replica = replica = choice.replica
        self._claim(choice)
        connection = proxy.pool.take(replica)
        if connection is not None:
            self.connected(connection)
        else:
            self._connecting = proxy.pool.connect(replica, self)

    def connected(self, connection: UpstreamConnection) -> None:
        """Send the request; its body goes as it came."""
        self._connecting, self._connection = None, connection
        connection.send(heads.to_replica(self.request), self, bodiless=self.request.method == b"HEAD")

    def on_answer(self, status: int, reason: bytes, headers: heads.AnswerHeaders) -> None:
        """The answer's head: pass it on, or try another replica."""
        proxy, request, breaker = self._proxy, self.request, self._replica.breaker
        if not breaker.calm or status in ILL:
            breaker.judge(status, proxy.clock())
        if status in proxy.settings.retry_statuses and self._may_retry():
            self._drop_connection()
            self._retry(f"status {status}")
            return
        self.status = status
        self.reason = ""
        framed = headers.length is not None
        self._keep = request.keep_alive and not proxy.draining and (framed or not request.old)
        head, self._chunked = heads.to_client(status, reason, headers, request, close=not self._keep)
        self._out.append(head)
        if self.client.slow:
            self.pause()

    def on_piece(self, pieces: list[bytes]) -> None:
        """Parts of the body that came at once go out at once, with the head if that came with them."""
        now = self._proxy.clock()
        if self.first_byte:
            self._proxy.metrics.chunk_gap.observe(now - self._at)
        else:
            self._first_byte(now)
        self._at = now
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._out.append(b"%x\r\n%b\r\n" % (len(body), body) if self._chunked else body)

    def flush(self) -> None:
        """One write for all that one read brought: a system call costs more than the rest of the way."""
        if self._out:
            self.client.write(self._out[0] if len(self._out) == 1 else b"".join(self._out))
            self._out.clear()

    def on_end(self) -> None:
        """The answer is whole."""
        if self._over:
            return
        self._connection = None
        if self._chunked:
            self._out.append(b"0\r\n\r\n")
        self.flush()
        self._finish(keep=self._keep)

    def on_failure(self, why: str, *, stale: bool = False) -> None:
        """The replica will not answer (any more)."""
        self._connecting = self._connection = None
        if self._over:
            return
        if self.status:
            self.reason = why
            self.client.abort()
            self._over_now()
        elif stale and self.choice is not None:
            self._release()
            self._again(self.choice)
        else:
            self._replica.failures += 1
            self._replica.breaker.failed(self._proxy.clock())
            self._retry(why)

    def cancel(self) -> None:
        """The client is gone: so is its request."""
        if not self._over:
            self.reason, self.status = "the client left", self.status or CLIENT_GONE
            self._drop_connection()
            self._over_now()

    def on_deadline(self) -> None:
        """The request took too long."""
        if self._over:
            return
        self._drop_connection()
        if self._claimed and not self.first_byte:
            self._replica.breaker.failed(self._proxy.clock())
        self.reason = f"no whole answer within {self._proxy.settings.request_seconds:g} s"
        if self.status:
            self.client.abort()
            self._over_now()
        else:
            self._answer(504, self.reason)

    def pause(self) -> None:
        """The client is slow: so is the replica from now on."""
        if self._connection is not None:
            self._connection.pause()

    def resume(self) -> None:
        """The client has caught up."""
        if self._connection is not None:
            self._connection.resume()

    # --- steps ---

    def _claim(self, choice: Choice) -> None:
        replica = choice.replica
        replica.in_flight += 1
        replica.requests += 1
        replica.pending += choice.misses
        if not replica.breaker.calm:
            replica.breaker.sent(self._proxy.clock())
        self._claimed, self._pending = True, choice.misses

    def _first_byte(self, now: float) -> None:
        self.first_byte = now - self.request.started
        self._proxy.metrics.ttfb.observe(self.first_byte)
        self._replica.pending -= self._pending
        self._pending = 0

    def _release(self) -> None:
        if self._claimed:
            replica = self._replica
            replica.in_flight -= 1
            replica.pending -= self._pending
            if not replica.breaker.calm:
                replica.breaker.released()
            self._claimed, self._pending = False, 0

    def _may_retry(self) -> bool:
        proxy = self._proxy
        return (
            len(self._tried) < proxy.settings.retries and len(proxy.replicas.everyone) > len(self._tried) + 1
        )

    def _retry(self, why: str) -> None:
        self.reason = f"{self._replica.name}: {why}"
        may = self._may_retry()
        self._tried = (*self._tried, self._replica)
        self._release()
        if may:
            self._proxy.metrics.retries += 1
            self.start()
        else:
            self._answer(502, self.reason)

    def _again(self, choice: Choice) -> None:
        """The same replica closed an unused connection just now: that is nobody's failure."""
        self._proxy.metrics.stale += 1
        self._claim(choice)
        self._connecting = self._proxy.pool.connect(choice.replica, self)

    def _answer(self, status: int, message: str) -> None:
        self.status, self.reason = status, message
        request = self.request
        keep = request.keep_alive and not self._proxy.draining and not request.old
        body = heads.error_body(status, message)
        head_only = request.method == b"HEAD"
        self.client.write(
            heads.own_answer(status, body, request_id=request.id, close=not keep, head_only=head_only)
        )
        self._finish(keep=keep)

    def _finish(self, *, keep: bool) -> None:
        self.client.finish(keep=keep)
        self._over_now()

    def _over_now(self) -> None:
        self._over = True
        self._release()
        self._proxy.ended(self)

    def _drop_connection(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
        if self._connection is not None:
            self._connection.abort()
        self._connecting = self._connection = None
