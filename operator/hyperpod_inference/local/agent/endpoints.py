"""Which addresses stand behind a Service's port. Pure; `serviceproxy` forwards to them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Body = Mapping[str, Any]
Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Frontend:
    """One port of one Service as clients see it."""

    namespace: str
    service: str
    address: str
    port: int
    name: str


def frontends(service: Body) -> list[Frontend]:
    """The TCP ports of a Service that has an address of its own."""
    spec, metadata = service["spec"], service["metadata"]
    address = spec.get("clusterIP") or "None"
    if address == "None" or spec.get("type") == "ExternalName":
        return []
    return [
        Frontend(metadata["namespace"], metadata["name"], address, int(port["port"]), port.get("name") or "")
        for port in spec.get("ports") or ()
        if port.get("protocol", "TCP") == "TCP"
    ]


def backends(frontend: Frontend, slices: Iterable[Body]) -> tuple[Address, ...]:
    """Ready endpoints behind it, sorted; a slice's port, matched by name, has the targetPort resolved."""
    found: set[Address] = set()
    for each in slices:
        for port in each.get("ports") or ():
            if (port.get("name") or "") != frontend.name or port.get("port") is None:
                continue
            for endpoint in each.get("endpoints") or ():
                if (endpoint.get("conditions") or {}).get("ready", True):
                    found.update((address, int(port["port"])) for address in endpoint["addresses"])
    return tuple(sorted(found))


def service_of(endpoint_slice: Body) -> list[str]:
    """Indexer: `namespace/service` of an EndpointSlice."""
    metadata = endpoint_slice["metadata"]
    name = (metadata.get("labels") or {}).get("kubernetes.io/service-name")
    return [f"{metadata['namespace']}/{name}"] if name else []
