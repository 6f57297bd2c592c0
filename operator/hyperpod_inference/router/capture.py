"""Data capture in the proxy: a sample of the calls is copied to the spool, and no call ever waits for it.

What is kept costs memory until it is written, and disk until it is uploaded; both are bounded, and what does
not fit is dropped and counted. Only whole answers with status 2xx are kept: half an answer would mislead
whoever learns from it.
"""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from hyperpod_inference.router.exchange import Exchange
from hyperpod_inference.router.heads import AnswerHeaders
from hyperpod_inference.router.proxy import Proxy
from hyperpod_inference.router.request import Request
from hyperpod_inference.router.server import ClientConnection
from hyperpod_inference.router.spool import Payload, Record, SpoolWriter

logger = logging.getLogger(__name__)

INPUT, OUTPUT = "Input", "Output"
OUTCOMES = WRITTEN, NO_MEMORY, NO_DISK, FAILED = "written", "memory", "disk", "error"
MEBIBYTE = 1024 * 1024
CLOSING_SECONDS = 10.0
"""The longest that the last records may take to reach the disk when the process ends."""


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """What is kept, and the bounds. Sizes are bytes, times seconds."""

    directory: Path
    sampling_percent: float = 100.0
    options: frozenset[str] = frozenset({INPUT, OUTPUT})
    batch_size: int = 10
    flush_seconds: float = 60.0
    most_payload: int = 0
    """Of one direction; what is longer is cut. 0: no limit."""
    most_memory: int = 64 * MEBIBYTE
    """Of all payloads that are not on the disk yet."""
    most_disk: int = 1024 * MEBIBYTE


class Capture:
    """`async with Capture(settings) as capture`: give `capture.exchange` to the router."""

    def __init__(
        self, settings: CaptureSettings, rng: Callable[[], float] = random.random,
        now: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self.settings, self._rng, self.now = settings, rng, now
        self._queue: asyncio.Queue[Record] = asyncio.Queue()
        self.held = 0
        """Bytes of payload in memory."""
        self.outcomes: Counter[str] = Counter()
        """Calls of the sample by what became of them: one of `OUTCOMES`."""

    async def __aenter__(self) -> Self:
        settings = self.settings
        self._thread = ThreadPoolExecutor(1, "capture")
        loop = asyncio.get_running_loop()
        self._writer = await loop.run_in_executor(
            self._thread, SpoolWriter, settings.directory, settings.batch_size, settings.most_disk, self.now
        )
        self._writing = loop.create_task(self._write())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            async with asyncio.timeout(CLOSING_SECONDS):
                await self._queue.join()
        except TimeoutError:
            logger.warning("%d captured calls were not written", self._queue.qsize())
        self._writing.cancel()
        await asyncio.gather(self._writing, return_exceptions=True)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._writer.close)
        self._thread.shutdown()

    def exchange(self, proxy: Proxy, request: Request, client: ClientConnection) -> Exchange:
        """The work of one request, kept if it is a call and in the sample."""
        if request.is_call and self._rng() * 100 < self.settings.sampling_percent:
            return Captured(self, proxy, request, client)
        return Exchange(proxy, request, client)

    def take(self, size: int) -> bool:
        """Reserve memory; False when too much is held already."""
        if self.held + size > self.settings.most_memory:
            return False
        self.held += size
        return True

    def release(self, size: int) -> None:
        """Give memory back."""
        self.held -= size

    def submit(self, record: Record) -> None:
        """Write it soon; its memory is given back then."""
        self._queue.put_nowait(record)

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            record = await self._next()
            try:
                if record is None:
                    await loop.run_in_executor(self._thread, self._writer.rotate)
                    continue
                written = await loop.run_in_executor(self._thread, self._writer.append, record)
                self.outcomes[WRITTEN if written else NO_DISK] += 1
            except OSError as problem:
                self.outcomes[FAILED] += 1
                logger.warning("a captured call was not written: %s", problem)
            finally:
                if record is not None:
                    self.release(record.size)
                    self._queue.task_done()

    async def _next(self) -> Record | None:
        """The next record; None when the open batch has waited long enough."""
        if not self._writer.records:
            return await self._queue.get()
        left = self._writer.opened + self.settings.flush_seconds - self.now()
        try:
            async with asyncio.timeout(max(left, 0.0)):
                return await self._queue.get()
        except TimeoutError:
            return None


class Captured(Exchange):
    """An exchange whose payloads are kept on the way."""

    __slots__ = ("_body", "_capture", "_cut", "_dropped", "_output", "_size", "_started", "_type")

    def __init__(self, capture: Capture, proxy: Proxy, request: Request, client: ClientConnection) -> None:
        super().__init__(proxy, request, client)
        self._capture = capture
        self._body: list[bytes] = []
        self._size = self._output = 0
        self._cut = False
        self._type = ""
        self._started = capture.now()
        self._dropped = not self._reserve(len(self._bounded(request.body))) if self._keeps(INPUT) else False

    def on_answer(self, status: int, reason: bytes, headers: AnswerHeaders) -> None:
        """The answer's head."""
        self._type = _content_type(headers)
        super().on_answer(status, reason, headers)

    def on_piece(self, pieces: list[bytes]) -> None:
        """Parts of the body."""
        super().on_piece(pieces)
        if self._dropped or self._cut or not self._keeps(OUTPUT) or not 200 <= self.status < 300:
            return
        for piece in pieces:
            self._add(piece)

    def _over_now(self) -> None:
        super()._over_now()
        if 200 <= self.status < 300 and not self.reason and not self._dropped:
            self._capture.submit(self._record())
            return
        if self._dropped:
            self._capture.outcomes[NO_MEMORY] += 1
        self._capture.release(self._size)
        self._body.clear()

    def _add(self, piece: bytes) -> None:
        most = self._capture.settings.most_payload
        if most:
            room = most - self._output
            self._cut = len(piece) > room
            piece = piece[:room]
        if self._reserve(len(piece)):
            self._body.append(piece)
            self._output += len(piece)
        else:
            self._dropped = True

    def _reserve(self, size: int) -> bool:
        taken = self._capture.take(size)
        self._size += size if taken else 0
        return taken

    def _bounded(self, data: bytes) -> bytes:
        most = self._capture.settings.most_payload
        return data[:most] if most else data

    def _keeps(self, option: str) -> bool:
        return option in self._capture.settings.options

    def _record(self) -> Record:
        request = self.request
        sent = kept = None
        if self._keeps(INPUT):
            data = self._bounded(request.body)
            sent = Payload(_content_type(request.headers), data, len(data) < len(request.body))
        if self._keeps(OUTPUT):
            kept = Payload(self._type, b"".join(self._body), self._cut)
        return Record(request.id.decode("latin-1"), self._started, sent, kept)


def _content_type(headers: Iterable[tuple[bytes, bytes]]) -> str:
    for name, value in headers:
        if name.lower() == b"content-type":
            return value.decode("latin-1")
    return ""
