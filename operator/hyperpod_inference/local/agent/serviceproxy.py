"""What kube-proxy is on a cluster: Services' addresses lead to ready pods.

One listener per Service port on the Service's own address, only while something is ready behind it, so that a
client is refused at once otherwise. Connections go to the endpoints in turn; bytes pass both ways with back
pressure, and each direction is closed by itself.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Mapping
from typing import Any, cast

from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.reflector import Reflector
from hyperpod_inference.kube.resources import ENDPOINT_SLICES, SERVICES
from hyperpod_inference.kube.store import Store
from hyperpod_inference.local.agent.endpoints import Address, Frontend, backends, frontends, service_of

Body = Mapping[str, Any]

logger = logging.getLogger(__name__)

_CONNECT_TIMEOUT = 5.0
_REBIND = 1.0


class ServiceProxy:
    """Forwards all Services of a cluster; `services` is filled for others to read."""

    def __init__(self, client: Client, services: Store) -> None:
        self._services = services
        self._slices = Store({"service": service_of})
        self._listeners: dict[Frontend, Listener] = {}
        self._changed = asyncio.Event()
        self._skip = _address_of(client.config.server)
        self._reflectors = [
            Reflector(client, SERVICES, store=services, on_change=self._on_change),
            Reflector(client, ENDPOINT_SLICES, store=self._slices, on_change=self._on_change),
        ]

    async def synced(self) -> None:
        """Wait until the Services are known."""
        await asyncio.gather(*(each.synced() for each in self._reflectors))

    async def run(self) -> None:
        """Forward until cancelled."""
        watching = [asyncio.create_task(each.run()) for each in self._reflectors]
        try:
            await self.synced()
            while True:
                self._changed.clear()
                retry = await self._reconcile()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_REBIND if retry else None):
                        await self._changed.wait()
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            for listener in self._listeners.values():
                listener.close()

    def _on_change(self, event: str, old: Body | None, new: Body | None) -> None:
        self._changed.set()

    def _wanted(self) -> dict[Frontend, tuple[Address, ...]]:
        found = {}
        for service in self._services.list():
            for frontend in frontends(service):
                if (frontend.address, frontend.port) == self._skip:
                    continue  # the API server listens there itself
                slices = self._slices.by_index("service", f"{frontend.namespace}/{frontend.service}")
                found[frontend] = backends(frontend, slices)
        return found

    async def _reconcile(self) -> bool:
        wanted = {front: back for front, back in self._wanted().items() if back}
        for frontend in self._listeners.keys() - wanted.keys():
            self._listeners.pop(frontend).close()
        retry = False
        for frontend, addresses in wanted.items():
            listener = self._listeners.get(frontend)
            if listener is None:
                listener = Listener()
                try:
                    await listener.listen(frontend)
                except OSError as error:
                    logger.warning(
                        "Service %s/%s: cannot listen on %s:%d: %s",
                        *(frontend.namespace, frontend.service, frontend.address, frontend.port, error),
                    )
                    retry = True
                    continue
                self._listeners[frontend] = listener
            listener.backends = addresses
        return retry


def _address_of(server: str) -> Address:
    host, _, port = server.partition("://")[2].partition("/")[0].rpartition(":")
    return host, int(port)


class Listener:
    """One Service port: accepts connections and gives each to the next endpoint."""

    def __init__(self) -> None:
        self.backends: tuple[Address, ...] = ()
        self._turn = 0
        self._server: asyncio.Server | None = None
        self.pipes: set[Pipe] = set()

    async def listen(self, frontend: Frontend) -> None:
        """Listen on the Service's address; raises OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Pipe(self), frontend.address, frontend.port, backlog=512
        )

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server else 0

    def close(self) -> None:
        """Stop accepting; what is connected stays connected, as with kube-proxy."""
        if self._server is not None:
            self._server.close()

    def candidates(self) -> list[Address]:
        """The endpoints, beginning with the one whose turn it is."""
        self._turn += 1
        start = self._turn % max(len(self.backends), 1)
        return [*self.backends[start:], *self.backends[:start]]


class Pipe(asyncio.Protocol):
    """One end of a forwarded connection; `peer` is the other."""

    def __init__(self, listener: Listener, peer: "Pipe | None" = None) -> None:
        self._listener, self.peer = listener, peer
        self.transport: asyncio.Transport | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._finished = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: a client came (then find an endpoint), or the endpoint answered."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.peer is None:
            self.transport.pause_reading()
            self._listener.pipes.add(self)
            self._connecting = asyncio.create_task(self._connect())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        for host, port in self._listener.candidates():
            try:
                async with asyncio.timeout(_CONNECT_TIMEOUT):
                    _, other = await loop.create_connection(lambda: Pipe(self._listener, self), host, port)
            except (OSError, TimeoutError):
                continue
            self.peer = other
            if self.transport is None or self.transport.is_closing():
                other.close()
            else:
                self.transport.resume_reading()
            return
        if self.transport is not None:
            self.transport.abort()  # a reset, as a refused connection would be

    def close(self) -> None:
        """Close this end after what is still to be written."""
        if self.transport is not None:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        """asyncio: pass the bytes on."""
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.write(data)

    def eof_received(self) -> bool:
        """asyncio: this side has said all; the other direction stays open."""
        self._finished = True
        if self.peer is None or self.peer.transport is None:
            return True
        if self.peer._finished:  # both have said all
            self.peer.close()
            return False
        if self.peer.transport.can_write_eof():
            self.peer.transport.write_eof()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio: this end is closed, so close the other."""
        self._listener.pipes.discard(self)
        if self.peer is not None:
            self.peer.close()

    def pause_writing(self) -> None:
        """asyncio: this end's buffer is full, so read no more from the other."""
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        """asyncio: there is room again."""
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.resume_reading()
