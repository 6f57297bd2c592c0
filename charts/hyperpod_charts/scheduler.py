"""The strict scheduler: a second kube-scheduler, for which a list of instance types is an order always.

Optional. The default scheduler weighs node affinity against how full a node is and how spread the pods are,
so replicas that fill a node can land on a less preferred type. In this profile node affinity outweighs all
other scores together; they still decide between nodes of one type. An endpoint chooses it with

    spec: {kubernetes: {schedulerName: hyperpod-inference-strict}}

Two schedulers do not see each other's decisions at once: where pods of both compete for the last GPU of a
node, its kubelet turns one away and its Deployment makes a new one. The scheduler's minor version must be
that of the cluster.
"""

from __future__ import annotations

from typing import Any

import yaml
from cdk8s import Chart
from constructs import Construct

from hyperpod_charts.availability import disruption_budget, spread
from hyperpod_charts.labels import COMMON
from hyperpod_charts.manifest import add_all
from hyperpod_charts.rbac import RBAC_GROUP
from hyperpod_inference.api import names
from hyperpod_inference.api.settings import OperatorSettings

NAME = "hyperpod-inference-scheduler"
IMAGE = "registry.k8s.io/kube-scheduler:v1.34.4"
PORT = 10259
CONFIG_MOUNT = "/etc/kubernetes"
CONFIG_FILE = "config.yaml"

# The weights of the other scoring plugins in kube-scheduler's default profile; each scores 0 to 100.
# DynamicResources and VolumeBinding score only behind feature gates, and are counted all the same.
OTHER_WEIGHTS = {
    "TaintToleration": 3,
    "PodTopologySpread": 2,
    "InterPodAffinity": 2,
    "DynamicResources": 2,
    "NodeResourcesFit": 1,
    "NodeResourcesBalancedAllocation": 1,
    "VolumeBinding": 1,
    "ImageLocality": 1,
}
HIGHEST_SCORE = 100
# One point of node affinity counts for more than all that the others can give together.
NODE_AFFINITY_WEIGHT = HIGHEST_SCORE * sum(OTHER_WEIGHTS.values()) + 1

SELECTOR = {
    names.LABEL_COMPONENT: "scheduler",
    names.LABEL_NAME: "hyperpod-inference",
}
LABELS = {**COMMON, **SELECTOR}


def scheduler_objects(settings: OperatorSettings, image: str = IMAGE) -> list[dict[str, Any]]:
    """Returns the scheduler's objects in apply order.

    image: a kube-scheduler of the cluster's own minor version.
    """
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata(settings)},
        *_roles(settings),
        _config_map(settings),
        _deployment(settings, image),
        disruption_budget(_metadata(settings), SELECTOR),
    ]


def configuration(settings: OperatorSettings) -> dict[str, Any]:
    """Returns the KubeSchedulerConfiguration: the default profile but for its name and one weight."""
    affinity = {"name": "NodeAffinity"}
    return {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "leaderElection": {
            "leaderElect": True,
            "resourceName": NAME,
            "resourceNamespace": settings.namespace,
        },
        # By default only some of the nodes of a large cluster are scored: the preferred one may not be among
        # them.
        "percentageOfNodesToScore": 100,
        "profiles": [
            {
                "schedulerName": names.STRICT_SCHEDULER,
                "plugins": {
                    "score": {
                        "disabled": [affinity],
                        "enabled": [affinity | {"weight": NODE_AFFINITY_WEIGHT}],
                    }
                },
            }
        ],
    }


def _config_map(settings: OperatorSettings) -> dict[str, Any]:
    text = yaml.safe_dump(configuration(settings), sort_keys=False)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(settings),
        "data": {CONFIG_FILE: text},
    }


def _roles(settings: OperatorSettings) -> list[dict[str, Any]]:
    """Returns the bindings of Kubernetes' own roles of a scheduler, and a role for this one's lease."""
    leases = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"]}
    role = {
        "apiVersion": f"{RBAC_GROUP}/v1",
        "kind": "Role",
        "metadata": _metadata(settings),
        "rules": [leases | {"verbs": ["get", "update"], "resourceNames": [NAME]}],
    }
    return [
        role,
        _binding(settings, "RoleBinding", "Role", NAME, namespace=settings.namespace),
        _binding(
            settings,
            "RoleBinding",
            "Role",
            "extension-apiserver-authentication-reader",
            namespace="kube-system",
        ),
        _binding(settings, "ClusterRoleBinding", "ClusterRole", "system:kube-scheduler"),
        _binding(settings, "ClusterRoleBinding", "ClusterRole", "system:volume-scheduler"),
    ]


def _binding(
    settings: OperatorSettings, kind: str, role_kind: str, role: str, namespace: str | None = None
) -> dict[str, Any]:
    # A binding cannot change its role, so each role has a binding of its own.
    name = NAME if role == NAME else f"{NAME}-{role.removeprefix('system:')}"
    place = {"namespace": namespace} if namespace else {}
    return {
        "apiVersion": f"{RBAC_GROUP}/v1",
        "kind": kind,
        "metadata": {"name": name, **place, "labels": LABELS},
        "roleRef": {"apiGroup": RBAC_GROUP, "kind": role_kind, "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": settings.namespace}],
    }


def _deployment(settings: OperatorSettings, image: str) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(settings),
        "spec": {
            "replicas": 2,  # one holds the lease and schedules, the other stands by
            "revisionHistoryLimit": 3,
            "selector": {"matchLabels": SELECTOR},
            "template": {
                "metadata": {"labels": LABELS},
                "spec": _pod(image),
            },
        },
    }


def _pod(image: str) -> dict[str, Any]:
    return {
        "serviceAccountName": NAME,
        "priorityClassName": "system-cluster-critical",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": spread(SELECTOR),
        "containers": [_container(image)],
        "volumes": [{"name": "config", "configMap": {"name": NAME}}],
    }


def _container(image: str) -> dict[str, Any]:
    probe = {"port": "https", "scheme": "HTTPS"}
    return {
        "name": "kube-scheduler",
        "image": image,
        "command": ["kube-scheduler", f"--config={CONFIG_MOUNT}/{CONFIG_FILE}", f"--secure-port={PORT}"],
        "ports": [{"name": "https", "containerPort": PORT, "protocol": "TCP"}],
        "livenessProbe": {"httpGet": {"path": "/livez", **probe}, "periodSeconds": 10, "failureThreshold": 3},
        "readinessProbe": {"httpGet": {"path": "/readyz", **probe}, "periodSeconds": 5},
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": "config", "mountPath": CONFIG_MOUNT, "readOnly": True}],
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _metadata(settings: OperatorSettings) -> dict[str, Any]:
    return {"name": NAME, "namespace": settings.namespace, "labels": LABELS}


class SchedulerChart(Chart):
    """Everything that makes the strict scheduler run."""

    def __init__(self, scope: Construct, id: str, settings: OperatorSettings, *, image: str = IMAGE) -> None:
        super().__init__(scope, id)
        add_all(self, scheduler_objects(settings, image))
