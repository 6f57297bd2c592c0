"""The way from the API server to an operator's webhook, with a door in it that rows shut.

The API server lives in the local cluster's private network, the operator under test on the host. A helper
opens the listening socket in there, at the address of the webhook's Service, and hands it out.
"""

import asyncio
import contextlib
import socket
import subprocess
import sys
from typing import Literal

from hyperpod_inference.local import runfile
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.paths import StateDir

_INSIDE = """
import os, socket, sys
from hyperpod_inference.local import linux
pid, channel, host, port = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
linux.enter(pid, 0x10000000 | 0x40000000)  # user and network namespace
listener = socket.create_server((host, port), backlog=64)
socket.send_fds(socket.socket(fileno=channel), [b"x"], [listener.fileno()])
"""
State = Literal["open", "shut", "slow"]


def listen_inside(cluster: LocalCluster, host: str, port: int) -> socket.socket:
    """A listener at an address of the cluster's private network."""
    run = runfile.read(StateDir(cluster.state_dir).run_file)
    assert run is not None
    mine, theirs = socket.socketpair()
    with mine, theirs:
        arguments = [str(run.supervisor.pid), str(theirs.fileno()), host, str(port)]
        subprocess.run(
            [sys.executable, "-c", _INSIDE, *arguments], check=True, pass_fds=[theirs.fileno()], timeout=60
        )
        _, (descriptor, *_rest), _, _ = socket.recv_fds(mine, 1, 1)
    return socket.socket(fileno=descriptor)


class Door:
    """`async with Door(listener)`: leads to `target`; shut it breaks connections, slow it never answers."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._open: set[asyncio.Task[None]] = set()
        self._state: State = "open"
        self.target = ("127.0.0.1", 0)

    def put(self, state: State) -> None:
        """Open, shut or slow from now on; the connections there are break."""
        self._state = state
        for each in self._open:
            each.cancel()

    async def __aenter__(self) -> "Door":
        self._server = await asyncio.start_server(self._come, sock=self._listener)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for each in [*self._open]:
            each.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _come(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            if self._state == "slow":
                await asyncio.Event().wait()
            if self._state == "open":
                await self._through(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # one side is gone, or the door was shut
        finally:
            self._open.discard(task)
            writer.transport.abort()

    async def _through(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to, out = await asyncio.open_connection(*self.target)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(reader, out))
                both.create_task(_pump(to, writer))
        except* OSError:
            pass
        finally:
            out.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(64 * 1024):
        writer.write(chunk)
        await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()
