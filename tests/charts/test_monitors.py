"""The monitors: they lead to ports that exist, under the names that the pods and Services give them."""

from __future__ import annotations

from hyperpod_charts.monitors import model_monitor, operator_monitor
from hyperpod_charts.operator import metrics_service
from hyperpod_charts.synth import manifests
from hyperpod_inference.api import names
from hyperpod_inference.api.settings import OperatorSettings


def test_they_are_left_out_unless_asked_for_since_their_definitions_may_be_missing(
    chart_settings: OperatorSettings,
) -> None:
    def kinds(**choices: bool) -> set[str]:
        return {body["kind"] for body in manifests(chart_settings, example=False, **choices)}

    assert kinds(monitors=True) - kinds() == {"ServiceMonitor", "PodMonitor"}


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
    assert endpoint["port"] == names.SIDECAR_METRICS_PORT_NAME
