"""What was observed of a cluster, as the checks read it, and how a check meets what could not be read."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.installation.preflight import Finding, Verdict

Body = Mapping[str, Any]
Key = tuple[str, str]
"""Namespace and name; the namespace of what has none is ''."""
Findings = Iterator[Finding]


class NotSeen(Exception):  # noqa: N818 - it is no error of the check
    """The check needs what could not be read; the message says why not."""


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of one kind. unread: why they could not be read, '' when they were."""

    items: tuple[Body, ...] = ()
    unread: str = ""

    def all(self) -> tuple[Body, ...]:
        """Every one. Raises NotSeen."""
        if self.unread:
            raise NotSeen(self.unread)
        return self.items

    def find(self, name: str, namespace: str = "") -> Body | None:
        """The one of this name, None when there is none. Raises NotSeen."""
        return next((each for each in self.all() if key_of(each) == (namespace, name)), None)


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """One look at a cluster.

    objects: by kind; of namespaced kinds those of the operator's namespace and the endpoint's at least. A
    kind that is not here is one that nobody installed. settings: the installed operator's. certificate_until:
    when the webhook's certificate ends, None without one that can be read. now: aware.
    """

    now: datetime
    settings: OperatorSettings = field(default_factory=OperatorSettings)
    objects: Mapping[str, Objects] = field(default_factory=dict)
    certificate_until: datetime | None = None
    logs: Mapping[Key, Mapping[str, str]] = field(default_factory=dict)
    """The last lines of each pod and container that were looked at."""

    def of(self, kind: str) -> Objects:
        """The objects of a kind."""
        return self.objects.get(kind, Objects())

    def backends(self, namespace: str, service: str) -> int:
        """How many ready endpoints a Service has. Raises NotSeen."""
        slices = [
            each
            for each in self.of("EndpointSlice").all()
            if each["metadata"].get("namespace") == namespace
            and (each["metadata"].get("labels") or {}).get("kubernetes.io/service-name") == service
        ]
        ready = [
            endpoint
            for each in slices
            for endpoint in each.get("endpoints") or ()
            if (endpoint.get("conditions") or {}).get("ready") is not False
        ]
        return len(ready)

    def pods(self, namespace: str, labels: Mapping[str, str]) -> list[Body]:
        """Pods by their labels, by name. Raises NotSeen."""
        found = [
            pod
            for pod in self.of("Pod").all()
            if pod["metadata"].get("namespace") == namespace and labels.items() <= labels_of(pod).items()
        ]
        return sorted(found, key=lambda pod: str(pod["metadata"]["name"]))

    def events_of(self, obj: Body) -> list[Body]:
        """Events about an object; none where they cannot be read: an answer is only less telling then."""
        uid = obj["metadata"].get("uid")
        return [
            each for each in self.of("Event").items if (each.get("involvedObject") or {}).get("uid") == uid
        ]


def key_of(obj: Body) -> Key:
    """Namespace and name."""
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def labels_of(obj: Body) -> Mapping[str, str]:
    """Labels, empty when there are none."""
    return obj["metadata"].get("labels") or {}


def ok(check: str, message: str, advice: str = "") -> Finding:
    """Nothing stands in the way; `advice` is what could be better."""
    return Finding(check, Verdict.OK, message, advice)


def missing(check: str, message: str, fix: str) -> Finding:
    """Something is not there."""
    return Finding(check, Verdict.MISSING, message, fix)


def wrong(check: str, message: str, fix: str) -> Finding:
    """Something is there and not as it has to be."""
    return Finding(check, Verdict.WRONG, message, fix)


def waiting(check: str, message: str, fix: str = "") -> Finding:
    """Under way, or not told yet: no cause, and not well either."""
    return Finding(check, Verdict.UNKNOWN, message, fix)


def unseen(check: str, why: str) -> Finding:
    """What the check needs could not be read."""
    return Finding(check, Verdict.UNKNOWN, why, "Give the caller the permission, or look by hand.")


def checked(checks: Iterable[tuple[str, Callable[[], Findings]]]) -> list[Finding]:
    """Every finding of the checks, in order; one that could not look says so and hides none of the others."""
    found: list[Finding] = []
    for name, check in checks:
        try:
            found += check()
        except NotSeen as blind:
            found.append(unseen(name, str(blind)))
    return found
