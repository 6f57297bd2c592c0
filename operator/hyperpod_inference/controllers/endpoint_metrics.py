"""What the operator knows of its endpoints, as metrics: ready or not, on which types, until when certified.

Made from the caches when somebody scrapes, so a reconcile pays nothing for it. Only the leader tells, though
its followers have the caches too: else every sum over the replicas would count twice.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric

from hyperpod_inference.api import conditions, names
from hyperpod_inference.controllers.caches import Caches
from hyperpod_inference.kube.resources import Body
from hyperpod_inference.kube.store import key_of
from hyperpod_inference.status.causes import is_ready
from hyperpod_inference.status.tls import certificate_of

LABELS = ("namespace", "resource_name", "resource_type")
TYPES = {
    names.KIND_ENDPOINT: names.RESOURCE_TYPE_ENDPOINT,
    names.KIND_JUMPSTART: names.RESOURCE_TYPE_JUMPSTART,
}


class EndpointMetrics:
    """A collector for a registry; `kinds` are the caches of each kind of endpoint.

    leads: whether this process does.
    """

    def __init__(self, kinds: Sequence[Caches], leads: Callable[[], bool] = lambda: True) -> None:
        self._kinds, self._leads = kinds, leads

    def collect(self) -> Iterable[Metric]:
        """Gauges with one series for each endpoint, and one for each instance type or failing condition."""
        ready = _gauge(names.METRIC_ENDPOINT_READY, "1 while the endpoint's condition Ready is True")
        desired = _gauge(names.METRIC_ENDPOINT_DESIRED, "Replicas asked for, by the spec or a scaler")
        placed = _gauge(
            names.METRIC_ENDPOINT_REPLICAS,
            "Ready replicas by instance type; choice: its place in spec.instanceTypes, 1 is the first",
            "instance_type",
            "choice",
        )
        failing = _gauge(
            names.METRIC_ENDPOINT_FAILING, "1 for each condition that is False", "type", "reason"
        )
        ends = _gauge(names.METRIC_CERTIFICATE_END, "When the load balancer's certificate ends, Unix time")
        for caches in self._kinds if self._leads() else ():
            nodes = caches.instance_types()
            for body in caches.endpoints.list():
                own = [*key_of(body), TYPES.get(caches.kind, "")]
                told = _conditions(body)
                ready.add_metric(own, float(conditions.is_true(told, conditions.READY)))
                desired.add_metric(own, _desired(caches, body))
                for (kind, choice), number in _placements(caches, body, nodes).items():
                    placed.add_metric([*own, kind, choice], number)
                for each in told:
                    if each.get("status") == "False" and each["type"] != "Progressing":
                        failing.add_metric([*own, each["type"], each.get("reason", "")], 1)
                end = certificate_of(_dict(body.get("status"))).not_after
                if end is not None:
                    ends.add_metric(own, end.timestamp())
        return (ready, desired, placed, failing, ends)


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=[*LABELS, *labels])


def _conditions(body: Body) -> tuple[Mapping[str, Any], ...]:
    return tuple(_dict(body.get("status")).get("conditions") or ())


def _desired(caches: Caches, body: Body) -> float:
    deployment = caches.deployment_of(*key_of(body))
    return float((deployment or {}).get("spec", {}).get("replicas", 0))


def _placements(caches: Caches, body: Body, nodes: Mapping[str, str]) -> Counter[tuple[str, str]]:
    wanted = _dict(body.get("spec")).get("instanceTypes")
    order = [str(each) for each in wanted] if isinstance(wanted, list) else []
    found: Counter[tuple[str, str]] = Counter()
    for pod in caches.pods_of(*key_of(body)):
        routes = (pod["metadata"].get("labels") or {}).get(names.LABEL_COMPONENT) == names.COMPONENT_ROUTER
        if routes or not is_ready(pod):
            continue
        kind = nodes.get(pod["spec"].get("nodeName", ""), "")
        found[kind, str(order.index(kind) + 1) if kind in order else ""] += 1
    return found


def _dict(value: Any) -> Mapping[str, Any]:
    """A stored resource that breaks its definition may hold anything."""
    return value if isinstance(value, Mapping) else {}
