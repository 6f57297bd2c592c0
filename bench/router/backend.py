"""Model servers for the comparison: answer at once, on several ports of one process.

Also answers what the peers ask of a worker before they use it: health, server information and the model list.
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


class Server(asyncio.Protocol):
    """Keep-alive HTTP/1.1, only what the bench needs."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open."""
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        """Answer every whole request."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            body = CHAT if head.startswith(b"post") else OTHER
            head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(
                body
            )
            self.transport.write(head + body)  # type: ignore[attr-defined]


async def main(ports: list[int]) -> None:
    """Serve until killed."""
    for port in ports:
        await asyncio.get_running_loop().create_server(Server, "127.0.0.1", port)
    await asyncio.Event().wait()


uvloop.run(main([int(port) for port in sys.argv[1:]]))
