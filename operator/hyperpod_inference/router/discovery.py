"""Which replicas exist: a fixed list, a file that may change, or a Service's EndpointSlices by a watch.

The only module of the data plane that talks to the API server, through the operator's own client and
reflector, so the faults of a watch are handled once in this project. They are imported when they are asked
for: a sidecar needs none.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from hyperpod_inference.router.replicas import Address

logger = logging.getLogger(__name__)

FILE_INTERVAL = 1.0
"""Seconds between two looks at the file."""
SERVICE_LABEL = "kubernetes.io/service-name"

Update = Callable[[Iterable[Address]], None]


class Discovery(Protocol):
    """Calls `update` with all ready replicas, at first and after each change, until cancelled."""

    async def run(self, update: Update) -> None:
        """Follow."""


def parse_address(text: str) -> Address:
    """`host:port` or `[ipv6]:port`; raises ValueError saying what came."""
    host, separator, port = text.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not separator or not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"replica: got {text!r}, expected HOST:PORT such as 10.0.0.7:8000")
    return Address(host, int(port))


class Fixed:
    """The replicas that were given."""

    def __init__(self, addresses: Iterable[Address]) -> None:
        self._addresses = tuple(addresses)

    async def run(self, update: Update) -> None:
        """Say it once."""
        update(self._addresses)


class FromFile:
    """One HOST:PORT a line; read again when it changes. A file that cannot be used changes nothing."""

    def __init__(self, path: Path, interval: float = FILE_INTERVAL) -> None:
        self._path, self._interval = path, interval
        self._seen: tuple[int, int] | None = None

    async def run(self, update: Update) -> None:
        """Look every `interval` seconds."""
        while True:
            self._look(update)
            await asyncio.sleep(self._interval)

    def _look(self, update: Update) -> None:
        try:
            state = self._path.stat()
            version = (state.st_mtime_ns, state.st_size)
            if version == self._seen:
                return
            self._seen = version
            lines = (line.strip() for line in self._path.read_text().splitlines())
            addresses = [parse_address(line) for line in lines if line and not line.startswith("#")]
        except (OSError, ValueError) as error:
            logger.warning("the replicas stay as they are: %s: %s", self._path, error)
        else:
            update(addresses)


class FromEndpointSlices:
    """The ready endpoints of one Service."""

    def __init__(self, namespace: str, service: str, port: str = "", kubeconfig: Path | None = None) -> None:
        """`port` is the name or number of the Service's port; '' when it has only one."""
        self._namespace, self._service, self._port, self._kubeconfig = namespace, service, port, kubeconfig

    async def run(self, update: Update) -> None:
        """List and watch, for ever."""
        from hyperpod_inference.kube import config, resources
        from hyperpod_inference.kube.client import Client
        from hyperpod_inference.kube.reflector import Reflector
        from hyperpod_inference.kube.store import Store

        store = Store()

        def changed(kind: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
            if started.is_set():
                update(ready_addresses(store.list(), self._port))

        started = asyncio.Event()
        async with Client(config.load(self._kubeconfig), "hyperpod-router") as client:
            reflector = Reflector(
                client, resources.ENDPOINT_SLICES, store=store, on_change=changed,
                namespace=self._namespace, label_selector=f"{SERVICE_LABEL}={self._service}",
            )  # fmt: skip
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(reflector.run())
                await reflector.synced()
                started.set()
                update(ready_addresses(store.list(), self._port))


def ready_addresses(slices: Iterable[Mapping[str, Any]], port: str) -> list[Address]:
    """The addresses of a Service's EndpointSlices that take traffic.

    A terminating endpoint takes none. `ready` that is not said counts as ready, as the API has it.
    """
    found = []
    for body in slices:
        number = _port(body.get("ports") or [], port)
        for endpoint in body.get("endpoints") or []:
            conditions = endpoint.get("conditions") or {}
            if number and conditions.get("ready") is not False and not conditions.get("terminating"):
                found += [Address(address, number) for address in endpoint.get("addresses") or []]
    return found


def _port(ports: list[Mapping[str, Any]], wanted: str) -> int | None:
    if not wanted and len(ports) == 1:
        return ports[0].get("port")
    return next(
        (port.get("port") for port in ports if wanted in (port.get("name"), str(port.get("port")))), None
    )
