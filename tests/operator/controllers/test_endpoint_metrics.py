"""What the operator's metrics say of its endpoints."""

from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.controllers.caches import Caches
from hyperpod_inference.controllers.endpoint_metrics import EndpointMetrics

Body = dict[str, Any]
OWN = {"namespace": "team-a", "resource_name": "chat", "resource_type": "inference-endpoint"}
END = "2027-01-01T00:00:00Z"


def _samples(caches: Caches) -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in EndpointMetrics([caches]).collect():
        found[family.name] = [(each.labels, each.value) for each in family.samples]
    return found


def _endpoint(**status: Any) -> Body:
    return {
        "metadata": {"name": "chat", "namespace": "team-a"},
        "spec": {"instanceTypes": ["ml.p4d.24xlarge", "ml.g5.8xlarge"]},
        "status": status,
    }


def _pod(name: str, node: str, *, ready: bool = True, **labels: str) -> Body:
    owner = {
        names.LABEL_OWNER_KIND: names.KIND_ENDPOINT,
        names.LABEL_OWNER_NAMESPACE: "team-a",
        names.LABEL_OWNER_NAME: "chat",
    }
    return {
        "metadata": {"name": name, "namespace": "team-a", "labels": owner | labels},
        "spec": {"nodeName": node},
        "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def _node(name: str, instance_type: str) -> Body:
    return {"metadata": {"name": name, "labels": {names.NODE_INSTANCE_TYPE: instance_type}}}


def test_an_endpoint_that_is_not_ready_says_which_conditions_are_false() -> None:
    caches = Caches()
    said = [
        {"type": "Progressing", "status": "False", "reason": "Complete"},
        {"type": "TLSReady", "status": "False", "reason": "CertificateExpired"},
        {"type": "Ready", "status": "False", "reason": "CrashLoop"},
    ]
    caches.endpoints.put(_endpoint(conditions=said, tlsCertificate={"lastCertExpiryTime": END}))
    found = _samples(caches)
    assert found[names.METRIC_ENDPOINT_READY] == [(OWN, 0.0)]
    assert found[names.METRIC_ENDPOINT_FAILING] == [
        (OWN | {"type": "TLSReady", "reason": "CertificateExpired"}, 1.0),
        (OWN | {"type": "Ready", "reason": "CrashLoop"}, 1.0),
    ]
    assert found[names.METRIC_CERTIFICATE_END] == [(OWN, 1798761600.0)]


def test_ready_replicas_are_counted_by_instance_type_and_its_place_in_the_list() -> None:
    caches = Caches()
    caches.endpoints.put(_endpoint(conditions=[{"type": "Ready", "status": "True"}]))
    for node in (_node("a", "ml.p4d.24xlarge"), _node("b", "ml.g5.8xlarge"), _node("c", "ml.g6.8xlarge")):
        caches.nodes.put(node)
    caches.pods.put(_pod("1", "a"))
    caches.pods.put(_pod("2", "b"))
    caches.pods.put(_pod("3", "b"))
    caches.pods.put(_pod("4", "c"))
    caches.pods.put(_pod("5", "a", ready=False))
    caches.pods.put(_pod("6", "a", **{names.LABEL_COMPONENT: names.COMPONENT_ROUTER}))
    found = _samples(caches)
    assert found[names.METRIC_ENDPOINT_READY] == [(OWN, 1.0)]
    placed = {(each["instance_type"], each["choice"]): n for each, n in found[names.METRIC_ENDPOINT_REPLICAS]}
    assert placed == {("ml.p4d.24xlarge", "1"): 1, ("ml.g5.8xlarge", "2"): 2, ("ml.g6.8xlarge", ""): 1}
    assert found[names.METRIC_CERTIFICATE_END] == []


def test_a_resource_that_breaks_its_definition_breaks_no_scrape() -> None:
    caches = Caches()
    caches.endpoints.put(
        {"metadata": {"name": "chat", "namespace": "team-a"}, "spec": "nonsense", "status": 7}
    )
    assert _samples(caches)[names.METRIC_ENDPOINT_READY] == [(OWN, 0.0)]


def test_a_follower_tells_nothing_so_that_no_sum_counts_twice() -> None:
    caches = Caches()
    caches.endpoints.put(_endpoint())
    told = [each for family in EndpointMetrics([caches], lambda: False).collect() for each in family.samples]
    assert told == []
