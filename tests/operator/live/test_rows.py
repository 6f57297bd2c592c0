"""One row for each endpoint, of two looks at its pods; and where a pod is looked at."""

from typing import Any, cast

import pytest

from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.parse import parse
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.live import Look, Page, as_json, rows, sources
from hyperpod_inference.render import render

Body = dict[str, Any]
INF = float("inf")
NODES = {"node-1": "ml.p4d.24xlarge", "node-2": "ml.g5.8xlarge"}


def endpoint(name: str = "chat", *, reason: str = "", **spec: Any) -> Body:
    ready = {"type": "Ready", "status": "False" if reason else "True", "reason": reason or "Available"}
    return {
        "kind": names.KIND_ENDPOINT,
        "metadata": {"name": name, "namespace": "team-a"},
        "spec": {"replicas": 2} | spec,
        "status": {"conditions": [ready]},
    }


def pod(name: str, node: str = "node-1", *, ready: bool = True, of: str = "chat", **labels: str) -> Body:
    owner = {
        names.LABEL_OWNER_KIND: names.KIND_ENDPOINT,
        names.LABEL_OWNER_NAMESPACE: "team-a",
        names.LABEL_OWNER_NAME: of,
    }
    return {
        "metadata": {"name": name, "namespace": "team-a", "labels": owner | labels},
        "spec": {"nodeName": node, "containers": [{"resources": {"limits": {"nvidia.com/gpu": "2"}}}, {}]},
        "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def look(at: float, **pages: Page) -> Look:
    return Look(at=at, pages={("team-a", name): each for name, each in pages.items()})


def test_replicas_and_where_they_run_need_no_metrics() -> None:
    pods = [pod("a"), pod("b", "node-2"), pod("c", ready=False), pod("r", component="x")]
    pods[3]["metadata"]["labels"][names.LABEL_COMPONENT] = names.COMPONENT_ROUTER
    (row,) = rows([endpoint()], pods, NODES, look(0), look(2))
    assert (row.state, row.ready, row.desired, row.gpus) == ("Ready", 2, 2, 4)
    assert row.instance_types == {"ml.p4d.24xlarge": 1, "ml.g5.8xlarge": 1}
    assert (row.measured, row.calls, row.first_token_p50, row.cache_used) == (False, None, None, None)


def test_rates_are_those_between_the_looks_over_all_replicas() -> None:
    before = look(
        10.0,
        a=Page({"model_invocations_total": 5.0, "vllm:generation_tokens_total": 100.0}),
        b=Page({"model_invocations_total": 1.0, "vllm:generation_tokens_total": 0.0}),
    )
    after = look(
        12.0,
        a=Page({"model_invocations_total": 9.0, "vllm:generation_tokens_total": 300.0}),
        b=Page({"model_invocations_total": 3.0, "vllm:generation_tokens_total": 20.0}),
    )
    (row,) = rows([endpoint()], [pod("a"), pod("b")], NODES, before, after)
    assert (row.measured, row.calls, row.tokens) == (True, 3.0, 110.0)


def test_a_replica_that_has_just_come_adds_to_no_rate() -> None:
    old, new = Page({"model_invocations_total": 5.0}), Page({"model_invocations_total": 1000.0})
    (row,) = rows([endpoint()], [pod("a"), pod("b")], NODES, look(0, a=old), look(1, a=old, b=new))
    assert row.calls == 0.0


def test_a_first_look_knows_no_rates() -> None:
    seen = look(5.0, a=Page({"model_invocations_total": 5.0, "model_concurrent_requests": 2.0}))
    (row,) = rows([endpoint()], [pod("a")], NODES, look(5.0), seen)
    assert (row.calls, row.active) == (None, 2)


def test_first_tokens_are_in_milliseconds_whoever_measured_them() -> None:
    seconds = {"vllm:time_to_first_token_seconds": {0.1: 10.0, INF: 10.0}}
    both = seconds | {"model_ttfb_milliseconds": {1000.0: 10.0, INF: 10.0}}
    for buckets, expected in (
        (both, 50.0),
        ({"model_ttfb_milliseconds": both["model_ttfb_milliseconds"]}, 500.0),
    ):
        empty = {name: dict.fromkeys(own, 0.0) for name, own in buckets.items()}
        looks = look(0, a=Page({}, empty)), look(1, a=Page({}, buckets))
        (row,) = rows([endpoint()], [pod("a")], NODES, *looks)
        assert row.first_token_p50 == expected


def test_cache_hits_are_a_share_of_what_was_asked_and_use_is_that_of_the_fullest() -> None:
    asked, hit, used = (
        "vllm:prefix_cache_queries_total",
        "vllm:prefix_cache_hits_total",
        "vllm:kv_cache_usage_perc",
    )
    before = look(0, a=Page({asked: 100.0, hit: 0.0, used: 0.1}), b=Page({asked: 0.0, hit: 0.0, used: 0.1}))
    after = look(1, a=Page({asked: 150.0, hit: 40.0, used: 0.2}), b=Page({asked: 50.0, hit: 10.0, used: 0.7}))
    (row,) = rows([endpoint()], [pod("a"), pod("b")], NODES, before, after)
    assert (row.cache_hits, row.cache_used) == (0.5, 0.7)


def test_an_endpoint_that_is_not_ready_says_why_and_rows_are_in_order() -> None:
    found = rows([endpoint("zoo", reason="CrashLoop"), endpoint("ant")], [], {}, look(0), look(1))
    assert [(row.name, row.state) for row in found] == [("ant", "Ready"), ("zoo", "CrashLoop")]


def test_where_a_scaler_decides_the_pods_are_what_is_wanted() -> None:
    (row,) = rows(
        [endpoint(autoScalingSpec={"minReplicaCount": 1})],
        [pod("a"), pod("b"), pod("c")],
        NODES,
        look(0),
        look(1),
    )
    assert row.desired == 3


def test_scripts_get_camel_case_and_null_for_what_is_not_known() -> None:
    (told,) = as_json(rows([endpoint()], [pod("a")], NODES, look(0), look(1)))
    assert told["instanceTypes"] == {"ml.p4d.24xlarge": 1}
    assert told["firstTokenP50"] is None


@pytest.fixture
def measured_pod(chat_spec: Body) -> Body:
    """A model pod with collector, as it is rendered, and running."""
    metrics = {"enabled": True, "modelMetrics": {"port": 9000, "path": "/server/metrics"}}
    made = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND_ENDPOINT,
        "metadata": {"name": "chat", "namespace": "team-a"},
        "spec": chat_spec | {"metrics": metrics},
    }
    rendered = render(cast(InferenceEndpointConfig, parse(made)), OperatorSettings())
    (deployment,) = [each for each in rendered.manifests if each["kind"] == "Deployment"]
    template: Body = deployment["spec"]["template"]
    running = [{"name": each["name"], "state": {"running": {}}} for each in template["spec"]["containers"]]
    return template | {"status": {"containerStatuses": running}}


def test_a_pod_is_asked_where_its_collector_reads(measured_pod: Body) -> None:
    assert sources(measured_pod) == [(9113, "/metrics"), (9000, "/server/metrics")]


def test_a_pod_that_does_not_run_yet_is_not_asked(measured_pod: Body) -> None:
    assert sources(measured_pod | {"status": {}}) == []


def test_a_proxy_without_a_collector_is_asked_itself(measured_pod: Body) -> None:
    metadata = measured_pod["metadata"] | {"annotations": {}}
    assert sources(measured_pod | {"metadata": metadata}) == [(9113, "/metrics")]


@pytest.mark.parametrize("text", ["not: a: mapping", "receivers: {}", "just words"])
def test_a_configuration_of_somebody_elses_is_no_error(measured_pod: Body, text: str) -> None:
    annotations = {names.ANNOTATION_COLLECTOR_CONFIG: text}
    assert sources(measured_pod | {"metadata": measured_pod["metadata"] | {"annotations": annotations}}) == []
