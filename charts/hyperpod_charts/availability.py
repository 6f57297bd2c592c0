"""What keeps replicas apart and at work while nodes come and go; the same for every Deployment here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def spread(selector: Mapping[str, str]) -> list[dict[str, Any]]:
    """Returns topology spread constraints: over zones, then over nodes, where there is a choice."""
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": dict(selector)},
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]


def disruption_budget(metadata: Mapping[str, Any], selector: Mapping[str, str]) -> dict[str, Any]:
    """Returns the PodDisruptionBudget: one pod at a time; a lone replica may leave, so no drain hangs."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": dict(metadata),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": dict(selector)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
