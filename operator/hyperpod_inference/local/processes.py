"""Processes as the kernel shows them in /proc: identity, namespace, memory.

Used by `cluster` and `runfile` on the host side. The supervisor's /proc is the host's too (it is not mounted
anew inside the namespace), so a pid read through /proc means the same on both sides.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process that cannot be mistaken for a later one with the same number.

    `start` is the start time in clock ticks since boot, so it also tells two boots apart in practice.
    """

    pid: int
    start: int


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """A living process of a pid namespace: its number on the host, its number inside, its memory in bytes.

    `rss` counts pages shared with others in full, `pss` in proportion.
    """

    pid: int
    inner_pid: int
    rss: int
    pss: int


def identify(pid: int, proc: Path = PROC) -> ProcessId | None:
    """The identity of a living process, None for one that is gone or only waits to be reaped."""
    try:
        # The command name, field 2, may hold spaces and brackets: count the fields after it.
        fields = (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else ProcessId(pid, int(fields[19]))


def alive(process: ProcessId, proc: Path = PROC) -> bool:
    """True while this very process, not a successor with its number, lives."""
    return identify(process.pid, proc) == process


def own_host_pid(proc: Path = PROC) -> int:
    """The caller's pid as /proc numbers it, which inside a pid namespace is not `os.getpid()`."""
    return int((proc / "self").readlink().name)


def parent(pid: int, proc: Path = PROC) -> int:
    """The parent's pid as /proc numbers it."""
    return int(_status(pid, proc)["PPid"])


def namespace_of(pid: int, proc: Path = PROC) -> str | None:
    """The pid namespace of a process, as `pid:[4026532001]`; None when it is gone or not ours to see."""
    try:
        return str((proc / str(pid) / "ns/pid").readlink())
    except OSError:
        return None


def members(namespace: str, proc: Path = PROC) -> tuple[ProcessInfo, ...]:
    """Every living process of a pid namespace, and of the ones nested in it: containers have their own."""
    inside = {pid for pid in pids(proc) if namespace_of(pid, proc) == namespace}
    if not inside:
        return ()
    depth = min(_depth(pid, proc) for pid in inside)
    infos = (_info(pid, depth, proc) for pid in inside | _descendants(inside, proc))
    return tuple(info for info in infos if info is not None)


def _descendants(ancestors: set[int], proc: Path) -> set[int]:
    children: dict[int, list[int]] = {}
    for pid in pids(proc):
        with contextlib.suppress(OSError, KeyError):
            children.setdefault(parent(pid, proc), []).append(pid)
    found: set[int] = set()
    rest = list(ancestors)
    while rest:
        below = set(children.get(rest.pop(), ())) - found
        found |= below
        rest += below
    return found


def _depth(pid: int, proc: Path) -> int:
    """How many pid namespaces a process is numbered in; 1 where none is nested."""
    try:
        return len(_status(pid, proc)["NSpid"].split())
    except (OSError, KeyError):
        return 1


def running_command(*words: str, proc: Path = PROC) -> tuple[int, ...]:
    """The pids whose command line holds all the words as whole arguments."""
    return tuple(pid for pid in pids(proc) if set(words) <= set(_command_line(pid, proc)))


def pids(proc: Path = PROC) -> Iterator[int]:
    """The pids that /proc lists now."""
    return (int(entry.name) for entry in proc.iterdir() if entry.name.isdigit())


def _command_line(pid: int, proc: Path) -> list[str]:
    try:
        return (proc / str(pid) / "cmdline").read_text(errors="replace").split("\0")
    except OSError:
        return []


def _info(pid: int, depth: int, proc: Path) -> ProcessInfo | None:
    try:
        status = _status(pid, proc)
        rss = _kib(status.get("VmRSS", "0 kB"))
        return ProcessInfo(pid, int(status["NSpid"].split()[depth - 1]), rss, _pss(pid, proc, rss))
    except (OSError, KeyError, IndexError):
        return None


def _pss(pid: int, proc: Path, otherwise: int) -> int:
    try:
        lines = (proc / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return otherwise
    return next((_kib(line.partition(":")[2]) for line in lines if line.startswith("Pss:")), otherwise)


def _status(pid: int, proc: Path) -> dict[str, str]:
    lines = (proc / str(pid) / "status").read_text(errors="replace").splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def _kib(text: str) -> int:
    return int(text.split()[0]) * 1024
