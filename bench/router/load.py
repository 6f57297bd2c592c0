"""The clients of the comparison: so many keep-alive connections, each with one request at a time."""

import asyncio
import time
from dataclasses import dataclass, field


@dataclass
class Result:
    """What the clients saw."""

    answers: int = 0
    errors: int = 0
    chunks: int = 0
    """Of streamed answers."""
    latencies: list[float] = field(default_factory=list)
    first_bytes: list[float] = field(default_factory=list)
    """Seconds until the first `data:` of a streamed answer."""


class Client(asyncio.Protocol):
    """Sends the next request when the answer to the last is whole; knows Content-Length and chunks."""

    def __init__(
        self, requests: list[bytes], left: list[int], result: Result, done: asyncio.Future[None]
    ) -> None:
        self.requests, self.left, self.result, self.done = requests, left, result, done
        self.buffer, self.first = bytearray(), False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open."""
        self.transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        """Is the answer whole?"""
        self.buffer += data
        if not self.first and b"data:" in self.buffer:
            self.first = True
            self.result.first_bytes.append(time.perf_counter() - self.sent)
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0 or not self._whole(end):
            return
        self.result.answers += 1
        self.result.errors += not self.buffer.startswith(b"HTTP/1.1 200")
        self.result.chunks += self.buffer.count(b"data: {")
        self.result.latencies.append(time.perf_counter() - self.sent)
        self.buffer.clear()
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        """The router closed: an error, unless all is done."""
        if not self.done.done():
            self.result.errors += 1
            self.done.set_result(None)

    def _whole(self, end: int) -> bool:
        head = bytes(self.buffer[:end]).lower()
        at = head.find(b"content-length:")
        if at < 0:
            return self.buffer.endswith(b"0\r\n\r\n")
        return len(self.buffer) >= end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0])

    def _next(self) -> None:
        if not self.left[0]:
            self.done.set_result(None)
            self.transport.close()
            return
        self.left[0] -= 1
        self.first = False
        self.sent = time.perf_counter()
        self.transport.write(self.requests[self.left[0] % len(self.requests)])  # type: ignore[attr-defined]


async def run(port: int, requests: list[bytes], count: int, clients: int, spread: float = 0.0) -> Result:
    """`count` requests in all over `clients` connections, the first of which begin over `spread` seconds.

    Streams of one length that begin together go on in step, and each would wait for all others.
    """
    loop = asyncio.get_running_loop()
    result, left = Result(), [count]
    ends = []
    for _ in range(clients):
        done = loop.create_future()
        ends.append(done)
        await loop.create_connection(
            lambda done=done: Client(requests, left, result, done),  # type: ignore[misc]
            "127.0.0.1", port,
        )  # fmt: skip
        if spread:
            await asyncio.sleep(spread / clients)
    await asyncio.gather(*ends)
    return result
