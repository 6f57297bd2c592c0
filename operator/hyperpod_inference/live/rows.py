"""One row for each endpoint: is it ready, where does it run, how fast does it answer."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from hyperpod_inference.api import conditions, names
from hyperpod_inference.live import pages
from hyperpod_inference.live.pages import Page
from hyperpod_inference.render.identity import LABEL_VALUE_LIMIT, bounded
from hyperpod_inference.status.causes import is_leaving, is_ready

Body = Mapping[str, Any]
Key = tuple[str, str]
_NOT_THE_MODEL = (names.COMPONENT_ROUTER, names.COMPONENT_NODE_CACHE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The pages of `/metrics` at one moment, by namespace and name of the pod. at: of a steady clock."""

    at: float
    pages: Mapping[Key, Page] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An endpoint as it is now. What is not known, for want of metrics or of calls, is None.

    calls, errors, tokens: per second. first_token_p50, _p95: milliseconds. cache_used, cache_hits: shares.
    gpus: accelerators that its ready replicas hold. measured: whether any of its pods has metrics.
    """

    kind: str
    namespace: str
    name: str
    state: str
    ready: int
    desired: int
    instance_types: Mapping[str, int]
    gpus: int
    measured: bool
    calls: float | None = None
    errors: float | None = None
    active: int | None = None
    waiting: int | None = None
    first_token_p50: float | None = None
    first_token_p95: float | None = None
    tokens: float | None = None
    cache_used: float | None = None
    cache_hits: float | None = None


def rows(
    endpoints: Sequence[Body], pods: Sequence[Body], types: Mapping[str, str], before: Look, after: Look
) -> list[Row]:
    """By namespace and name. types: node to instance type. Rates are those between the two looks."""
    by_owner: dict[tuple[str, ...], list[Body]] = {}
    for pod in pods:
        by_owner.setdefault(_owner(pod), []).append(pod)
    made = [
        _row(each, by_owner.get((each["kind"], *_key(each)[:1], _bounded(each)), []), types, before, after)
        for each in endpoints
    ]
    return sorted(made, key=lambda row: (row.namespace, row.name, row.kind))


def _row(endpoint: Body, pods: Sequence[Body], types: Mapping[str, str], before: Look, after: Look) -> Row:
    namespace, name = _key(endpoint)
    status = endpoint.get("status") or {}
    ready = [pod for pod in pods if is_ready(pod)]
    nodes = [types.get(pod["spec"].get("nodeName", ""), "unknown") for pod in ready]
    told = conditions.find(status.get("conditions") or (), conditions.READY) or {}
    seen = [_key(pod) for pod in pods if _key(pod) in after.pages]
    return Row(
        kind=endpoint["kind"],
        namespace=namespace,
        name=name,
        state="Ready" if told.get("status") == "True" else str(told.get("reason") or "New"),
        ready=len(ready),
        desired=endpoint["spec"].get("replicas", len(pods)) if not _scaled(endpoint) else len(pods),
        instance_types=dict(Counter(nodes)),
        gpus=sum(map(_accelerators, ready)),
        measured=bool(seen),
        **(_measured(seen, before, after) if seen else {}),
    )


def _measured(seen: Sequence[Key], before: Look, after: Look) -> dict[str, Any]:
    now = pages.added(after.pages[key] for key in seen)
    # A pod that was not there before is left out of rates: all it ever counted would fall into this moment.
    both = [key for key in seen if key in before.pages]
    grown = pages.added(after.pages[key].since(before.pages[key]) for key in both)
    seconds = after.at - before.at
    per_second = _Rates(grown.values, seconds)
    name = next((each for each in pages.FIRST_TOKEN if grown.buckets.get(each)), "")
    buckets, scale = grown.buckets.get(name, {}), pages.FIRST_TOKEN.get(name, 1.0)
    asked = grown.values.get(pages.CACHE_ASKED, 0.0)
    used = [after.pages[key].values[pages.CACHE_USED] for key in seen if _has(after, key, pages.CACHE_USED)]
    waiting = [now.values[each] for each in (pages.QUEUED, pages.ENGINE_WAITING) if each in now.values]
    return {
        "calls": per_second.of(pages.CALLS),
        "errors": per_second.of(pages.ERRORS),
        "tokens": per_second.of(pages.TOKENS),
        "active": int(now.values[pages.ACTIVE]) if pages.ACTIVE in now.values else None,
        "waiting": int(sum(waiting)) if waiting else None,
        "first_token_p50": _scaled_by(pages.percentile(0.5, buckets), scale),
        "first_token_p95": _scaled_by(pages.percentile(0.95, buckets), scale),
        "cache_used": max(used, default=None),
        "cache_hits": grown.values.get(pages.CACHE_HIT, 0.0) / asked if asked else None,
    }


class _Rates:
    def __init__(self, grown: Mapping[str, float], seconds: float) -> None:
        self._grown, self._seconds = grown, seconds

    def of(self, name: str) -> float | None:
        if name not in self._grown or self._seconds <= 0:
            return None
        return self._grown[name] / self._seconds


def _has(look: Look, key: Key, name: str) -> bool:
    return name in look.pages[key].values


def _scaled_by(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale


def _owner(pod: Body) -> tuple[str, ...]:
    """Kind, namespace and name of the endpoint that a pod serves for; empty of any other pod."""
    labels = pod["metadata"].get("labels") or {}
    if labels.get(names.LABEL_COMPONENT) in _NOT_THE_MODEL or is_leaving(pod):
        return ()
    keys = (names.LABEL_OWNER_KIND, names.LABEL_OWNER_NAMESPACE, names.LABEL_OWNER_NAME)
    return tuple(str(labels.get(key, "")) for key in keys)


def _key(body: Body) -> Key:
    return body["metadata"]["namespace"], body["metadata"]["name"]


def _bounded(endpoint: Body) -> str:
    return bounded(endpoint["metadata"]["name"], LABEL_VALUE_LIMIT)


def _scaled(endpoint: Body) -> bool:
    """Whether a scaler, or pdSpec, decides on the replicas, not spec.replicas."""
    return bool(endpoint["spec"].get("autoScalingSpec") or endpoint["spec"].get("pdSpec"))


def _accelerators(pod: Body) -> int:
    limits = [
        (container.get("resources") or {}).get("limits") or {} for container in pod["spec"]["containers"]
    ]
    kinds = (names.RESOURCE_GPU, names.RESOURCE_NEURON)
    return sum(int(each[kind]) for each in limits for kind in kinds if kind in each)


def as_json(found: Sequence[Row]) -> list[dict[str, Any]]:
    """For scripts: every field in camel case, None as null."""
    return [{_camel(field): value for field, value in asdict(row).items()} for row in found]


def _camel(field: str) -> str:
    first, *rest = field.split("_")
    return first + "".join(word.capitalize() for word in rest)
