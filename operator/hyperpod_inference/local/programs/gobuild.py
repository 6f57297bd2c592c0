"""Build a program from Go modules, once per version and user.

`binaries` asks it for the control plane after everything quicker, `extras.adding` for other projects'
programs. The result goes into the cache in one move, so an interrupted build leaves nothing that looks
whole; two builds at the same time wait for each other.
"""

import contextlib
import fcntl
import os
import selectors
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from hyperpod_inference.local.prerequisites import Host, available_memory
from hyperpod_inference.local.programs import cached, golang
from hyperpod_inference.local.programs.goprogram import GoProgram
from hyperpod_inference.local.progress import Progress, Report

STEP = "building with Go"
_TICK = 15.0

Tick = Callable[[int], None]
"""Told how many packages are compiled."""


def build(program: GoProgram, cache: Path, environ: Mapping[str, str], host: Host, report: Report) -> Path:
    """Build the program into the cache and return its path. Raises NotHereError with reason and remedy."""
    target = program.path(cache)
    if program.is_built(cache):
        return target
    _check_room(program, host, cache)
    with _exclusively(target.parent, report):
        if not program.is_built(cache):
            go = golang.find(cache, host, report, program.source)
            _build(go, program, target, environ, report)
    return target


def _build(go: str, program: GoProgram, target: Path, environ: Mapping[str, str], report: Report) -> None:
    started, usual = time.monotonic(), program.expected(len(os.sched_getaffinity(0)))
    partial = target.with_name(f"{target.name}.partial-{os.getpid()}")
    detail = f"{program.name} {program.version}, once per version; modules are downloaded first"
    report(Progress(STEP, "started", detail, expected=usual))

    def tick(packages: int) -> None:
        detail = f"{packages} of up to {program.packages:,} packages compiled"
        report(Progress(STEP, "running", detail, time.monotonic() - started, usual))

    flags = " ".join(("-s -w", *(f"-X {each}" for each in program.stamps)))
    argv = (go, "build", "-v", "-trimpath", "-ldflags", flags, "-o", str(partial), program.package)
    try:
        status, tail = run(argv, golang.environment(environ), program.source, tick)
        if status != 0:
            raise cached.NotHereError(f"the build failed with exit status {status}:\n{tail}\n{_remedy(tail)}")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    report(Progress(STEP, "done", elapsed=time.monotonic() - started))


def run(argv: Sequence[str], env: Mapping[str, str], directory: Path, tick: Tick) -> tuple[int, str]:
    """Run a build that prints one line per package; its exit status and the last lines it printed."""
    tail: deque[str] = deque(maxlen=15)
    process = subprocess.Popen(
        argv,
        env=dict(env),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    with process:
        try:
            for line in _lines(process, tick):
                tail.append(line)
            return process.wait(), "\n".join(tail)
        except BaseException:
            process.kill()
            raise


def _lines(process: subprocess.Popen[bytes], tick: Tick) -> Iterator[str]:
    """The lines of standard error as they come, calling `tick` every fifteen seconds, also in silence."""
    assert process.stderr is not None  # noqa: S101
    packages, rest, next_tick = 0, b"", time.monotonic() + _TICK
    with selectors.DefaultSelector() as selector:
        selector.register(process.stderr, selectors.EVENT_READ)
        while True:
            if selector.select(max(0.0, next_tick - time.monotonic())):
                chunk = os.read(process.stderr.fileno(), 65536)
                if not chunk:
                    yield from filter(None, [rest.decode(errors="replace")])
                    return
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    packages += b" " not in line
                    yield line.decode(errors="replace")
            if time.monotonic() >= next_tick:
                tick(packages)
                next_tick += _TICK


def _check_room(program: GoProgram, host: Host, cache: Path) -> None:
    memory, disk = available_memory(host), host.free_disk(cache)
    if memory is not None and memory < program.memory:
        raise cached.NotHereError(
            f"{_gib(memory)} of memory are available, the build needs {_gib(program.memory)}"
        )
    if disk < program.disk:
        raise cached.NotHereError(
            f"{_gib(disk)} of disk are free for {cache}, the build needs {_gib(program.disk)}"
        )


@contextlib.contextmanager
def _exclusively(directory: Path, report: Report) -> Iterator[None]:
    """Hold the directory's lock, so that a second build waits for the first and finds its result."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(Progress(STEP, "started", "another process builds the same: waiting for it"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remedy(tail: str) -> str:
    network = (
        "dial tcp",
        "no such host",
        "i/o timeout",
        "proxyconnect",
        "connection refused",
        "TLS handshake",
    )
    if any(sign in tail for sign in network):
        return "Go's modules could not be downloaded: check the network and `go env GOPROXY`."
    if "no space left" in tail:
        return "The disk is full: `go env GOCACHE GOMODCACHE` names the directories that grow."
    return "The lines above are Go's own."


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
