"""A program that is built here from Go modules: its source, what a build takes, its place in the cache.

The source is a directory of this package with go.mod and go.sum. Built there is a main.go, which joins public
packages of other projects into one program, or a program of a module that go.mod names. `gobuild` builds one,
`cached` and `extras` say which there are.
"""

import hashlib
import os
import platform
from dataclasses import dataclass
from pathlib import Path

_FILES = ("go.mod", "go.sum", "main.go")


@dataclass(frozen=True, slots=True)
class GoProgram:
    """`version` is that of the project whose program it is. `package` is what is built, as Go names it.

    compiling, linking: processor seconds of a build from an empty build cache; linking uses one processor.
    memory, disk: bytes that a build needs. packages: about how many are compiled.
    stamps: what the linker writes into variables, PACKAGE.VARIABLE=VALUE.
    """

    name: str
    binary: str
    version: str
    source: Path
    packages: int
    compiling: float
    linking: float
    memory: int
    disk: int
    stamps: tuple[str, ...] = ()
    package: str = "."

    def path(self, cache: Path) -> Path:
        """Where the build of this very source belongs: the name changes with any file or dependency."""
        digest = hashlib.sha256()
        for file in (self.source / name for name in _FILES):
            if file.exists():
                digest.update(file.read_bytes())
        digest.update("".join(self.stamps).encode())
        return cache / self.name / f"{self.version}-{digest.hexdigest()[:12]}-{architecture()}" / self.binary

    def is_built(self, cache: Path) -> bool:
        """Whether the cache has it."""
        return os.access(self.path(cache), os.X_OK)

    def expected(self, processors: int) -> float:
        """Seconds that a build from an empty build cache usually takes."""
        return self.compiling / max(processors, 1) + self.linking


def architecture() -> str:
    """The processor architecture by Go's name: amd64, arm64."""
    name = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(name, name)
