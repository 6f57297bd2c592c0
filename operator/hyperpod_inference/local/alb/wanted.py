"""Which load balancer an Ingress asks for: its name, rules and targets. Pure."""

import fnmatch
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hyperpod_inference.api.names import INGRESS_CLASS
from hyperpod_inference.local.agent.endpoints import Address, Frontend, backends
from hyperpod_inference.local.alb.annotations import BuildError, Settings, read

Body = Mapping[str, Any]
_LEGACY_CLASS = "kubernetes.io/ingress.class"


@dataclass(frozen=True, slots=True)
class Backend:
    """A port, by number or name, of a Service in the Ingress's namespace."""

    service: str
    port: int | str


@dataclass(frozen=True, slots=True)
class Rule:
    """Requests for `host` ('' is any) and `path` go to `backend`. kind: Exact, Prefix or another."""

    host: str
    path: str
    kind: str
    backend: Backend

    def matches(self, host: str, path: str) -> bool:
        """Whether a request is this rule's; a prefix ends where a part of the path ends."""
        if self.host and not fnmatch.fnmatchcase(host.lower(), self.host.lower()):
            return False
        if self.kind == "Exact":
            return path == self.path
        if self.kind == "Prefix":
            prefix = self.path.rstrip("/")
            return path == prefix or path.startswith(f"{prefix}/")
        return fnmatch.fnmatchcase(path, self.path)

    def order(self) -> tuple[bool, bool, int]:
        """The more exact rule comes first."""
        return not self.host, self.kind != "Exact", -len(self.path)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One load balancer."""

    namespace: str
    ingress: str
    uid: str
    settings: Settings
    rules: tuple[Rule, ...]
    default: Backend | None = None

    @property
    def name(self) -> str:
        """As the controller names it: at most 32 characters."""
        return resource_name(self.namespace, self.ingress, self.namespace, self.ingress, self.settings.scheme)

    @property
    def backends(self) -> tuple[Backend, ...]:
        """Each one once, in the order of the rules."""
        found = [rule.backend for rule in self.rules]
        return tuple(dict.fromkeys([*found, *([self.default] if self.default else [])]))

    def choose(self, host: str, path: str) -> tuple[int, Backend] | None:
        """Priority and backend for a request, 0 being the default action; None: it answers 404."""
        for priority, rule in enumerate(self.rules, start=1):
            if rule.matches(host, path):
                return priority, rule.backend
        return (0, self.default) if self.default else None


def is_ours(ingress: Body) -> bool:
    """Whether an Ingress is of class `alb`, and not being deleted."""
    annotations = ingress["metadata"].get("annotations") or {}
    named = ingress["spec"].get("ingressClassName") or annotations.get(_LEGACY_CLASS)
    return named == INGRESS_CLASS and not ingress["metadata"].get("deletionTimestamp")


def wanted_of(ingress: Body) -> Wanted:
    """The load balancer of an Ingress. Raises BuildError."""
    metadata, spec = ingress["metadata"], ingress["spec"]
    rules = [
        Rule(rule.get("host") or "", path.get("path") or "/", path["pathType"], _backend(path["backend"]))
        for rule in spec.get("rules") or ()
        for path in (rule.get("http") or {}).get("paths") or ()
    ]
    default = spec.get("defaultBackend")
    return Wanted(
        metadata["namespace"],
        metadata["name"],
        metadata["uid"],
        read(metadata.get("annotations") or {}),
        tuple(sorted(rules, key=Rule.order)),
        _backend(default) if default else None,
    )


def _backend(body: Body) -> Backend:
    service = body.get("service")
    if not service:
        raise BuildError("only Services can be backends here")
    port = service["port"]
    return Backend(service["name"], port.get("name") or port["number"])


def targets(
    namespace: str, backend: Backend, service: Body | None, slices: Iterable[Body]
) -> tuple[Address, ...]:
    """Addresses of the ready pods behind a backend. Raises BuildError without such a Service or port."""
    where = f"{namespace}/{backend.service}"
    if service is None:
        raise BuildError(f'Service "{where}" not found')
    for port in service["spec"].get("ports") or ():
        if backend.port in (port["port"], port.get("name")):
            name = port.get("name") or ""
            return backends(Frontend(namespace, backend.service, "", int(port["port"]), name), slices)
    raise BuildError(f"unable to find port {backend.port} on service {where}")


def resource_name(namespace: str, name: str, *identity: object) -> str:
    """`k8s-NAMESPAC-NAME-DIGEST`, each part cut as the controller cuts it."""
    digest = hashlib.sha256("\0".join(map(str, identity)).encode()).hexdigest()
    plain = [re.sub(r"[^a-zA-Z0-9]", "", each)[:8] for each in (namespace, name)]
    return f"k8s-{plain[0]}-{plain[1]}-{digest[:10]}"
