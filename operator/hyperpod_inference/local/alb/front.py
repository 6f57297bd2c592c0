"""The one door to all load balancers: a connection goes to the one that its client names.

On AWS a load balancer's name leads to addresses of its own. Here one port serves all, TLS and plain
HTTP: the first bytes are looked at and left in place, then the connection is handed over.
"""

import asyncio
import contextlib
import ipaddress
import logging
import socket
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any

from hyperpod_inference.local.alb.hello import LONGEST, Hello, hello
from hyperpod_inference.local.alb.proxy import Balancer

logger = logging.getLogger(__name__)

HELLO_SECONDS = 10.0
_BACKLOG = 512
_PAUSE = 0.01
# TLS 1.2 record, alert, fatal, unrecognized_name; curl says so.
_UNRECOGNIZED = bytes((0x15, 3, 3, 0, 2, 2, 112))
_NOBODY = "no load balancer {0!r} here; there are: {1}\n"


def chosen(name: str, known: Sequence[tuple[str, Collection[str]]]) -> int | None:
    """Whom a name means: the place among `known`, each a DNS name and the names of its certificate.

    A client that names nobody, or an address, gets the only one that there is.
    """
    for at, (own, _) in enumerate(known):
        if name == own.lower():
            return at
    for at, (_, names) in enumerate(known):
        if any(_covers(each, name) for each in names if not each.endswith(".elb.amazonaws.com")):
            return at
    return 0 if len(known) == 1 and _nobody(name) else None


def _covers(pattern: str, name: str) -> bool:
    if pattern.startswith("*."):
        return name.partition(".")[2] == pattern[2:]
    return name == pattern


def _nobody(name: str) -> bool:
    if name in ("", "localhost"):
        return True
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(name))
    return False


class Front:
    """Accepts connections; `balancers` are asked for at each."""

    def __init__(self, balancers: Callable[[], Sequence[Balancer]]) -> None:
        self._balancers = balancers
        self._listener: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int = 0) -> int:
        """Listen; returns the port. Raises OSError."""
        self._listener = socket.create_server((host, port), backlog=_BACKLOG)
        self._listener.setblocking(False)
        self._keep(self._accept(self._listener))
        return int(self._listener.getsockname()[1])

    async def stop(self) -> None:
        """Accept nothing more; what was handed over goes on."""
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._listener is not None:
            self._listener.close()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError as error:  # no more descriptors, or a client that is gone already
                logger.warning("a connection is not accepted: %s", error)
                await asyncio.sleep(_PAUSE)
                continue
            connection.setblocking(False)
            self._keep(self._hand_over(connection))

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hand_over(self, connection: socket.socket) -> None:
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                said = await _peek(connection)
            balancer = self._find(said)
            if balancer is None:
                _refuse(connection, said, [each.deployed.dns_name for each in self._balancers()])
                return
            context = balancer.presented.context() if said.secure and balancer.presented else None
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(balancer.server, connection, ssl=context)
        except (OSError, TimeoutError, LookupError) as error:
            # A probe says nothing either.
            level = logging.DEBUG if isinstance(error, ConnectionError) else logging.INFO
            logger.log(level, "a connection is closed: %s", error or type(error).__name__)
            connection.close()
        except asyncio.CancelledError:
            connection.close()
            raise

    def _find(self, said: Hello) -> Balancer | None:
        able = [each for each in self._balancers() if each.port(secure=said.secure)]
        at = chosen(said.name, [(each.names[0], each.names[1:]) for each in able])
        return None if at is None else able[at]


async def _peek(connection: socket.socket) -> Hello:
    """What the client opens with; it stays to be read. Raises ConnectionError when it opens with nothing."""
    while True:
        await _readable(connection)
        data = connection.recv(LONGEST, socket.MSG_PEEK)
        if not data:
            raise ConnectionError("the client closed it before it said anything")
        said = hello(data)
        if said is not None:
            return said
        await asyncio.sleep(_PAUSE)  # it stays readable with half of it


async def _readable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(connection, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(connection)


def _refuse(connection: socket.socket, said: Hello, names: Sequence[str]) -> None:
    """As short as it can be told: an alert, or a few words."""
    text = _NOBODY.format(said.name, ", ".join(names) or "none").encode()
    head = f"HTTP/1.1 404 Not Found\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n".encode()
    with contextlib.suppress(OSError):
        connection.send(_UNRECOGNIZED if said.secure else head + text)
        connection.recv(LONGEST)  # else closing resets the connection before the client has read
        connection.shutdown(socket.SHUT_WR)
    connection.close()
