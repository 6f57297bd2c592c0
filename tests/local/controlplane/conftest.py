"""A machine as the tests describe it, and progress that they can read afterwards."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hyperpod_inference.local.prerequisites import Host
from hyperpod_inference.local.progress import Progress

GIB = 2**30


@dataclass
class DescribedHost(Host):
    """A machine made of tables: programs by name, files under /proc, answers to commands by their start."""

    platform: str = "linux"
    programs: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    disk: int = 100 * GIB
    commands: list[tuple[str, ...]] = field(default_factory=list)
    on_command: Callable[[Sequence[str]], None] = lambda _: None

    def which(self, program: str) -> str | None:
        return self.programs.get(program)

    def output(self, argv: Sequence[str]) -> tuple[int, str]:
        self.commands.append(tuple(argv))
        self.on_command(argv)
        line = " ".join(argv)
        return next((answer for start, answer in self.answers.items() if line.startswith(start)), (0, ""))

    def read(self, path: str) -> str | None:
        return self.files.get(path)

    def free_disk(self, directory: Path) -> int:
        return self.disk


@pytest.fixture
def host() -> DescribedHost:
    """A machine that has everything but Go."""
    return DescribedHost(
        programs={"unshare": "/usr/bin/unshare", "ip": "/usr/sbin/ip"},
        files={"meminfo": "MemTotal: 16000000 kB\nMemAvailable: 8388608 kB\n"},
    )


@pytest.fixture
def told() -> list[Progress]:
    """Collects progress: pass `told.append` as the report."""
    return []
