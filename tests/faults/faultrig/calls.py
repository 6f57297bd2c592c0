"""What a request to the API server is about: the terms in which faults are scripted. Used by `proxy`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `resource` is the plural name; `at`: monotonic seconds; `name`: '' for a collection."""

    method: str
    resource: str
    namespace: str
    name: str
    subresource: str
    query: Mapping[str, str]
    at: float

    @property
    def watch(self) -> bool:
        """Whether it asks for a stream of changes."""
        return "watch" in self.query

    @property
    def write(self) -> bool:
        """Whether it changes something that counts: not the Lease, which is renewed all the time."""
        return self.method != "GET" and self.resource != "leases"

    @property
    def listing(self) -> bool:
        """Whether it reads a collection."""
        return self.method == "GET" and not self.watch and not self.name


Match = Callable[[Call], bool]


def parse(method: str, path: str, query: Mapping[str, str], at: float) -> Call:
    """The call that a request line stands for."""
    parts = [part for part in path.split("/") if part]
    parts = parts[2:] if parts[:1] == ["api"] else parts[3:]
    namespace = ""
    if parts[:1] == ["namespaces"] and len(parts) > 2:
        namespace, parts = parts[1], parts[2:]
    resource, name, subresource = [*parts, "", "", ""][:3]
    return Call(method, resource, namespace, name, subresource, dict(query), at)


def writes(resource: str = "") -> Match:
    """Writes, of one kind or of all."""
    return lambda call: call.write and resource in ("", call.resource)


def watches(resource: str = "") -> Match:
    """Watches, of one kind or of all."""
    return lambda call: call.watch and resource in ("", call.resource)


def lists(resource: str = "") -> Match:
    """Lists, of one kind or of all."""
    return lambda call: call.listing and resource in ("", call.resource)


def about(resource: str) -> Match:
    """Everything of one kind."""
    return lambda call: call.resource == resource


def anything(call: Call) -> bool:
    """Every request."""
    return True
