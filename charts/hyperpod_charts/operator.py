"""The operator's own objects: ServiceAccount, Deployment, metrics Service, PodDisruptionBudget.

Ports, names and environment come from `hyperpod_inference.api`, which the operator's process reads as well,
so the two cannot drift apart. Resources, labels and the amd64 Linux affinity are those of AWS's own operator.
"""

from __future__ import annotations

from typing import Any

from cdk8s import Chart
from constructs import Construct

from hyperpod_charts.availability import disruption_budget, spread
from hyperpod_charts.labels import COMMON, POD, SELECTOR
from hyperpod_charts.manifest import add_all
from hyperpod_inference.api import names
from hyperpod_inference.api.settings import OperatorSettings

# AWS's own sizes. The limit is a promise too: 500 endpoints and 2,000 pods have to fit in it.
RESOURCES = {
    "limits": {"cpu": "500m", "memory": "256Mi"},
    "requests": {"cpu": "10m", "memory": "64Mi"},
}
# Variables known only once the pod runs; the operator's settings must not also name one.
FIELDS = {"POD_NAME": "metadata.name", "POD_IP": "status.podIP", "NODE_NAME": "spec.nodeName"}
ROLE_ANNOTATION = "eks.amazonaws.com/role-arn"


def operator_objects(
    settings: OperatorSettings, replicas: int = 1, image: str = names.OPERATOR_IMAGE
) -> list[dict[str, Any]]:
    """Returns the operator's objects in apply order.

    replicas: 1 or more. One holds the leader lease and works; the others stand by.
    """
    if replicas < 1:
        raise ValueError(f"replicas is {replicas}; the operator needs at least 1")
    return [
        service_account(settings),
        metrics_service(settings),
        deployment(settings, replicas, image),
        disruption_budget(_metadata(settings), SELECTOR),
    ]


def service_account(settings: OperatorSettings) -> dict[str, Any]:
    """Returns the ServiceAccount. With an execution role, its pods get that role's credentials (IRSA)."""
    metadata = _metadata(settings, settings.service_account_name)
    if settings.execution_role_arn:
        metadata["annotations"] = {ROLE_ANNOTATION: settings.execution_role_arn}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


def metrics_service(settings: OperatorSettings) -> dict[str, Any]:
    """Returns the Service that monitors scrape; the webhook has one of its own."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(settings, f"{names.OPERATOR_NAME}-metrics-service"),
        "spec": {
            "type": "ClusterIP",
            "selector": SELECTOR,
            "ports": [
                {"name": "metrics", "port": settings.metrics_port, "protocol": "TCP", "targetPort": "metrics"}
            ],
        },
    }


def deployment(settings: OperatorSettings, replicas: int, image: str) -> dict[str, Any]:
    """Returns the Deployment. A new pod is up and standing by before the old one gives the lease away."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(settings),
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": 3,
            "selector": {"matchLabels": SELECTOR},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": POD}, "spec": _pod(settings, image)},
        },
    }


def _pod(settings: OperatorSettings, image: str) -> dict[str, Any]:
    return {
        "serviceAccountName": settings.service_account_name,
        # Ahead of model pods when a node runs short: without the operator no endpoint heals.
        "priorityClassName": "system-cluster-critical",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "affinity": {"nodeAffinity": _amd64_linux()},
        "topologySpreadConstraints": spread(SELECTOR),
        # Exactly one: `hyp get-operator-logs` names no container.
        "containers": [_container(settings, image)],
    }


def _container(settings: OperatorSettings, image: str) -> dict[str, Any]:
    return {
        "name": names.OPERATOR_CONTAINER,
        "image": image,
        "args": ["operator", "--leader-elect", "--bind-address=$(POD_IP)"],
        "env": _environment(settings),
        "ports": [
            {"name": "metrics", "containerPort": settings.metrics_port, "protocol": "TCP"},
            {"name": "health", "containerPort": settings.health_port, "protocol": "TCP"},
            {"name": "webhook", "containerPort": settings.webhook_port, "protocol": "TCP"},
        ],
        # About a minute to start; after that a process that does not answer for 30 s is replaced.
        "startupProbe": {**_probe("/healthz", period=2, failures=30), "initialDelaySeconds": 2},
        "livenessProbe": _probe("/healthz", period=10, failures=3),
        "readinessProbe": _probe("/readyz", period=5, failures=3),
        "resources": RESOURCES,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        # A crash leaves its last lines in the pod's status, where `kubectl describe` shows them.
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _environment(settings: OperatorSettings) -> list[dict[str, Any]]:
    """Returns the pod's own fields first: a `$(POD_IP)` in args or in a later value is expanded from them."""
    fields = [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in FIELDS.items()]
    fixed = {name: value for name, value in settings.to_env().items() if name not in FIELDS}
    return [*fields, *({"name": name, "value": value} for name, value in sorted(fixed.items()))]


def _probe(path: str, *, period: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": "health"},
        "periodSeconds": period,
        "failureThreshold": failures,
    }


def _amd64_linux() -> dict[str, Any]:
    wanted = {"kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux"}
    terms = [{"key": key, "operator": "In", "values": [value]} for key, value in wanted.items()]
    return {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": terms}]}
    }


def _metadata(settings: OperatorSettings, name: str = names.OPERATOR_NAME) -> dict[str, Any]:
    return {"name": name, "namespace": settings.namespace, "labels": COMMON}


class OperatorChart(Chart):
    """Everything that makes the operator run, given its roles."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        settings: OperatorSettings,
        *,
        replicas: int = 1,
        image: str = names.OPERATOR_IMAGE,
    ) -> None:
        super().__init__(scope, id)
        add_all(self, operator_objects(settings, replicas, image))
