"""Container logs: what a process wrote, with the time of each line, kept in files and read back.

One file per run of a container in the CRI's format (`TIME stdout F text`), so that tools for container logs
read them too. `process` writes, `kubelet_api` reads.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

MAX_LINE = 16 * 1024
MAX_FILE = 32 * 1024 * 1024
_TAIL_LINES = 10
_TAIL_BYTES = 2048


@dataclass(frozen=True, slots=True)
class Query:
    """What of a log is asked for; the names are those of the log endpoint."""

    tail_lines: int | None = None
    since: datetime | None = None
    limit_bytes: int | None = None
    timestamps: bool = False
    follow: bool = False


class Log:
    """The log of one run of a container."""

    def __init__(self, path: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file: BinaryIO = path.open("ab", buffering=0)
        self._now = now
        self._partial: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._changed = asyncio.Event()
        self.closed = False

    def write(self, stream: str, data: bytes) -> None:
        """Add what the process wrote; `stream` is stdout or stderr."""
        rest = self._partial[stream]
        rest += data
        *lines, tail = bytes(rest).split(b"\n")
        self._partial[stream] = bytearray(tail)
        self._store(stream, lines)
        if len(tail) >= MAX_LINE:
            self._store(stream, [tail])
            self._partial[stream].clear()

    def close(self) -> None:
        """The process has ended; an unfinished last line counts as a line."""
        for stream, rest in self._partial.items():
            if rest:
                self._store(stream, [bytes(rest)])
                rest.clear()
        self._file.close()
        self.closed = True
        self._changed.set()

    @property
    def last_lines(self) -> str:
        """The newest lines, short enough for a status message."""
        return "\n".join(self._tail)[-_TAIL_BYTES:]

    def _store(self, stream: str, lines: list[bytes]) -> None:
        if not lines:
            return
        if self._file.tell() > MAX_FILE:
            self._file.seek(0)
            self._file.truncate()
        time = self._now().strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
        prefix = f"{time} {stream} F ".encode()
        self._file.write(b"".join(prefix + line.rstrip(b"\r") + b"\n" for line in lines))
        self._tail.extend(line.decode(errors="replace") for line in lines if line.strip())
        self._changed.set()

    async def changed(self) -> None:
        """Wait for more lines or the end."""
        if not self.closed:
            self._changed.clear()
            await self._changed.wait()


async def read(log: Log, query: Query) -> AsyncIterator[bytes]:
    """The asked part of a log, in chunks; with `follow` until the container's run ends."""
    budget = query.limit_bytes
    with log.path.open("rb") as file:
        lines = _selected(file.readlines(), query)
        while True:
            chunk = b"".join(_shown(line, query) for line in lines)
            if budget is not None:
                chunk, budget = chunk[:budget], budget - len(chunk)
            if chunk:
                yield chunk
            if not query.follow or (budget is not None and budget <= 0):
                return
            lines = file.readlines()
            if not lines:
                if log.closed:
                    return
                await log.changed()
                lines = file.readlines()


def _selected(lines: list[bytes], query: Query) -> list[bytes]:
    if query.since is not None:
        since = query.since.strftime("%Y-%m-%dT%H:%M:%S.%f").encode()
        lines = [line for line in lines if line >= since]
    if query.tail_lines is not None:
        lines = lines[-query.tail_lines :] if query.tail_lines > 0 else []
    return lines


def _shown(line: bytes, query: Query) -> bytes:
    time, _, _, text = line.split(b" ", 3)
    return time + b" " + text if query.timestamps else text
