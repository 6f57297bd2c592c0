"""Model servers for the comparison, on several ports of one process: whole answers at once, streams in time.

Also answers what the peers ask of a worker before they use it: health, server information and the model list.

    python bench/router/backend.py CHUNKS SECONDS_BETWEEN PORT...
"""

import asyncio
import json
import sys

import uvloop

CHAT = json.dumps(
    {
        "id": "c", "object": "chat.completion", "created": 0, "model": "m",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
    }
).encode()  # fmt: skip
OTHER = json.dumps(
    {"object": "list", "data": [{"id": "m", "object": "model"}], "model_path": "m", "is_generation": True}
).encode()
_DELTA = {
    "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": "m",
    "choices": [{"index": 0, "delta": {"content": " token"}, "finish_reason": None}],
}  # fmt: skip
CHUNK = b"data: " + json.dumps(_DELTA).encode() + b"\n\n"
FRAMED = b"%x\r\n%b\r\n" % (len(CHUNK), CHUNK)
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


class Server(asyncio.Protocol):
    """Keep-alive HTTP/1.1, only what the bench needs."""

    chunks, pause = 60, 0.02

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open."""
        self.transport, self.buffer = transport, bytearray()

    def data_received(self, data: bytes) -> None:
        """Answer every whole request."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.buffer[:end]).lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            del self.buffer[: end + 4 + length]
            if b'"stream": true' in body or b'"stream":true' in body:
                self.transport.write(STREAM + FRAMED)  # type: ignore[attr-defined]
                self.loop = asyncio.get_running_loop()
                self.loop.call_later(self.pause, self.next, 1, self.loop.time() + self.pause)
                continue
            body = CHAT if head.startswith(b"post") else OTHER
            lines = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
            self.transport.write(lines % len(body) + body)  # type: ignore[attr-defined]

    def next(self, sent: int, due: float) -> None:
        """The next chunk of a stream, in step with the clock."""
        if self.transport.is_closing():
            return
        last = sent + 1 == self.chunks
        self.transport.write(FRAMED + END if last else FRAMED)  # type: ignore[attr-defined]
        if not last:
            self.loop.call_at(due + self.pause, self.next, sent + 1, due + self.pause)


async def main(chunks: int, pause: float, ports: list[int]) -> None:
    """Serve until killed."""
    Server.chunks, Server.pause = chunks, pause
    for port in ports:
        await asyncio.get_running_loop().create_server(Server, "127.0.0.1", port, backlog=1024)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), float(sys.argv[2]), [int(port) for port in sys.argv[3:]]))
