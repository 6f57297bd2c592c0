"""How long an endpoint's pods take from their creation to Ready, and in which stage the time goes.

Stages are read from the times of the pod's conditions, which are whole seconds. Counted is each pod once, and
only one whose start this process has watched: what was Ready when it came says nothing of now.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import accumulate, pairwise, product

from prometheus_client.core import HistogramMetricFamily, Metric

from hyperpod_inference.api import names
from hyperpod_inference.controllers.caches import OWNER_LABELS, Caches, is_of_node_cache
from hyperpod_inference.controllers.endpoint_metrics import LABELS, TYPES
from hyperpod_inference.kube.resources import Body
from hyperpod_inference.kube.store import key_of
from hyperpod_inference.render.identity import LABEL_VALUE_LIMIT, bounded
from hyperpod_inference.status.causes import is_ready

TOTAL = "total"
STAGES = {"PodScheduled": "scheduling", "Initialized": "init", "Ready": "server"}
"""The condition that ends each stage, in their order: on a node; weights there and init containers done;
the image pulled, the model loaded, the first probe answered."""
BOUNDS = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)
"""Seconds."""

Owner = tuple[str, str, str]
"""Kind, namespace and name of an endpoint; the name as labels hold it."""


def stages(pod: Body) -> dict[str, float]:
    """Seconds by stage of a pod that is Ready; one whose beginning or end is not told is left out."""
    told = {each["type"]: each for each in (pod.get("status") or {}).get("conditions") or ()}
    moments = [_moment(pod["metadata"].get("creationTimestamp"))]
    for condition in STAGES:
        each = told.get(condition, {})
        moments.append(_moment(each.get("lastTransitionTime")) if each.get("status") == "True" else None)
    found = {
        stage: max((after - before).total_seconds(), 0.0)
        for stage, (before, after) in zip(STAGES.values(), pairwise(moments), strict=True)
        if before and after
    }
    first, last = moments[0], moments[-1]
    return found | {TOTAL: max((last - first).total_seconds(), 0.0)} if first and last else found


class ColdStarts:
    """Watches pods, and is a collector for a registry.

    kinds: the caches of each kind of endpoint. leads: whether this process does; only then it tells, so that
    nothing is counted twice.
    """

    def __init__(self, kinds: Sequence[Caches], leads: Callable[[], bool]) -> None:
        self._kinds, self._leads = kinds, leads
        self._settled: set[str] = set()
        self._found: dict[tuple[Owner, str], tuple[list[int], float]] = {}

    def on_change(self, event: str, old: Body | None, new: Body | None) -> None:
        """A reflector's callback for pods."""
        if new is None:
            if old is not None:
                self._settled.discard(old["metadata"]["uid"])
            return
        uid, ready = new["metadata"]["uid"], is_ready(new)
        if uid in self._settled or (old is not None and not ready):
            return
        if old is None and not ready and not _restarted(new):
            return
        self._settled.add(uid)
        owner = _owner(new)
        if old is not None and owner is not None:
            for stage, seconds in stages(new).items():
                self._observe(owner, stage, seconds)

    def _observe(self, owner: Owner, stage: str, seconds: float) -> None:
        counts, total = self._found.get((owner, stage), ([0] * (len(BOUNDS) + 1), 0.0))
        counts[bisect_left(BOUNDS, seconds)] += 1
        self._found[owner, stage] = counts, total + seconds

    def collect(self) -> Iterable[Metric]:
        """A histogram for each endpoint and stage, empty ones too: the first start is an increase as well."""
        made = HistogramMetricFamily(
            names.METRIC_COLD_START,
            "Seconds from a pod's creation to Ready, by stage: scheduling, init, server, and the total",
            labels=[*LABELS, "stage"],
        )
        there = {(caches.kind, *_bounded(body)) for caches in self._kinds for body in caches.endpoints.list()}
        self._found = {key: value for key, value in self._found.items() if key[0] in there}
        if self._leads():
            for owner, stage in product(sorted(there), (*STAGES.values(), TOTAL)):
                counts, total = self._found.get((owner, stage), _NONE)
                kind, namespace, name = owner
                buckets = list(zip(_LE, accumulate(counts), strict=True))
                made.add_metric([namespace, name, TYPES.get(kind, ""), stage], buckets, total)
        return (made,)


_NONE = ([0] * (len(BOUNDS) + 1), 0.0)
_LE = (*map(str, BOUNDS), "+Inf")


def _bounded(endpoint: Body) -> tuple[str, str]:
    namespace, name = key_of(endpoint)
    return namespace, bounded(name, LABEL_VALUE_LIMIT)


def _owner(pod: Body) -> Owner | None:
    """The endpoint whose model a pod serves; None for routers, node caches and strangers."""
    labels: Mapping[str, str] = pod["metadata"].get("labels") or {}
    if is_of_node_cache(pod) or labels.get(names.LABEL_COMPONENT) == names.COMPONENT_ROUTER:
        return None
    kind, namespace, name = (labels.get(key, "") for key in OWNER_LABELS)
    return (kind, namespace, name) if name else None


def _restarted(pod: Body) -> bool:
    """It has run before this process looked, and may have been Ready."""
    return any(each.get("restartCount") for each in (pod.get("status") or {}).get("containerStatuses") or ())


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
