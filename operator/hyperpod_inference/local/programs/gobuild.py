"""The last source of the control plane: build it from Go modules, once per version and user.

`binaries` asks it after everything quicker. The result goes into the cache in one move, so an interrupted
build leaves nothing that looks whole; two builds at the same time wait for each other.
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
from hyperpod_inference.local.progress import Progress, Report

STEP = "building with Go"
# Linking the largest package was seen at 1.6 GiB; the build cache of an empty machine grows to 3 GiB.
_NEEDED_MEMORY = 2 * 2**30
_NEEDED_DISK = 5 * 2**30
# Processor seconds of a build from an empty cache, measured on two cores; linking uses only one.
_COMPILING, _LINKING = 900, 30
_TICK = 15.0

Tick = Callable[[str], None]
Runner = Callable[[Sequence[str], Mapping[str, str], Path, Tick], tuple[int, str]]


def build(cache: Path, environ: Mapping[str, str], host: Host, report: Report) -> cached.ControlPlane:
    """Build the control plane into the cache. Raises NotHereError with the reason and the remedy."""
    target = cached.built_path(cache)
    _check_room(host, cache)
    with _exclusively(target.parent, report):
        if not os.access(target, os.X_OK):
            go = golang.find(cache, host, report)
            _build(go, target, environ, report, run)
    return cached.one_program(target, f"a build with Go ({target})")


def expected(processors: int) -> float:
    """Seconds that a build from an empty cache usually takes."""
    return _COMPILING / max(processors, 1) + _LINKING


def _build(go: str, target: Path, environ: Mapping[str, str], report: Report, runner: Runner) -> None:
    started, usual = time.monotonic(), expected(len(os.sched_getaffinity(0)))
    partial = target.with_name(f"{target.name}.partial-{os.getpid()}")
    report(Progress(STEP, "started", "once per version; modules are downloaded first", expected=usual))

    def tick(detail: str) -> None:
        report(Progress(STEP, "running", detail, time.monotonic() - started, usual))

    argv = (go, "build", "-v", "-trimpath", "-ldflags", "-s -w", "-o", str(partial), ".")
    try:
        status, tail = runner(argv, golang.environment(environ), cached.SOURCE, tick)
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
                tick(f"{packages} of up to 2,500 packages compiled")
                next_tick += _TICK


def _check_room(host: Host, cache: Path) -> None:
    memory, disk = available_memory(host), host.free_disk(cache)
    if memory is not None and memory < _NEEDED_MEMORY:
        raise cached.NotHereError(
            f"{_gib(memory)} of memory are available, the build needs {_gib(_NEEDED_MEMORY)}"
        )
    if disk < _NEEDED_DISK:
        raise cached.NotHereError(
            f"{_gib(disk)} of disk are free for {cache}, the build needs {_gib(_NEEDED_DISK)}"
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
