"""The control plane's programs once they are on disk: their form, and where the cache keeps them.

Shared by `binaries` and the sources `download` and `gobuild`.
"""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hyperpod_inference.local.inside.components import CONTROL_PLANE
from hyperpod_inference.local.programs.goprogram import GoProgram, architecture

DOWNLOAD_VERSION = "v1.34.1"
_VERSION = "v1.34.4"
_MAJOR, _MINOR, _ = _VERSION.removeprefix("v").split(".")
BUILT = GoProgram(
    name="controlplane",
    binary="hyperpod-controlplane",
    version=_VERSION,
    source=Path(__file__).parent / "controlplane",
    packages=2500,
    compiling=900,
    linking=30,
    # Linking the largest package was seen at 1.6 GiB; the build cache of an empty machine grows to 3 GiB.
    memory=2 * 2**30,
    disk=5 * 2**30,
    # Else /version says v0.0.0-master, which Helm takes for a cluster too old for any chart.
    stamps=tuple(
        f"k8s.io/{package}.{variable}={value}"
        for package in ("component-base/version", "client-go/pkg/version")
        for variable, value in (("gitVersion", _VERSION), ("gitMajor", _MAJOR), ("gitMinor", _MINOR))
    ),
)
"""The control plane as one program."""


class NotHereError(Exception):
    """A source cannot give the whole control plane. `worth_telling` when a person would want to know now."""

    def __init__(self, reason: str, *, worth_telling: bool = True) -> None:
        super().__init__(reason)
        self.worth_telling = worth_telling


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """`commands` maps each component to the beginning of its command line.

    `kubectl` is the same for kubectl, None where none came along.
    """

    commands: Mapping[str, tuple[str, ...]]
    source: str
    kubectl: tuple[str, ...] | None

    def write_kubectl(self, path: Path) -> None:
        """Make `path` a command that runs this kubectl, if there is one."""
        if self.kubectl is not None:
            path.write_text(f'#!/bin/sh\nexec {shlex.join(self.kubectl)} "$@"\n')
            path.chmod(0o755)


def one_program(binary: Path, source: str) -> ControlPlane:
    """Our own binary, whose first argument picks the part."""
    commands = {name: (str(binary), name) for name in CONTROL_PLANE}
    return ControlPlane(commands, source, (str(binary), "kubectl"))


def separate_programs(directory: Path, source: str) -> ControlPlane:
    """A directory with one program per part, named after it."""
    commands = {name: (str(directory / name),) for name in CONTROL_PLANE}
    kubectl = directory / "kubectl"
    return ControlPlane(commands, source, (str(kubectl),) if os.access(kubectl, os.X_OK) else None)


def download_path(cache: Path) -> Path:
    """The directory where downloaded programs belong."""
    return cache / "controlplane" / f"{DOWNLOAD_VERSION}-download-{architecture()}"
