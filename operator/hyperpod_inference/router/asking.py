"""Small requests of the router itself to a replica (`/tokenize`, `/metrics`), over the traffic's pool."""

from collections.abc import Callable

from hyperpod_inference.router import heads
from hyperpod_inference.router.deadlines import Deadlines
from hyperpod_inference.router.replicas import Replica
from hyperpod_inference.router.upstream import Pool, UpstreamConnection


class Ask:
    """One request; `done(status, body)` is called exactly once, with status 0 when no answer came."""

    def __init__(
        self, pool: Pool, deadlines: Deadlines, seconds: float, most_bytes: int,
        done: Callable[[int, bytes], None],
    ) -> None:  # fmt: skip
        self._pool, self._deadlines, self._done = pool, deadlines, done
        self._seconds, self._most = seconds, most_bytes
        self._connection: UpstreamConnection | None = None
        self._status, self._body, self._data = 0, bytearray(), b""
        self._over = False

    def send(self, replica: Replica, method: bytes, path: bytes, body: bytes = b"") -> None:
        """Send it."""
        head = b"%b %b HTTP/1.1\r\nhost: %b\r\n" % (method, path, replica.name.encode())
        if body:
            head += b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body)
        self._data = head + b"\r\n" + body
        self._deadlines.set(self, self._seconds)
        connection = self._pool.take(replica)
        if connection is not None:
            self.connected(connection)
        else:
            self._pool.connect(replica, self)

    def connected(self, connection: UpstreamConnection) -> None:
        """Send."""
        if self._over:
            connection.abort()
            return
        self._connection = connection
        connection.send(self._data, self, bodiless=False)

    def on_answer(self, status: int, reason: bytes, headers: heads.AnswerHeaders) -> None:
        """The head."""
        self._status = status

    def on_piece(self, pieces: list[bytes]) -> None:
        """A part of the body; too much of it ends the request."""
        self._body += b"".join(pieces)
        if len(self._body) > self._most:
            self.on_deadline()

    def flush(self) -> None:
        """Nothing to pass on."""

    def on_end(self) -> None:
        """The answer is whole."""
        self._finish(self._status)

    def on_failure(self, why: str, *, stale: bool = False) -> None:
        """No answer: the next request of this kind comes anyway."""
        self._finish(0)

    def on_deadline(self) -> None:
        """It takes too long, or says too much."""
        if self._connection is not None and not self._over:
            self._connection.abort()
        self._finish(0)

    def _finish(self, status: int) -> None:
        if not self._over:
            self._over = True
            self._deadlines.forget(self)
            self._done(status, bytes(self._body))
