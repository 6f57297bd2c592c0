"""What Prometheus scrapes, for clusters with the Prometheus operator: the operator, model pods and routers.

Optional, since the API server refuses these objects where their CRDs are not installed. Metric names and
labels are those of the dashboards that AWS publishes, so nothing is renamed here.
"""

from __future__ import annotations

import re
from typing import Any

from cdk8s import Chart
from constructs import Construct

from hyperpod_charts.dashboards.model import SOURCE_ROUTER
from hyperpod_charts.labels import COMMON, SELECTOR
from hyperpod_charts.manifest import add_all
from hyperpod_charts.rules import rule_objects
from hyperpod_inference.api import names
from hyperpod_inference.api.settings import OperatorSettings

MONITORING = "monitoring.coreos.com/v1"
INTERVAL = "15s"
_NOT_IN_A_LABEL = re.compile(r"[^a-zA-Z0-9_]")


def monitor_objects(settings: OperatorSettings) -> list[dict[str, Any]]:
    """Returns the monitors of the operator, of model pods of all namespaces and of routers, and the rules."""
    return [
        operator_monitor(settings),
        model_monitor(settings),
        router_monitor(settings),
        *rule_objects(settings),
    ]


def operator_monitor(settings: OperatorSettings) -> dict[str, Any]:
    """Returns the ServiceMonitor: every replica of the operator, by its metrics Service."""
    return {
        "apiVersion": MONITORING,
        "kind": "ServiceMonitor",
        "metadata": {"name": names.OPERATOR_NAME, "namespace": settings.namespace, "labels": COMMON},
        "spec": {
            "selector": {"matchLabels": SELECTOR},
            "endpoints": [
                {
                    "port": "metrics",
                    "path": "/metrics",
                    "scheme": "http",
                    "interval": INTERVAL,
                    # The endpoints' namespaces are in the series; the target's own would win.
                    "honorLabels": True,
                    "relabelings": _cluster(settings),
                }
            ],
        },
    }


def model_monitor(settings: OperatorSettings) -> dict[str, Any]:
    """Returns the PodMonitor: the collector beside each model has the proxy's series and the server's own."""
    return {
        "apiVersion": MONITORING,
        "kind": "PodMonitor",
        "metadata": {"name": "hyperpod-inference-models", "namespace": settings.namespace, "labels": COMMON},
        "spec": {
            "namespaceSelector": {"any": True},
            "selector": {"matchLabels": {names.LABEL_DEPLOYING_SERVICE: names.DEPLOYING_SERVICE}},
            "podMetricsEndpoints": [
                {
                    "port": names.COLLECTOR_PORT_NAME,
                    "path": "/metrics",
                    "interval": INTERVAL,
                    "honorLabels": True,  # the series say themselves whose they are
                }
            ],
        },
    }


def router_monitor(settings: OperatorSettings) -> dict[str, Any]:
    """Returns the PodMonitor of the routers. Their series get the labels of the endpoint they route for.

    They run in the operator's namespace, so the labels are taken from those of the pods.
    """
    owner = {names.LABEL_OWNER_NAMESPACE: "namespace", names.LABEL_OWNER_NAME: "resource_name"}
    relabelings = [
        {
            "sourceLabels": [f"__meta_kubernetes_pod_label_{_NOT_IN_A_LABEL.sub('_', label)}"],
            "targetLabel": target,
        }
        for label, target in owner.items()
    ]
    source = {"targetLabel": "metric_source", "replacement": SOURCE_ROUTER}
    return {
        "apiVersion": MONITORING,
        "kind": "PodMonitor",
        "metadata": {"name": "hyperpod-inference-routers", "namespace": settings.namespace, "labels": COMMON},
        "spec": {
            "selector": {
                "matchLabels": {
                    names.LABEL_DEPLOYING_SERVICE: names.DEPLOYING_SERVICE,
                    names.LABEL_COMPONENT: names.COMPONENT_ROUTER,
                }
            },
            "podMetricsEndpoints": [
                {
                    "port": names.ROUTER_ADMIN_PORT_NAME,
                    "path": "/metrics",
                    "interval": INTERVAL,
                    "relabelings": [*relabelings, source, *_cluster(settings)],
                }
            ],
        },
    }


def _cluster(settings: OperatorSettings) -> list[dict[str, Any]]:
    """Labels of AWS's dashboards that are the same for all of an installation."""
    return [
        {"targetLabel": "cluster_id", "replacement": settings.hyperpod_cluster_arn},
        # Of the ARN the part behind the slash, as the proxies have it.
        {
            "sourceLabels": ["cluster_id"],
            "regex": ".*/(.*)",
            "targetLabel": "cluster_id",
            "replacement": "$1",
        },
        {"targetLabel": "cluster_name", "replacement": settings.eks_cluster_name},
    ]


class MonitorChart(Chart):
    """Monitors and rules; they need the CRDs of the Prometheus operator."""

    def __init__(self, scope: Construct, id: str, settings: OperatorSettings) -> None:
        super().__init__(scope, id)
        add_all(self, monitor_objects(settings))
