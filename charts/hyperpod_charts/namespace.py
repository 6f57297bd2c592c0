"""The namespace of the operator and, later, of the routers.

Pod security: every pod that this project puts here meets `restricted`, and a warning says so when another
does not. `baseline` is what is enforced, because the add-on layout also places a load balancer controller and
KEDA in this namespace, whose charts do not all set a seccomp profile.
"""

from __future__ import annotations

from typing import Any

from cdk8s import Chart
from constructs import Construct

from hyperpod_charts.labels import COMMON
from hyperpod_charts.manifest import add_all
from hyperpod_inference.api.settings import OperatorSettings

POD_SECURITY = {
    "pod-security.kubernetes.io/audit": "restricted",
    "pod-security.kubernetes.io/enforce": "baseline",
    "pod-security.kubernetes.io/warn": "restricted",
}


def namespace(settings: OperatorSettings) -> dict[str, Any]:
    """Returns the Namespace object."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": settings.namespace, "labels": {**COMMON, **POD_SECURITY}},
    }


class NamespaceChart(Chart):
    """The operator's namespace, before anything that lives in it."""

    def __init__(self, scope: Construct, id: str, settings: OperatorSettings) -> None:
        super().__init__(scope, id)
        add_all(self, [namespace(settings)])
