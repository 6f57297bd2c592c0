"""Load balancers for endpoints, and the AWS account that goes with them: `local.alb` as a pod.

The operator then has an account: it issues certificates, publishes them, and registers endpoints.
"""

from typing import Any

from hyperpod_inference.api.names import INGRESS_CLASS
from hyperpod_inference.local.alb import identities, names
from hyperpod_inference.local.aws.environment import environment, keyless
from hyperpod_inference.local.extras.extra import Body, Extra

IMAGE = "hyperpod-local/alb:1"
_IDENTITY = {"name": names.NAME, "namespace": names.NAMESPACE}
_LABELS = {"app.kubernetes.io/name": names.NAME}
_RULES = (
    ("networking.k8s.io", ["ingresses"], ["get", "list", "watch"]),
    ("networking.k8s.io", ["ingresses/status"], ["patch"]),
    ("discovery.k8s.io", ["endpointslices"], ["get", "list", "watch"]),
    ("", ["services"], ["get", "list", "watch"]),
    ("", ["events"], ["create", "get", "patch"]),
    ("", ["pods"], ["create"]),  # as a dry run only: whether the webhook is asked
    ("admissionregistration.k8s.io", ["mutatingwebhookconfigurations"], ["patch"]),
)
# The pod's own; clients know those of its Service.
_PORTS = {
    "balancers": (names.BALANCER_PORT, 8443),
    "aws": (names.AWS_PORT, names.AWS_PORT),
    "identities": (names.IDENTITIES_PORT, names.IDENTITIES_PORT),
}


def objects() -> list[Body]:
    """The class of Ingresses, an account with its role, and what it runs as and is reached by."""
    rbac = "rbac.authorization.k8s.io"
    role = {"apiGroup": rbac, "kind": "ClusterRole", "name": names.NAME}
    return [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IngressClass",
            "metadata": {"name": INGRESS_CLASS},
            "spec": {"controller": "ingress.k8s.aws/alb"},
        },
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _IDENTITY},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": names.NAME},
            "rules": [
                {"apiGroups": [group], "resources": resources, "verbs": verbs}
                for group, resources, verbs in _RULES
            ],
        },
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": names.NAME},
            "roleRef": role,
            "subjects": [{"kind": "ServiceAccount", **_IDENTITY}],
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": _IDENTITY,
            "spec": {
                "clusterIP": names.ADDRESS,
                "selector": _LABELS,
                "publishNotReadyAddresses": True,  # it is ready once the API server has asked its webhook
                "ports": [
                    {"name": name, "port": port, "targetPort": name} for name, (port, _) in _PORTS.items()
                ],
            },
        },
        _webhook(),
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": _IDENTITY, "spec": _deployment()},
    ]


def _webhook() -> Body:
    """Whom the API server trusts there, the pod adds when it runs."""
    service = {**_IDENTITY, "port": names.IDENTITIES_PORT, "path": identities.PATH}
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": identities.WEBHOOK},
        "webhooks": [
            {
                "name": "pod-identity.amazonaws.com",
                "clientConfig": {"service": service},
                "rules": [{**pods, "operations": ["CREATE"]}],
                "failurePolicy": "Ignore",
                "sideEffects": "None",
                "timeoutSeconds": 5,
                "admissionReviewVersions": ["v1"],
            }
        ],
    }


def _deployment() -> dict[str, Any]:
    container = {
        "name": names.NAME,
        "image": IMAGE,
        "args": [f"--port={_PORTS['balancers'][1]}", f"--aws-port={_PORTS['aws'][1]}"],
        # Its own role: nobody could tell this pod, who tells the others.
        "env": [
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            *identities.environment(),
        ],
        "volumeMounts": [identities.mount()],
        "ports": [{"name": name, "containerPort": port} for name, (_, port) in _PORTS.items()],
        # AWS answers before the account is furnished; the load balancers' port opens after that.
        "readinessProbe": {"tcpSocket": {"port": "balancers"}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "50m", "memory": "192Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False},
    }
    return {
        "replicas": 1,
        "selector": {"matchLabels": _LABELS},
        "strategy": {"type": "Recreate"},  # two would be two AWS accounts
        "template": {
            "metadata": {"labels": _LABELS},
            "spec": {
                "serviceAccountName": names.NAME,
                "containers": [container],
                "volumes": [identities.volume()],
            },
        },
    }


ALB = Extra(
    name="alb",
    about="load balancers: an ALB for each Ingress of class alb, and AWS on loopback for the operator",
    objects=objects,
    deployments=((names.NAMESPACE, names.NAME),),
    settings={"endpoint_image": names.ENDPOINT_IMAGE},
    # No keys: its role is that of its service account.
    environment=keyless(environment(f"http://{names.ADDRESS}:{names.AWS_PORT}")),
)
