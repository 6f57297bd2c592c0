"""Who may talk to the operator and the strict scheduler, and to whom they talk.

A NetworkPolicy is a promise that the cluster's network has to keep (on EKS: the VPC CNI with
enableNetworkPolicy); elsewhere it changes nothing. Only pods of these charts are selected: those of endpoints
and of other charts in the namespace are left as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdk8s import Chart
from constructs import Construct

from hyperpod_charts import scheduler
from hyperpod_charts.labels import COMMON, SELECTOR
from hyperpod_charts.manifest import add_all
from hyperpod_inference.api import names
from hyperpod_inference.api.settings import OperatorSettings

# 443: the API server's Service, and AWS. 6443: the same API server behind its Service, outside of EKS.
API_PORTS = (443, 6443)
POD_IDENTITY = "169.254.170.23/32"
METADATA = "169.254.169.254/32"


def operator_policy(settings: OperatorSettings) -> dict[str, Any]:
    """Returns the operator's policy: webhook and probes from anywhere, metrics from pods; out to APIs."""
    return _policy(
        settings,
        names.OPERATOR_NAME,
        SELECTOR,
        ingress=[
            # The API server and the kubelet are no pods, so nothing selects them.
            {"ports": [_tcp(settings.webhook_port), _tcp(settings.health_port)]},
            {"from": [{"namespaceSelector": {}}], "ports": [_tcp(settings.metrics_port)]},
        ],
    )


def scheduler_policy(settings: OperatorSettings) -> dict[str, Any]:
    """Returns the strict scheduler's policy: its one port answers probes and metrics."""
    ingress = [{"ports": [_tcp(scheduler.PORT)]}]
    return _policy(settings, scheduler.NAME, scheduler.SELECTOR, ingress=ingress)


def _policy(
    settings: OperatorSettings, name: str, selector: Mapping[str, str], *, ingress: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": settings.namespace, "labels": COMMON},
        "spec": {
            "podSelector": {"matchLabels": dict(selector)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": ingress,
            "egress": _to_apis(),
        },
    }


def _to_apis() -> list[dict[str, Any]]:
    """Names, the API server and AWS, and where a pod on EKS gets its credentials."""
    return [
        {"ports": [{"protocol": "UDP", "port": 53}, _tcp(53)]},
        {"ports": [_tcp(port) for port in API_PORTS]},
        {"to": [{"ipBlock": {"cidr": each}} for each in (POD_IDENTITY, METADATA)], "ports": [_tcp(80)]},
    ]


def _tcp(port: int) -> dict[str, Any]:
    return {"protocol": "TCP", "port": port}


class NetworkChart(Chart):
    """The policies of what this installation runs."""

    def __init__(
        self, scope: Construct, id: str, settings: OperatorSettings, *, with_scheduler: bool = False
    ) -> None:
        super().__init__(scope, id)
        policies = [operator_policy(settings)]
        add_all(self, [*policies, scheduler_policy(settings)] if with_scheduler else policies)
