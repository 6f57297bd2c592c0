"""The memory of a migration on disk: the plan, what each step found, and how far it came.

One line of JSON for each event, written through to the disk before the step goes on, so that a process that
was killed knows afterwards what it had begun. The directory and its files are for the owner only: backups
hold Secrets.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from hyperpod_inference.api.errors import InputError
from hyperpod_inference.migration.plan import Plan

PREFIX = "hyperpod-migration-backup-"
PLAN, EVENTS, LOCK = "plan.json", "journal.jsonl", "lock"


@dataclass
class Journal:
    """One migration. begun: what steps found before, by their ids, in the order in which they began."""

    root: Path
    plan: Plan
    begun: dict[str, dict[str, Any]] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    undone: set[str] = field(default_factory=set)

    @classmethod
    def create(cls, parent: Path, plan: Plan, now: datetime) -> Self:
        """A new directory under `parent`. Raises InputError when it cannot be made."""
        root = parent / f"{PREFIX}{now:%Y%m%d-%H%M%S}"
        try:
            root.mkdir(mode=0o700, parents=True)
        except OSError as error:
            raise InputError(f"--backup-dir: {root} cannot be made: {error.strerror}") from error
        _write(root / PLAN, plan.model_dump_json(indent=2))
        return cls(root, plan)

    @classmethod
    def load(cls, root: Path) -> Self:
        """The migration of a directory. Raises InputError when there is none, or it cannot be read."""
        try:
            plan = Plan.model_validate_json((root / PLAN).read_bytes())
        except (OSError, ValueError) as error:
            raise InputError(f"{root} holds no migration ({error}); expected {PLAN} in it") from error
        found = cls(root, plan)
        for event in _events(root / EVENTS):
            found._note(event)
        return found

    def lock(self) -> "Lock":
        """Held while a process works on this migration. Raises InputError when another one does."""
        return Lock(self.root / LOCK)

    def begin(self, step: str, before: Mapping[str, Any]) -> None:
        """A step is about to change what it found."""
        self._log({"event": "begin", "step": step, "before": dict(before)})

    def end(self, step: str) -> None:
        """A step is done."""
        self._log({"event": "done", "step": step})

    def undo(self, step: str) -> None:
        """A step is undone."""
        self._log({"event": "undone", "step": step})

    @property
    def going_back(self) -> bool:
        """Whether a rollback has begun: from then on there is no way forward."""
        return bool(self.undone)

    def _log(self, event: dict[str, Any]) -> None:
        # The line break comes first: a line that was cut off stays a line of its own.
        descriptor = os.open(self.root / EVENTS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write("\n" + json.dumps(event, sort_keys=True))
            file.flush()
            os.fsync(file.fileno())
        self._note(event)

    def _note(self, event: Mapping[str, Any]) -> None:
        step = event["step"]
        if event["event"] == "begin":
            self.begun[step] = event["before"]
        elif event["event"] == "done":
            self.done.add(step)
        else:
            self.undone.add(step)


class Lock:
    """A file that one process at a time may hold."""

    def __init__(self, path: Path) -> None:
        self._path, self._descriptor = path, -1

    def __enter__(self) -> Self:
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise InputError(f"{self._path.parent}: another process works on this migration") from error
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def _events(path: Path) -> Iterator[dict[str, Any]]:
    """Every whole line; one may have been cut off by the end of the process that wrote it."""
    for line in path.read_text().split("\n") if path.exists() else ():
        with contextlib.suppress(json.JSONDecodeError):
            yield json.loads(line)


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
