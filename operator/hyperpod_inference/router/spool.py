"""The spool between the proxy, which must not wait, and the uploader, which may: records in files.

The proxy appends to one open file and renames it when the batch is full or old; the uploader takes what has
been renamed. Payloads are kept as they came: turning them into text is the uploader's work. A record that was
cut short by a crash is dropped by its reader; everything before it is good.

Format: for each record a line of JSON, then the bytes of both payloads.
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

OPEN = "open.part"
LOCK = ".writer"
BATCH = ".batch"


@dataclass(frozen=True, slots=True)
class Payload:
    """One direction of a call: `cut` when more came than is kept."""

    content_type: str
    data: bytes
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """One call of the model. at: seconds since the epoch at which the request was whole."""

    id: str
    at: float
    input: Payload | None
    output: Payload | None

    @property
    def size(self) -> int:
        """Bytes of payload."""
        return sum(len(each.data) for each in (self.input, self.output) if each)


class SpoolWriter:
    """Appends records; one for each directory. Blocks as files do: call it from a thread.

    batch_size: records in a file. most_bytes: the spool's bound; what does not fit is not written.
    """

    def __init__(
        self, directory: Path, batch_size: int, most_bytes: int, now: Callable[[], float] = time.time
    ) -> None:
        self._directory, self._batch_size, self._most_bytes = directory, batch_size, most_bytes
        self._now = now
        self._used, self._counted = 0, -1.0
        self._file: BinaryIO | None = None
        self._number = 0
        self.records = 0
        """In the open file."""
        self.opened = 0.0
        """When its first record came, by `now`."""
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = (directory / LOCK).open("wb")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.rotate()  # what an earlier process left open

    def append(self, record: Record) -> bool:
        """Write one record; False when the spool is full. Raises OSError."""
        head = json.dumps({"id": record.id, "at": record.at, **_described(record)}).encode() + b"\n"
        if not self._fits(len(head) + record.size):
            return False
        if self._file is None:
            self._file = (self._directory / OPEN).open("ab")
            self.opened = self._now()
        self._file.write(head)
        for payload in (record.input, record.output):
            if payload is not None:
                self._file.write(payload.data)
        self._file.flush()
        self.records += 1
        if self.records >= self._batch_size:
            self.rotate()
        return True

    def _fits(self, size: int) -> bool:
        """Whether there is room; what the uploader removed is noticed once in a second."""
        if self._now() - self._counted >= 1.0:
            self._used, self._counted = used(self._directory), self._now()
        if self._used + size > self._most_bytes:
            return False
        self._used += size
        return True

    def rotate(self) -> None:
        """Hand the open file over. Raises OSError."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self.records = 0
        with contextlib.suppress(FileNotFoundError):
            (self._directory / OPEN).rename(self._directory / self._name())

    def close(self) -> None:
        """Hand everything over and let the uploader know that no more comes."""
        self.rotate()
        self._lock.close()

    def _name(self) -> str:
        """Sorted by name is sorted by age; unique over restarts."""
        self._number += 1
        return f"{int(self._now() * 1000):013d}-{os.getpid()}-{self._number:06d}{BATCH}"


def used(directory: Path) -> int:
    """Bytes of the files in the spool."""
    total = 0
    for entry in os.scandir(directory):
        with contextlib.suppress(FileNotFoundError):  # uploaded a moment ago
            total += entry.stat().st_size
    return total


def batches(directory: Path) -> list[Path]:
    """The finished files, oldest first."""
    return sorted(directory.glob(f"*{BATCH}"))


def writer_is_gone(directory: Path) -> bool:
    """Whether nobody writes any more: the lock is free, also after a crash. False before the first writer."""
    try:
        with (directory / LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (FileNotFoundError, BlockingIOError):
        return False
    return True


def records(file: BinaryIO) -> Iterator[Record]:
    """The whole records of a batch; ends where one is cut short."""
    while line := file.readline():
        if not line.endswith(b"\n"):
            return
        head = json.loads(line)
        found = [_payload(file, head.get(side)) for side in ("input", "output")]
        if any(payload is not None and payload[1] for payload in found):
            return
        whole = [payload[0] if payload else None for payload in found]
        yield Record(head["id"], head["at"], *whole)


def _payload(file: BinaryIO, described: dict[str, Any] | None) -> tuple[Payload, bool] | None:
    """A payload, and whether bytes of it are missing."""
    if described is None:
        return None
    data = file.read(described["bytes"])
    return Payload(described["type"], data, described["cut"]), len(data) < described["bytes"]


def _described(record: Record) -> dict[str, Any]:
    sides = {"input": record.input, "output": record.output}
    return {
        side: {"type": payload.content_type, "bytes": len(payload.data), "cut": payload.cut}
        for side, payload in sides.items()
        if payload is not None
    }
