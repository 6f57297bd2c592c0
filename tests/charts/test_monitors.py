"""The monitors: they lead to ports that exist, under the names that the pods and Services give them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from hyperpod_charts.example import folder
from hyperpod_charts.monitors import model_monitor, operator_monitor, router_monitor
from hyperpod_charts.operator import metrics_service
from hyperpod_charts.synth import manifests
from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.parse import parse
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render import render


def test_they_are_left_out_unless_asked_for_since_their_definitions_may_be_missing(
    chart_settings: OperatorSettings,
) -> None:
    def kinds(**choices: bool) -> set[str]:
        return {body["kind"] for body in manifests(chart_settings, example=False, **choices)}

    assert kinds(monitors=True) - kinds() == {"ServiceMonitor", "PodMonitor", "PrometheusRule"}


def test_the_operators_metrics_are_found_by_its_metrics_service(chart_settings: OperatorSettings) -> None:
    monitor, service = operator_monitor(chart_settings), metrics_service(chart_settings)
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["metadata"]["namespace"] == service["metadata"]["namespace"]
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert endpoint["scheme"] == "http"


def test_model_pods_are_found_in_every_namespace_by_the_label_that_they_all_carry(
    chart_settings: OperatorSettings,
) -> None:
    spec = model_monitor(chart_settings)["spec"]
    assert spec["namespaceSelector"] == {"any": True}
    assert spec["selector"]["matchLabels"] == {"deploying-service": "hyperpod-inference"}
    (endpoint,) = spec["podMetricsEndpoints"]
    assert endpoint["port"] == names.COLLECTOR_PORT_NAME
    assert endpoint["honorLabels"] is True


def test_series_of_a_router_get_the_labels_of_its_endpoint_and_cluster(
    chart_settings: OperatorSettings,
) -> None:
    spec = router_monitor(chart_settings)["spec"]
    example = Path(str(folder() / "intelligent-routing.yaml")).read_text("utf-8")
    endpoint = parse(yaml.safe_load(example))
    assert isinstance(endpoint, InferenceEndpointConfig)
    rendered = render(endpoint, OperatorSettings()).manifests
    pods = [each["spec"]["template"] for each in rendered if each["kind"] == "Deployment"]
    wanted = spec["selector"]["matchLabels"].items()
    (router,) = [pod for pod in pods if wanted <= pod["metadata"]["labels"].items()]
    (target,) = spec["podMetricsEndpoints"]
    assert target["port"] in {port["name"] for port in router["spec"]["containers"][0]["ports"]}
    series = relabelled(router["metadata"]["labels"], target["relabelings"])
    assert series == {
        "namespace": endpoint.metadata.namespace,
        "resource_name": endpoint.metadata.name,
        "metric_source": "router",
        "cluster_id": chart_settings.hyperpod_cluster_arn.rpartition("/")[2],
        "cluster_name": chart_settings.eks_cluster_name,
    }


def relabelled(pod_labels: dict[str, str], relabelings: list[dict[str, Any]]) -> dict[str, str]:
    """The target's labels, as Prometheus makes them: the action `replace` with one source at most."""
    found: dict[str, str] = {}
    meta = {
        f"__meta_kubernetes_pod_label_{re.sub('[^a-zA-Z0-9_]', '_', k)}": v for k, v in pod_labels.items()
    }
    for each in relabelings:
        value = "".join((meta | found).get(name, "") for name in each.get("sourceLabels", ()))
        match = re.fullmatch(each.get("regex", "(.*)"), value)
        if match is not None:
            found[each["targetLabel"]] = match.expand(each.get("replacement", "$1").replace("$1", r"\1"))
    return found
