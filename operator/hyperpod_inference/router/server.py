"""The client's side: bytes to `Request`s, one at a time, within limits; answers go out through `write`.

llhttp (strict) parses; what it refuses is answered 400 and the connection is closed, because after an error
nobody knows where the next message begins. A client that leaves is noticed at once: reading never stops while
a request is in work, except when too many more are read ahead.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

import httptools

from hyperpod_inference.router import heads
from hyperpod_inference.router.again import MOST_MISSES, Again
from hyperpod_inference.router.deadlines import Deadlines
from hyperpod_inference.router.request import Request
from hyperpod_inference.router.settings import HeadLimits


class Work(Protocol):
    """What a handler does for one request, as the connection sees it."""

    def cancel(self) -> None:
        """The client is gone."""

    def pause(self) -> None:
        """The client reads slower than the answer comes: stop producing."""

    def resume(self) -> None:
        """The client has caught up."""


class Handler(Protocol):
    """Who answers requests: `proxy` or `admin`."""

    draining: bool

    def handle(self, request: Request, client: "ClientConnection") -> Work | None:
        """Begin the work; ends with `client.finish`, at once or later."""

    def refused(self, status: int) -> None:
        """A request was refused before it was whole."""


class ClientConnection(asyncio.Protocol):
    """One connection of a client."""

    def __init__(
        self,
        handler: Handler,
        limits: HeadLimits,
        max_body: int,
        deadlines: Deadlines,
        connections: set["ClientConnection"],
    ) -> None:
        self._handler, self._limits, self._max_body = handler, limits, max_body
        self._deadlines, self._connections = deadlines, connections
        self._parser = httptools.HttpRequestParser(self)
        self._again: Again | None = None
        self._known: Request  # set with it
        self._tries = MOST_MISSES
        self._waiting: deque[Request] = deque()
        self._refusal: heads.Refused | None = None
        self._transport: asyncio.Transport = None  # type: ignore[assignment]  # set before any other call
        self._work: Work | None = None
        self._busy = self._closing = self._slow = self._deaf = self._ahead = False
        self._begun = self._head_done = False
        self._begin()

    # --- the transport's calls ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        self._transport = cast(asyncio.Transport, transport)
        no_delay(self._transport)
        self._connections.add(self)
        self._deadlines.set(self, self._limits.idle_seconds)

    def connection_lost(self, error: Exception | None) -> None:
        """The client left: what is in work for it stops."""
        self._closing = True
        self._connections.discard(self)
        self._deadlines.forget(self)
        self._waiting.clear()
        work, self._work = self._work, None
        if work is not None:
            work.cancel()

    def data_received(self, data: bytes) -> None:
        """Parse; whole requests are served in order, a refusal comes after those before it."""
        if self._closing or self._refusal or self._deaf:
            return
        if self._again is not None and not self._busy and not self._begun:
            body = self._again.body(data)
            if body is not None and len(body) <= self._max_body:
                self._tries = MOST_MISSES
                self._serve(self._known.again(body))
                return
        first, self._begun = not self._begun, True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            self._refusal = (
                error.__context__ if isinstance(error.__context__, heads.Refused) else _malformed(error)
            )
        except httptools.HttpParserUpgrade:
            self._refusal = heads.Refused(
                501, "protocol upgrades are not served, send HTTP/1.1 without Upgrade"
            )
        except httptools.HttpParserError as error:
            self._refusal = _malformed(error)
        else:
            if self._begun:
                self._still_in_head(len(data), first=first)
            elif first and len(self._waiting) == 1 and self._tries:
                self._remember(data, self._waiting[0])
        self._next()

    def eof_received(self) -> bool:
        """The client sends no more, so it is gone: the transport closes."""
        return False

    def pause_writing(self) -> None:
        """The client's buffer is full."""
        self._slow = True
        if self._work is not None:
            self._work.pause()

    def resume_writing(self) -> None:
        """The client's buffer has room."""
        self._slow = False
        if self._work is not None:
            self._work.resume()

    # --- the parser's calls ---

    def _begin(self) -> None:
        self._method, self._target = b"", b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._size = self._head_size = 0
        self._begun = self._head_done = False
        self._request: Request | None = None

    def on_message_begin(self) -> None:
        """A request begins, perhaps behind another one in the same read."""
        self._begun = True

    def on_url(self, part: bytes) -> None:
        """A part of the request target."""
        self._target += part
        if len(self._target) > self._limits.target_bytes:
            raise heads.Refused(414, f"the request target is longer than {self._limits.target_bytes} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field; trailers are dropped."""
        if self._head_done:
            return
        self._headers.append((name, value))
        self._size += len(name) + len(value) + 4
        if len(self._headers) > self._limits.headers or self._size > self._limits.head_bytes:
            raise self._head_too_large()

    def on_headers_complete(self) -> None:
        """Check the head; the body follows."""
        self._head_done = True
        self._size = 0
        request = Request(self._parser.get_method(), self._target, self._headers)
        length, expects = heads.accept(request, self._parser.get_http_version())
        request.keep_alive = self._parser.should_keep_alive()
        if length > self._max_body:
            raise self._body_too_large(length)
        if self._parser.should_upgrade() and (length or request.header(b"transfer-encoding")):
            raise heads.Refused(501, "an upgrade with a body is not served, send it without Upgrade")
        self._request = request
        if expects and length and not self._busy:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, part: bytes) -> None:
        """A part of the body, without chunk framing."""
        self._size += len(part)
        if self._size > self._max_body:
            raise self._body_too_large(self._size)
        self._body.append(part)

    def on_message_complete(self) -> None:
        """The request is whole."""
        request = self._request
        if request is None:
            raise heads.Refused(400, "a message ended before its headers")
        body = self._body
        request.body = body[0] if len(body) == 1 else b"".join(body)
        self._waiting.append(request)
        if len(self._waiting) > self._limits.pipelined and not self._ahead:
            self._ahead = True
            self._transport.pause_reading()
        self._begin()

    # --- requests in order ---

    def _next(self) -> None:
        """Serve the next whole request, or say what was refused, or wait for more."""
        while not self._busy and not self._closing:
            if self._waiting:
                self._serve(self._waiting.popleft())
            elif self._refusal:
                self._refuse(self._refusal)
            else:
                break

    def _serve(self, request: Request) -> None:
        self._busy = True
        if self._ahead and not self._waiting:
            self._ahead = False
            self._transport.resume_reading()
        work = self._handler.handle(request, self)
        if self._busy:
            self._work = work

    def write(self, data: bytes) -> None:
        """Send a part of the answer."""
        self._transport.write(data)

    @property
    def slow(self) -> bool:
        """The client reads slower than it is sent to."""
        return self._slow

    def finish(self, *, keep: bool) -> None:
        """The answer is complete; `keep` the connection for the next request."""
        self._busy, self._work = False, None
        if not keep:
            self._close()
            return
        limits = self._limits
        wait = (
            limits.idle_seconds
            if not self._begun
            else limits.body_seconds
            if self._head_done
            else limits.head_seconds
        )
        self._deadlines.set(self, wait)
        if self._waiting or self._refusal:
            asyncio.get_running_loop().call_soon(self._next)

    def abort(self) -> None:
        """The answer cannot be completed: cut, so that the client cannot take it for whole."""
        self._closing, self._work = True, None
        self._transport.abort()

    def close_if_idle(self) -> None:
        """Draining: close unless a request is in work (its answer says `connection: close`)."""
        if not self._busy and not self._waiting:
            self._close()

    def on_deadline(self) -> None:
        """Nothing came for too long; a half-sent request is told so. While one is in work, its own counts."""
        if self._busy:
            return
        if self._begun:
            self._refuse(heads.Refused(408, "the request did not come in time"))
        else:
            self._close()

    def _refuse(self, refusal: heads.Refused) -> None:
        self._handler.refused(refusal.status)
        body = heads.error_body(refusal.status, refusal.message)
        self._transport.write(heads.own_answer(refusal.status, body, close=True))
        self._close()

    def _close(self) -> None:
        self._closing = True
        self._transport.close()

    def _remember(self, data: bytes, request: Request) -> None:
        """A head like this may come again; one that never does is not looked for any more."""
        self._tries -= 1
        plain = request.keep_alive and not request.old and not request.header(b"transfer-encoding")
        if plain and not request.header(b"expect") and not request.header(b"upgrade"):
            self._again = Again.of(data, request.body)
            request.front = heads.front(request)
            self._known = request.again(b"")

    def _still_in_head(self, received: int, *, first: bool) -> None:
        """Bound a head that never ends, of which the parser has told nothing yet; start the body's clock."""
        if first and not self._busy:
            self._deadlines.set(self, self._limits.head_seconds)
        if self._head_done:
            if not self._busy and self._head_size >= 0:
                self._head_size = -1
                self._deadlines.set(self, self._limits.body_seconds)
            return
        self._head_size += received
        if self._head_size > 2 * self._limits.head_bytes and not self._waiting:
            self._refusal = self._head_too_large()

    def _ignore_upgrade(self) -> None:
        """Serve the request as if it had not asked (RFC 9110, 7.8); nothing after it is HTTP for sure."""
        self._deaf = True
        self._waiting[-1].keep_alive = False

    def _head_too_large(self) -> heads.Refused:
        limits = self._limits
        return heads.Refused(
            431, f"headers may be {limits.headers} in number and {limits.head_bytes} bytes in all"
        )

    def _body_too_large(self, size: int) -> heads.Refused:
        return heads.Refused(413, f"the body is {size} bytes or more, at most {self._max_body} are taken")


def _malformed(error: Exception) -> heads.Refused:
    return heads.Refused(400, f"malformed HTTP: {error}")


def no_delay(transport: asyncio.Transport) -> None:
    """Send small writes at once: else a token waits up to 40 ms for the acknowledgement of the last."""
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def factory(
    handler: Handler,
    limits: HeadLimits,
    max_body: int,
    deadlines: Deadlines,
    connections: set[ClientConnection],
) -> Callable[[], ClientConnection]:
    """What `loop.create_server` calls for each connection; the live ones are kept in `connections`."""
    return lambda: ClientConnection(handler, limits, max_body, deadlines, connections)
