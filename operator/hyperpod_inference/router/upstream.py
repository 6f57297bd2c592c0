"""Connections to replicas: a pool of idle ones for each, and the parser of their answers.

An answer is parsed by llhttp and handed on piece by piece, so that bytes after its end never reach a client.
A connection is used again only when the answer ended cleanly and nothing else came.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol, cast

import httptools

from hyperpod_inference.router import heads
from hyperpod_inference.router.again import MOST_MISSES, Again
from hyperpod_inference.router.deadlines import Deadlines
from hyperpod_inference.router.replicas import Replica
from hyperpod_inference.router.server import no_delay

MAX_HEAD_BYTES = 64 * 1024
_LOOK_SECONDS = 1.0
"""Between two looks for connections that are idle for too long."""


class Receiver(Protocol):
    """Who waits for the answer: `exchange.Exchange`."""

    def connected(self, connection: "UpstreamConnection") -> None:
        """A new connection is open."""

    def on_answer(self, status: int, reason: bytes, headers: heads.AnswerHeaders) -> None:
        """The head is whole."""

    def on_piece(self, pieces: list[bytes]) -> None:
        """Parts of the body."""

    def flush(self) -> None:
        """No more came at once."""

    def on_end(self) -> None:
        """The answer is whole."""

    def on_failure(self, why: str, *, stale: bool = False) -> None:
        """No (more) answer will come; `stale`: an idle connection that its replica had closed already."""


class UpstreamConnection(asyncio.Protocol):
    """One connection to one replica."""

    def __init__(self, replica: Replica, pool: "Pool") -> None:
        self.replica, self._pool = replica, pool
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport = None  # type: ignore[assignment]  # set before any other call
        self._receiver: Receiver | None = None
        self._used = self._bodiless = self._until_close = self._closed = self._paused = False
        self._again: Again | None = None
        self._known: tuple[int, bytes, heads.AnswerHeaders]  # set with it
        self._tries = MOST_MISSES
        self.idle_since = 0.0
        """Set by the pool."""
        self._begin()

    def _begin(self) -> None:
        self._reason = b""
        self._headers = heads.AnswerHeaders()
        self._pieces: list[bytes] = []
        self._size = 0
        self._silent = True
        self._head_done = False

    _ended: tuple[heads.AnswerHeaders, bytes] | None = None
    _last_reason = b""

    def send(self, data: bytes, receiver: Receiver, *, bodiless: bool) -> None:
        """Send a whole request; `bodiless`: its answer has no body whatever its head says (HEAD)."""
        self._receiver, self._bodiless = receiver, bodiless
        self._transport.write(data)

    def pause(self) -> None:
        """Read no more for now."""
        if not self._closed and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if self._paused and not self._closed:
            self._paused = False
            self._transport.resume_reading()

    def abort(self) -> None:
        """Cut it: the replica learns that nobody waits any more."""
        self._receiver, self._closed = None, True
        self._transport.abort()

    # --- the transport's calls ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open."""
        self._transport = cast(asyncio.Transport, transport)
        no_delay(self._transport)

    def data_received(self, data: bytes) -> None:
        """Parse, then hand on what came at once."""
        receiver = self._receiver
        if receiver is None:
            self._pool.forget(self)
            return self.abort()  # nobody asked: the connection is out of step
        if self._again is not None and self._silent and not self._bodiless:
            body = self._again.body(data)
            if body is not None:
                return self._known_answer(receiver, body)
        first, self._silent = self._silent, False
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            return self._garbage(receiver, error)
        self._size += len(data)
        if not self._head_done and self._size > MAX_HEAD_BYTES:
            return self._fail(f"its headers are longer than {MAX_HEAD_BYTES} bytes")
        if self._receiver is receiver:
            if self._pieces:
                pieces, self._pieces = self._pieces, []
                receiver.on_piece(pieces)
            receiver.flush()
        elif first and self._tries and self._ended is not None:
            self._remember(data, *self._ended)
        self._ended = None
        return None

    def _known_answer(self, receiver: Receiver, body: bytes) -> None:
        """A whole answer with the head of the last one."""
        status, reason, headers = self._known
        headers.length, self._tries = len(body), MOST_MISSES
        receiver.on_answer(status, reason, headers)
        if self._receiver is receiver:
            self._receiver = None
            if body:
                receiver.on_piece([body])
            self._pool.release(self)
            receiver.on_end()

    def _remember(self, data: bytes, headers: heads.AnswerHeaders, body: bytes) -> None:
        """An answer like this may come again; one that never does is not looked for any more."""
        self._tries -= 1
        if headers.length is not None and not self._bodiless:
            self._again = Again.of(data, body)
            self._known = (self._parser.get_status_code(), self._last_reason, headers)

    def connection_lost(self, error: Exception | None) -> None:
        """Closed by the replica, or by us."""
        self._closed = True
        self._pool.forget(self)
        if self._receiver is None:
            return
        if self._until_close and self._head_done and error is None:
            self._end()
        else:
            self._fail("it closed the connection" if error is None else f"the connection broke: {error}")

    # --- the parser's calls ---

    def on_message_begin(self) -> None:
        """An answer begins; one that nobody asked for would be taken for the answer to the next request."""
        if self._receiver is None:
            raise ValueError("bytes after the answer")

    def on_status(self, reason: bytes) -> None:
        """A part of the reason phrase."""
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field; trailers are dropped."""
        if not self._head_done:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is whole: an interim one (1xx) is dropped."""
        status = self._parser.get_status_code()
        if status < 200 or self._receiver is None:
            return
        self._head_done = True
        framed = False
        for name, value in self._headers:
            size = len(name)
            if size == 14 and name.lower() == b"content-length":
                self._headers.length, framed = int(value), True
            elif size == 17 and name.lower() == b"transfer-encoding":
                framed = True
        self._until_close = not framed and status not in (204, 304)
        self._receiver.on_answer(status, self._reason, self._headers)
        if self._bodiless and self._receiver is not None:
            self._until_close = True  # the parser still waits for a body: never use it again
            self._end()

    def on_body(self, part: bytes) -> None:
        """A part of the body, without chunk framing; to a client it would be nothing before its head."""
        if not self._head_done:
            raise ValueError("an interim answer with a body")
        self._pieces.append(part)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        if self._head_done:
            self._end()
        else:
            self._begin()  # an interim answer
            self._silent = False

    # --- endings ---

    def _end(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is None:
            return
        pieces = self._pieces
        reusable = not self._until_close and not self._closed and self._parser.should_keep_alive()
        self._ended = (self._headers, b"".join(pieces)) if reusable and self._tries else None
        self._last_reason = self._reason
        self._begin()
        self._used, self._until_close = True, False
        if pieces:
            receiver.on_piece(pieces)
        if reusable:
            self._pool.release(self)
        elif not self._closed:
            self.abort()
        receiver.on_end()

    def _garbage(self, receiver: Receiver, error: Exception) -> None:
        if self._receiver is receiver:
            self._fail(f"it does not speak HTTP: {error}")
        else:  # more bytes after a whole answer: the client has its own, the connection is out of step
            self._pool.forget(self)
            self.abort()

    def _fail(self, why: str) -> None:
        receiver = self._receiver
        stale = self._used and self._silent
        self.abort()
        if receiver is not None:
            receiver.on_failure(why, stale=stale)


class Pool:
    """Idle connections by replica, the last used first, so that the surplus grows old and is closed."""

    def __init__(
        self, deadlines: Deadlines, connect_seconds: float, idle_seconds: float, most_idle: int
    ) -> None:
        self._deadlines = deadlines
        self._connect_seconds, self._idle_seconds, self._most_idle = connect_seconds, idle_seconds, most_idle
        self._idle: dict[Replica, list[UpstreamConnection]] = {}
        self._connecting: set[asyncio.Task[None]] = set()
        deadlines.set(self, _LOOK_SECONDS)

    def idle(self, replica: Replica) -> int:
        """Unused connections to it."""
        return len(self._idle.get(replica, ()))

    def take(self, replica: Replica) -> UpstreamConnection | None:
        """An open, unused connection, if there is one."""
        idle = self._idle.get(replica)
        if not idle:
            return None
        return idle.pop()

    def connect(self, replica: Replica, receiver: Receiver) -> asyncio.Task[None]:
        """Open one; `receiver.connected` or `receiver.on_failure` is called. Cancel the task to give up."""
        task = asyncio.get_running_loop().create_task(self._connect(replica, receiver))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return task

    async def _connect(self, replica: Replica, receiver: Receiver) -> None:
        address = replica.address
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_seconds):
                _, connection = await loop.create_connection(
                    lambda: UpstreamConnection(replica, self), address.host, address.port
                )
        except TimeoutError:
            receiver.on_failure(f"no connection within {self._connect_seconds:g} s")
        except OSError as error:
            receiver.on_failure(f"cannot connect: {error.strerror or error}")
        else:
            receiver.connected(connection)

    def release(self, connection: UpstreamConnection) -> None:
        """Keep it for the next request, unless its replica left or enough are kept."""
        idle = self._idle.get(connection.replica)
        if idle is None:
            idle = self._idle[connection.replica] = []
        if connection.replica.gone or len(idle) >= self._most_idle:
            connection.abort()
            return
        connection.resume()
        connection.idle_since = self._deadlines.soon
        idle.append(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        """It closed while idle."""
        idle = self._idle.get(connection.replica)
        if idle and connection in idle:
            idle.remove(connection)

    def changed(self, everyone: Sequence[Replica], gone: Sequence[Replica]) -> None:
        """The set of replicas is another."""
        for replica in gone:
            self.drop(replica)

    def drop(self, replica: Replica) -> None:
        """Close what is unused; the replica left."""
        for connection in self._idle.pop(replica, []):
            connection.abort()

    def on_deadline(self) -> None:
        """Close those that nobody used for long: they stand in front."""
        self._deadlines.set(self, _LOOK_SECONDS)
        until = self._deadlines.soon - self._idle_seconds
        for idle in self._idle.values():
            while idle and idle[0].idle_since <= until:
                idle.pop(0).abort()

    def close(self) -> None:
        """Close everything unused and give up what is being opened."""
        for task in self._connecting:
            task.cancel()
        for replica in [*self._idle]:
            self.drop(replica)
