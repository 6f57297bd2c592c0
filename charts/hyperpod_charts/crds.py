"""The CustomResourceDefinitions, as the `api` models describe them.

Nothing is written here by hand: a new field of a model is a new field of the CRD. Each definition stays well
below the 262,144 bytes that client-side `kubectl apply` can record; `kubectl apply --server-side` has no such
limit.
"""

from __future__ import annotations

from typing import Any

from cdk8s import Chart
from constructs import Construct

from hyperpod_charts.manifest import add_all
from hyperpod_charts.webhook import injected
from hyperpod_inference.api.crd import crds
from hyperpod_inference.api.settings import OperatorSettings


def definitions(settings: OperatorSettings, *, cert_manager: bool = False) -> list[dict[str, Any]]:
    """Returns the definitions of all kinds.

    cert_manager: whether cert-manager writes whom to trust for conversion, instead of the operator.
    """
    found = crds(settings.namespace)
    for definition in found:
        if cert_manager and "conversion" in definition["spec"]:
            definition["metadata"]["annotations"] = injected(settings)
    return found


class CrdChart(Chart):
    """Every custom resource of the group; to be Established before any of its objects is applied."""

    def __init__(
        self, scope: Construct, id: str, settings: OperatorSettings, *, cert_manager: bool = False
    ) -> None:
        super().__init__(scope, id)
        add_all(self, definitions(settings, cert_manager=cert_manager))
