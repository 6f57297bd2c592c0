"""Starting a process that outlives its starter.

One way for the host side (which starts the supervisor) and for the supervisor (which starts the components).
`posix_spawn` rather than `subprocess`: nobody here holds a process object, processes are known by their pid
and reaped in one place.
"""

import contextlib
import fcntl
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

# Descriptors to hand over are first moved up here, so that putting one in its place cannot overwrite another.
_OUT_OF_THE_WAY = 100


def spawn(
    argv: Sequence[str],
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    descriptors: Mapping[int, int] | None = None,
) -> int:
    """Start `argv` in a session of its own, output appended to `log`; returns its pid.

    `descriptors` maps the number in the child to an open descriptor of the caller. Nothing else is inherited.
    Raises OSError when the program cannot be started.
    """
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    wanted = {1: output, 2: output, **(descriptors or {})}
    moved = {target: fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _OUT_OF_THE_WAY) for target, fd in wanted.items()}
    actions: list[tuple[int, int] | tuple[int, int, int] | tuple[int, int, str, int, int]] = [
        *((os.POSIX_SPAWN_CLOSE, fd) for fd in _inheritable()),
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        *((os.POSIX_SPAWN_DUP2, fd, target) for target, fd in moved.items()),
    ]
    try:
        return os.posix_spawn(
            argv[0],
            list(argv),
            dict(os.environ if env is None else env),
            file_actions=actions,
            setsid=True,
            # Python ignores these two for itself, and what is ignored is inherited.
            setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),
        )
    finally:
        for fd in (output, *moved.values()):
            os.close(fd)


def _inheritable() -> Iterator[int]:
    """Descriptors that the caller itself inherited, such as the pipe of a shell or of make."""
    for entry in Path("/proc/self/fd").iterdir():
        fd = int(entry.name)
        with contextlib.suppress(OSError):  # the descriptor of this very listing is closed by now
            if fd > 2 and os.get_inheritable(fd):
                yield fd


def reap(pid: int) -> bool:
    """Collect a child that has ended. True when it is gone or was never ours to collect."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True


def next_ended() -> tuple[int, int] | None:
    """Collect one child that has ended: its pid and wait status; None when there is none now."""
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, status) if pid else None


def describe_exit(status: int) -> str:
    """A wait status in words: `exit status 1`, `killed by signal 9 (Killed)`."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"exit status {code}"
    return f"killed by signal {-code} ({signal.strsignal(-code)})"
