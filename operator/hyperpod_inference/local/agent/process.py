"""One run of a container: a sandboxed process, its log and its end.

Starts `hyperpod_inference.local.sandbox` as a child of the agent, so that the kernel kills it, and the whole
process tree of the container, when the agent dies in any way.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self, cast

import hyperpod_inference
from hyperpod_inference.local.paths import cache_dir
from hyperpod_inference.local.rootfs import Mount

SOURCE_ROOT = Path(hyperpod_inference.__file__).resolve().parent.parent
POD_IP_VARIABLE = "HYPERPOD_LOCAL_POD_IP"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_STREAMS = {1: "stdout", 2: "stderr"}


class StartError(Exception):
    """The program could not be started; the text says why in the words of a container runtime."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What to run and in which container; see `sandbox.Request`."""

    argv: list[str]
    env: Mapping[str, str]
    cwd: str = "/"
    hostname: str = ""
    stage: str = ""
    mounts: tuple[Mount, ...] = ()
    join: int | None = None

    def request(self) -> bytes:
        """As the sandbox reads it."""
        raw = asdict(self) | {"env": dict(self.env), "parent": os.getpid(), "keep": program_paths()}
        return json.dumps(raw).encode()


def program_paths() -> list[str]:
    """Host directories that our own programs live in, and those that were built here."""
    cache = cache_dir(os.environ)
    built = {str(cache)} if cache.is_dir() else set()
    return sorted({sys.prefix, sys.base_prefix, str(SOURCE_ROOT)} | built)


class Process(asyncio.SubprocessProtocol):
    """A started program. `write(stream, data)` gets its output; `await ended` gives its exit code."""

    def __init__(self, write: Callable[[str, bytes], None]) -> None:
        self._write = write
        self._transport: asyncio.SubprocessTransport | None = None
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.pid = 0

    @classmethod
    async def start(cls, launch: Launch, write: Callable[[str, bytes], None]) -> Self:
        """Start it and wait until the program itself runs.

        Raises:
            StartError: the container cannot be made, or its program cannot be executed.
        """
        loop = asyncio.get_running_loop()
        reader, writer = os.pipe()
        try:
            transport, process = await loop.subprocess_exec(
                lambda: cls(write),
                *(sys.executable, "-S", "-m", "hyperpod_inference.local.sandbox", str(writer)),
                pass_fds=(writer,),
                env={"PYTHONPATH": str(SOURCE_ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
                cwd="/",
            )
        finally:
            os.close(writer)
        try:
            stdin = cast(asyncio.WriteTransport, transport.get_pipe_transport(0))
            stdin.write(launch.request())
            stdin.close()
            answer = await _read_all(reader)
        except BaseException:  # cancelled while it starts: nobody would know of it
            process.send(signal.SIGKILL)
            raise
        number, _, problem = answer.partition("\n")
        if problem or not number.isdigit():
            await process.ended
            raise StartError((problem or number or "the sandbox died").strip())
        process.pid = int(number)
        return process

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the program; SIGKILL ends everything in its container."""
        if self._transport is not None and not self.ended.done():
            with contextlib.suppress(ProcessLookupError):
                self._transport.send_signal(number)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the sandbox process exists."""
        self._transport = cast(asyncio.SubprocessTransport, transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """asyncio: the program wrote."""
        self._write(_STREAMS[fd], data)

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio: the process has ended and all it wrote was read."""
        code = self._transport.get_returncode() if self._transport else None
        if not self.ended.done():
            self.ended.set_result(_exit_code(code))


def _exit_code(code: int | None) -> int:
    if code is None:
        return 255
    return code if code >= 0 else 128 - code


async def _read_all(descriptor: int) -> str:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", 0)
    )
    try:
        return (await reader.read()).decode()
    finally:
        transport.close()


async def run_in(pid: int, argv: list[str], env: Mapping[str, str], timeout: float) -> tuple[int, str]:  # noqa: ASYNC109
    """Run a command in the container of `pid` and return its exit code and output.

    Raises:
        TimeoutError: it was killed after `timeout` seconds.
        StartError: as for `Process.start`.
    """
    output = bytearray()
    launch = Launch(argv, env, join=pid)
    async with asyncio.timeout(timeout):
        process = await Process.start(launch, lambda _, data: output.extend(data[: 4096 - len(output)]))
        try:
            code = await asyncio.shield(process.ended)
        finally:
            process.send(signal.SIGKILL)
    return code, output.decode(errors="replace").strip()


def base_environment(argv: Sequence[str], hostname: str, pod_ip: str) -> dict[str, str]:
    """What every container gets before its own variables; nothing of the host's environment leaks in.

    HYPERPOD_LOCAL_POD_IP is the address to listen on: all pods share one network namespace.
    """
    result = {"PATH": _PATH, "HOME": "/tmp", "HOSTNAME": hostname, POD_IP_VARIABLE: pod_ip}  # noqa: S108
    result |= {"LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    if argv and argv[0] == sys.executable:
        result["PYTHONPATH"] = str(SOURCE_ROOT)
    return result
