"""One request as it arrived: bytes as the client sent them, never parsed further than a reader asks."""

from collections.abc import Sequence

TOKENIZING = frozenset({b"/tokenize", b"/detokenize"})
"""Asked for by routers beside the traffic; the model itself is not run."""


class Request:
    """Written once by `server`, then read by everyone."""

    __slots__ = (
        "body", "front", "headers", "id", "keep_alive", "lines", "method", "old", "started", "target",
    )  # fmt: skip

    def __init__(
        self, method: bytes, target: bytes, headers: Sequence[tuple[bytes, bytes]] = (), body: bytes = b""
    ) -> None:
        self.method, self.target, self.headers, self.body = method, target, headers, body
        self.lines: list[bytes] = []
        """The header lines that go on to the replica: no hop-by-hop field, no framing."""
        self.front = b""
        """Request line and `lines` as bytes, once they were needed."""
        self.id = b""
        """X-Request-Id: the client's, else made here."""
        self.keep_alive = True
        """The client's wish for its connection."""
        self.old = False
        """HTTP/1.0: its sender does not know chunks."""
        self.started = 0.0
        """Loop time at which the request was whole, in seconds."""

    def again(self, body: bytes) -> "Request":
        """The same head with another body, as the server had it."""
        made = Request(self.method, self.target, self.headers, body)
        made.lines, made.front, made.id, made.keep_alive = self.lines, self.front, self.id, self.keep_alive
        return made

    @property
    def is_call(self) -> bool:
        """Is this work of the model: what limits hold back, metrics count and capture keeps?"""
        return self.method == b"POST" and self.target not in TOKENIZING

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition(b"?")[0].decode("latin-1")

    def header(self, name: bytes) -> bytes | None:
        """The first value of a field; `name` in lower case."""
        for key, value in self.headers:
            if len(key) == len(name) and key.lower() == name:
                return value
        return None
