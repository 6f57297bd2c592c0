"""vLLM's KV event stream: batches in msgpack over ZeroMQ, three frames (topic, sequence, payload) each.

A PUB socket for all, and a ROUTER socket for those who missed some: a request names the first sequence number
(8 bytes, big-endian), the answer is every kept batch from there on, then the sequence -1 without payload. A
batch is `[time, events, rank]`. Events are arrays with the tag in front, or maps as in later vLLM.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec
import zmq
import zmq.asyncio

from hyperpod_inference.local.servers.simulator.cache import Event, Stored

END = (-1).to_bytes(8, "big", signed=True)
_MEDIUM = "GPU"
_LINGER_MS = 200


def encode(events: Sequence[Event | None], block_size: int, *, maps: bool, now: float) -> bytes:
    """One batch; None stands for "everything was cleared"."""
    rows = [_row(event, block_size) for event in events]
    if maps:
        return msgspec.msgpack.encode({"ts": now, "events": rows, "data_parallel_rank": 0})
    return msgspec.msgpack.encode([now, [[*row.values()] for row in rows], 0])


def _row(event: Event | None, block_size: int) -> dict[str, Any]:
    if event is None:
        return {"type": "AllBlocksCleared"}
    if isinstance(event, Stored):
        return {
            "type": "BlockStored", "block_hashes": event.hashes, "parent_block_hash": event.parent,
            "token_ids": event.tokens, "block_size": block_size, "lora_id": None, "medium": _MEDIUM,
            "lora_name": None,
        }  # fmt: skip
    return {"type": "BlockRemoved", "block_hashes": event.hashes, "medium": _MEDIUM}


class Publisher:
    """Bound to `host`; a port of 0 takes a free one, a replay port of None offers no replay."""

    def __init__(
        self, host: str, port: int, replay_port: int | None, block_size: int, *,
        topic: str = "", maps: bool = False, kept: int = 10_000,
    ) -> None:  # fmt: skip
        self._context = zmq.asyncio.Context()
        self._block_size, self._topic, self._maps = block_size, topic.encode(), maps
        self._kept: deque[tuple[int, bytes]] = deque(maxlen=kept)
        self._next = 0
        # A plain socket: to publish never blocks, what a slow reader cannot take is dropped for it.
        self._plain: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._out = self._plain.socket(zmq.PUB)
        self._out.set_hwm(100_000)
        self.port = self._bind(self._out, host, port)
        self.replay_port = 0
        self._answering: asyncio.Task[None] | None = None
        if replay_port is not None:
            replay = self._context.socket(zmq.ROUTER)
            self.replay_port = self._bind(replay, host, replay_port)
            self._answering = asyncio.get_running_loop().create_task(self._answer(replay))

    def publish(self, events: Sequence[Event | None]) -> None:
        """Send one batch."""
        payload = self._keep(events)
        number = (self._next - 1).to_bytes(8, "big")
        self._out.send_multipart((self._topic, number, payload), zmq.NOBLOCK)

    def lose(self, events: Sequence[Event | None]) -> None:
        """Keep one batch without sending it, as a bad network does (for tests of readers)."""
        self._keep(events)

    def _keep(self, events: Sequence[Event | None]) -> bytes:
        payload = encode(events, self._block_size, maps=self._maps, now=time.time())
        self._kept.append((self._next, payload))
        self._next += 1
        return payload

    async def close(self) -> None:
        """Close the sockets."""
        if self._answering is not None:
            self._answering.cancel()
            await asyncio.gather(self._answering, return_exceptions=True)
        self._plain.destroy(linger=_LINGER_MS)
        self._context.destroy(linger=0)

    async def _answer(self, replay: zmq.asyncio.Socket) -> None:
        while True:
            client, *rest = await replay.recv_multipart()
            if len(rest) != 2 or len(rest[1]) != 8:
                continue
            first = int.from_bytes(rest[1], "big")
            for number, payload in [*self._kept]:
                if number >= first:
                    await replay.send_multipart((client, b"", number.to_bytes(8, "big"), payload))
            await replay.send_multipart((client, b"", END, b""))

    @staticmethod
    def _bind(socket: Any, host: str, port: int) -> int:
        socket.bind(f"tcp://{host}:{port or '*'}")
        return int(socket.getsockopt(zmq.LAST_ENDPOINT).rpartition(b":")[2])
