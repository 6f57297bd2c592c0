"""The dashboards as ConfigMaps, for clusters whose Grafana has the sidecar that looks for them."""

from __future__ import annotations

from typing import Any

from cdk8s import Chart
from constructs import Construct

from hyperpod_charts.dashboards import FOLDER, texts
from hyperpod_charts.labels import COMMON
from hyperpod_charts.manifest import add_all
from hyperpod_inference.api.settings import OperatorSettings

SIDECAR_LABEL = {"grafana_dashboard": "1"}
"""Grafana's sidecar loads ConfigMaps with this label."""
FOLDER_ANNOTATION = "grafana_folder"


def config_maps(settings: OperatorSettings) -> list[dict[str, Any]]:
    """Returns a ConfigMap for each dashboard, as Grafana's sidecar finds them."""
    return [_config_map(settings, name, text) for name, text in texts().items()]


def _config_map(settings: OperatorSettings, file: str, text: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": f"hyperpod-inference-dashboard-{file.removesuffix('.json')}",
            "namespace": settings.namespace,
            "labels": COMMON | SIDECAR_LABEL,
            "annotations": {FOLDER_ANNOTATION: FOLDER},
        },
        "data": {file: text},
    }


class DashboardChart(Chart):
    """Dashboards for a Grafana whose sidecar watches the namespace of the operator, or all."""

    def __init__(self, scope: Construct, id: str, settings: OperatorSettings) -> None:
        super().__init__(scope, id)
        add_all(self, config_maps(settings))
