"""Follows the replicas' KV event streams (ZeroMQ) and keeps `kvaware`'s reports true.

A stream is whole only without a gap in its sequence numbers. At the beginning, after a gap and after a cut
the missing batches are asked from the replay socket; what cannot be had makes the report start anew from
nothing, because a block that is wrongly believed to be there costs more than one that is not known.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import zmq
import zmq.asyncio
from zmq.utils.monitor import parse_monitor_message

from hyperpod_inference.router.replicas import Replica
from hyperpod_inference.router.strategies.kvaware import KvAware
from hyperpod_inference.router.strategies.reported import Reported, as_event

logger = logging.getLogger(__name__)

REPLAY_SECONDS = 2.0
_MOST_WAITING = 100_000
_BACKOFF_MS, _BACKOFF_CAP_MS = 100, 5_000

Replay = Callable[[int], Awaitable[list[tuple[int, bytes]] | None]]


class KvEvents:
    """One subscription for each replica, on `port` of its host; replay on `replay_port`."""

    def __init__(self, strategy: KvAware, port: int, replay_port: int) -> None:
        self._strategy, self._port, self._replay_port = strategy, port, replay_port
        self._context = zmq.asyncio.Context()
        self._following: dict[Replica, asyncio.Task[None]] = {}
        self.counts: Counter[str] = Counter()
        """`batches`, `malformed`, `replayed` (gaps filled) and `lost` (gaps that could not be)."""

    def changed(self, everyone: Sequence[Replica], gone: Sequence[Replica]) -> None:
        """Follow the new ones, leave those that are gone."""
        for replica in gone:
            if task := self._following.pop(replica, None):
                task.cancel()
        for replica in everyone:
            if replica not in self._following:
                self._following[replica] = asyncio.get_running_loop().create_task(self._follow(replica))

    async def close(self) -> None:
        """Leave all."""
        tasks = [*self._following.values()]
        self._following.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._context.destroy(linger=0)

    async def _follow(self, replica: Replica) -> None:
        stream = self._context.socket(zmq.SUB)
        stream.set_hwm(_MOST_WAITING)
        stream.setsockopt(zmq.RECONNECT_IVL, _BACKOFF_MS)
        stream.setsockopt(zmq.RECONNECT_IVL_MAX, _BACKOFF_CAP_MS)
        stream.setsockopt(zmq.IPV6, int(":" in replica.address.host))
        stream.subscribe(b"")
        monitor = stream.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED)
        follower = Follower(replica, self._strategy, self.counts, lambda first: self._replay(replica, first))
        stream.connect(self._endpoint(replica, self._port))
        watching = asyncio.get_running_loop().create_task(_watch(monitor, follower))
        try:
            while True:
                await follower.batch(await stream.recv_multipart())
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            stream.disable_monitor()
            monitor.close(linger=0)
            stream.close(linger=0)

    async def _replay(self, replica: Replica, first: int) -> list[tuple[int, bytes]] | None:
        """The batches from `first` on that the replica kept; None when it does not answer."""
        socket = self._context.socket(zmq.DEALER)
        socket.setsockopt(zmq.IPV6, int(":" in replica.address.host))
        batches: list[tuple[int, bytes]] = []
        try:
            socket.connect(self._endpoint(replica, self._replay_port))
            await socket.send_multipart((b"", first.to_bytes(8, "big")))
            while True:
                async with asyncio.timeout(REPLAY_SECONDS):
                    frames = await socket.recv_multipart()
                sequence, payload = frames[-2:] if len(frames) >= 2 else (b"", b"")
                if int.from_bytes(sequence, "big", signed=True) < 0:
                    return batches
                batches.append((int.from_bytes(sequence, "big"), payload))
        except TimeoutError:
            return None
        finally:
            socket.close(linger=0)

    @staticmethod
    def _endpoint(replica: Replica, port: int) -> str:
        host = replica.address.host
        return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"


class Follower:
    """The state of one stream: which batch comes next, and what to do when another one comes."""

    def __init__(self, replica: Replica, strategy: KvAware, counts: Counter[str], replay: Replay) -> None:
        self._replica, self._strategy, self._counts, self._replay = replica, strategy, counts, replay
        self._report = Reported()
        self._next: int | None = None
        self._replays = True
        self._turn = asyncio.Lock()

    async def connected(self) -> None:
        """The stream begins (again): get what came before."""
        async with self._turn:
            self._next, self._replays = None, True  # another process may have its address by now
            await self._catch_up()

    def cut(self) -> None:
        """Nobody knows any more what the replica holds."""
        if self._strategy.reports.pop(self._replica, None) is not None:
            self._strategy.lost.add(self._replica)

    async def batch(self, frames: Sequence[bytes]) -> None:
        """One message of the stream: topic, sequence, payload."""
        if len(frames) != 3 or len(frames[1]) != 8:
            self._counts["malformed"] += 1
            return
        sequence = int.from_bytes(frames[1], "big")
        async with self._turn:
            if self._next is not None and sequence < self._next:
                if sequence:
                    return  # came with the replay already
                self._next = None  # the replica's engine started anew
            if sequence != self._next:
                await self._catch_up(sequence)
            if self._next is None or sequence >= self._next:
                self._apply(sequence, frames[2])

    async def _catch_up(self, until: int | None = None) -> None:
        """Ask for what is missing; without it the report starts anew."""
        gap = self._next is not None
        batches = await self._replay(self._next or 0) if self._replays else None
        self._replays = batches is not None
        first = batches[0][0] if batches else until
        whole = batches is not None and (first is None or first <= (self._next or 0))
        if not (gap and whole):
            self._report.clear()
        if gap and until is not None:
            self._counts["replayed" if whole else "lost"] += 1
        for sequence, payload in batches or ():
            self._apply(sequence, payload)
        if batches is not None:
            self._tell()
        if self._next is None and until is not None:
            self._next = until

    def _apply(self, sequence: int, payload: bytes) -> None:
        self._next = sequence + 1
        self._counts["batches"] += 1
        try:
            batch = msgspec.msgpack.decode(payload)
            rows = batch["events"] if isinstance(batch, dict) else batch[1]
            self._report.apply([as_event(row) for row in rows])
        except (msgspec.DecodeError, ValueError, KeyError, IndexError, TypeError) as error:
            self._counts["malformed"] += 1
            logger.warning("%s: a batch of KV events cannot be read: %s", self._replica.name, error)
        self._tell()

    def _tell(self) -> None:
        if not self._replica.gone:
            self._strategy.reports[self._replica] = self._report
            self._strategy.lost.discard(self._replica)


async def _watch(monitor: zmq.asyncio.Socket, follower: Follower) -> None:
    with contextlib.suppress(zmq.ZMQError):
        while True:
            event = parse_monitor_message(await monitor.recv_multipart())["event"]
            if event == zmq.EVENT_DISCONNECTED:
                follower.cut()
            else:
                await follower.connected()
