"""What Prometheus scrapes, for clusters with the Prometheus operator: the operator, and the model pods.

Optional, since the API server refuses these objects where their CRDs are not installed. Metric names and
labels are those of the dashboards that AWS publishes, so nothing is renamed here.
"""

from __future__ import annotations

from typing import Any

from cdk8s import Chart
from constructs import Construct

from hyperpod_charts.labels import COMMON, SELECTOR
from hyperpod_charts.manifest import add_all
from hyperpod_inference.api import names
from hyperpod_inference.api.settings import OperatorSettings

MONITORING = "monitoring.coreos.com/v1"
INTERVAL = "15s"


def monitor_objects(settings: OperatorSettings) -> list[dict[str, Any]]:
    """Returns the ServiceMonitor of the operator and the PodMonitor of the model pods of all namespaces."""
    return [operator_monitor(settings), model_monitor(settings)]


def operator_monitor(settings: OperatorSettings) -> dict[str, Any]:
    """Returns the ServiceMonitor: every replica of the operator, by its metrics Service."""
    return {
        "apiVersion": MONITORING,
        "kind": "ServiceMonitor",
        "metadata": {"name": names.OPERATOR_NAME, "namespace": settings.namespace, "labels": COMMON},
        "spec": {
            "selector": {"matchLabels": SELECTOR},
            "endpoints": [{"port": "metrics", "path": "/metrics", "scheme": "http", "interval": INTERVAL}],
        },
    }


def model_monitor(settings: OperatorSettings) -> dict[str, Any]:
    """Returns the PodMonitor: the proxy beside each model, wherever an endpoint is."""
    return {
        "apiVersion": MONITORING,
        "kind": "PodMonitor",
        "metadata": {"name": "hyperpod-inference-models", "namespace": settings.namespace, "labels": COMMON},
        "spec": {
            "namespaceSelector": {"any": True},
            "selector": {"matchLabels": {names.LABEL_DEPLOYING_SERVICE: names.DEPLOYING_SERVICE}},
            "podMetricsEndpoints": [
                {"port": names.SIDECAR_METRICS_PORT_NAME, "path": "/metrics", "interval": INTERVAL}
            ],
        },
    }


class MonitorChart(Chart):
    """Monitors; they need the CRDs of the Prometheus operator."""

    def __init__(self, scope: Construct, id: str, settings: OperatorSettings) -> None:
        super().__init__(scope, id)
        add_all(self, monitor_objects(settings))
