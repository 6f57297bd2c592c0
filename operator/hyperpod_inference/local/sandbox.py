"""The process that becomes a container: own mounts, own process tree, gone when its agent is gone.

`python -S -m hyperpod_inference.local.sandbox` reads one JSON object from standard input (see `Request`),
unshares mount, pid, ipc and host name namespaces, builds the file system with `rootfs` and runs the program
in a process tree of its own, below a small init. Started by `agent.process`; standard library only, because
it is started once per container.

It answers on the file descriptor named by its argument: first the program's process id as seen from outside,
then nothing more if the program was started, or one line saying why not. It exits as the program exits, 128+N
for signal N.
"""

import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from hyperpod_inference.local import linux, rootfs

EXIT_NOT_STARTED = 128
_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT)


@dataclass(frozen=True, slots=True)
class Request:
    """What to run.

    `join` is a process whose container the program runs in (for exec probes); otherwise a new container is
    made: `stage` is an existing empty directory to build its root on, `mounts` and `keep` as for `rootfs`.
    """

    argv: list[str]
    env: dict[str, str]
    cwd: str
    parent: int
    hostname: str = ""
    stage: str = ""
    mounts: tuple[rootfs.Mount, ...] = ()
    keep: tuple[str, ...] = ()
    join: int | None = None

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> "Request":
        """From the JSON on standard input."""
        return cls(
            argv=list(raw["argv"]),
            env=dict(raw["env"]),
            cwd=raw.get("cwd") or "/",
            parent=int(raw["parent"]),
            hostname=raw.get("hostname", ""),
            stage=raw.get("stage", ""),
            mounts=tuple(rootfs.Mount.parse(each) for each in raw.get("mounts", ())),
            keep=tuple(raw.get("keep", ())),
            join=raw.get("join"),
        )


def main() -> int:
    """Run the request on standard input; the first argument is the number of the answer's descriptor."""
    answer = int(sys.argv[1])
    signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED)  # kept until someone can pass them on
    request = Request.parse(json.load(sys.stdin))
    linux.die_with_parent(signal.SIGKILL)
    if os.getppid() != request.parent:  # it died before the line above
        return EXIT_NOT_STARTED
    os.set_inheritable(answer, False)
    try:
        _separate(request)
    except OSError as error:
        _tell(answer, f"cannot make a container here: {error}\n")
        return EXIT_NOT_STARTED
    child = os.fork()
    if child == 0:
        _become(request, answer)
    _tell(answer, f"{child}\n")
    os.close(answer)
    return _follow(child)


def _separate(request: Request) -> None:
    kinds = linux.CLONE_NEWNS | linux.CLONE_NEWPID | linux.CLONE_NEWUTS | linux.CLONE_NEWIPC
    if request.join is not None:
        linux.enter(request.join, kinds)
    else:
        linux.unshare(kinds)


def _become(request: Request, answer: int) -> NoReturn:
    try:
        linux.die_with_parent(signal.SIGKILL)
        os.setsid()
        if request.join is None:
            socket.sethostname(request.hostname)
            rootfs.build(rootfs.tree(request.mounts, request.keep), Path(request.stage))
            linux.change_root(Path(request.stage))
            _be_init(answer)
        _execute(request)
    except OSError as error:
        _tell(answer, f"{error.strerror or error}\n")
    os._exit(EXIT_NOT_STARTED)


def _be_init(answer: int) -> None:
    """Stay as process 1 and return in a child of it only.

    The kernel keeps from process 1 every signal that it has no handler for, so a program that has none would
    not end on SIGTERM; and someone has to wait for orphans.
    """
    child = os.fork()
    if child == 0:
        linux.die_with_parent(signal.SIGKILL)
        os.setsid()
        return
    os.close(answer)
    os._exit(_follow(child))


def _execute(request: Request) -> None:
    try:
        os.chdir(request.cwd)
    except FileNotFoundError:
        raise OSError(2, f"workingDir {request.cwd}: no such directory in the container") from None
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for number in _FORWARDED:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
    try:
        os.execvpe(request.argv[0], request.argv, request.env)  # noqa: S606 - what this module is for
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise OSError(error.errno, f'exec: "{request.argv[0]}": {reason}') from None


def _follow(child: int) -> int:
    def forward(number: int, _: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)

    for number in _FORWARDED:
        signal.signal(number, forward)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
    ended, status = os.wait()
    while ended != child:
        ended, status = os.wait()
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _tell(answer: int, line: str) -> None:
    os.write(answer, line.encode())


if __name__ == "__main__":
    sys.exit(main())
