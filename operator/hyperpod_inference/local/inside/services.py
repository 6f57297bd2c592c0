"""The Services of the cluster as the front door needs them: address, ports, scheme."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from hyperpod_inference.local.inside.api import LocalApi


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a Service."""

    number: int
    name: str = ""
    app_protocol: str = ""

    @property
    def scheme(self) -> str:
        """`https` when the port says so in one of the three ways that Services have, else `http`.

        A number says it least: port 443 with the name `http` is plain, as endpoints' routing Services are.
        """
        if self.app_protocol == "https" or self.name.startswith("https"):
            return "https"
        return "https" if self.number == 443 and not self.name.startswith("http") else "http"


@dataclass(frozen=True, slots=True)
class KnownService:
    """A Service with an address of its own."""

    namespace: str
    name: str
    address: str
    ports: tuple[Port, ...]

    def port(self, wanted: str) -> Port | None:
        """The port with that number or name; for an empty string the one named http, else the first."""
        if wanted:
            return next((port for port in self.ports if wanted in (str(port.number), port.name)), None)
        http = (port for port in self.ports if port.name.startswith("http"))
        return next(http, self.ports[0])


class Directory(Protocol):
    """Where the front door looks Services up."""

    async def services(self) -> tuple[KnownService, ...]:
        """Every Service that can be reached."""


class ClusterDirectory:
    """The Services of the running cluster, asked for again after a second."""

    def __init__(self, api: LocalApi, clock: Callable[[], float] = time.monotonic, keep: float = 1.0) -> None:
        self._api = api
        self._clock = clock
        self._keep = keep
        self._known: tuple[KnownService, ...] = ()
        self._read_at = float("-inf")

    async def services(self) -> tuple[KnownService, ...]:
        """Every Service with a ClusterIP, at most `keep` seconds old."""
        if self._clock() - self._read_at >= self._keep:
            self._known = parse((await self._api.get("/api/v1/services"))["items"])
            self._read_at = self._clock()
        return self._known


def parse(items: list[dict[str, Any]]) -> tuple[KnownService, ...]:
    """The Services of a list that have a ClusterIP and ports; headless and external ones have no door."""
    return tuple(_service(item) for item in items if _has_address(item["spec"]))


def _has_address(spec: dict[str, Any]) -> bool:
    return spec.get("clusterIP", "None") not in ("", "None") and bool(spec.get("ports"))


def _service(item: dict[str, Any]) -> KnownService:
    ports = tuple(
        Port(port["port"], port.get("name", ""), port.get("appProtocol", ""))
        for port in item["spec"]["ports"]
    )
    metadata = item["metadata"]
    return KnownService(metadata["namespace"], metadata["name"], item["spec"]["clusterIP"], ports)
