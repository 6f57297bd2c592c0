"""cert-manager: its controllers for Certificates of self-signed and CA Issuers, and its CA injector.

cert-manager publishes its programs as images, which local nodes cannot run; the controllers are public
packages, and `programs/certmanager/main.go` starts them. Its webhook is left out: it checks cert-manager's
own resources only.
"""

from pathlib import Path
from typing import Any

from hyperpod_inference.local import programs
from hyperpod_inference.local.extras.extra import Body, Extra
from hyperpod_inference.local.programs.goprogram import GoProgram

NAME = NAMESPACE = "cert-manager"
VERSION = "v1.19.1"
IMAGE = f"hyperpod-local/cert-manager:{VERSION}"
_IDENTITY = {"name": NAME, "namespace": NAMESPACE}


def objects() -> list[Body]:
    """The namespace, an account that may do everything, and the Deployment."""
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _IDENTITY},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": NAME},
            # Its own roles are templates of its Helm chart; whose cluster this is trusts it anyway.
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "cluster-admin",
            },
            "subjects": [{"kind": "ServiceAccount", **_IDENTITY}],
        },
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": _IDENTITY, "spec": _deployment()},
    ]


def _deployment() -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": NAME}
    container = {
        "name": NAME,
        "image": IMAGE,
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True},
    }
    return {
        "replicas": 1,
        "minReadySeconds": 5,  # it has no probe: what ends at once never counts as available
        "selector": {"matchLabels": labels},
        "strategy": {"type": "Recreate"},  # it elects no leader
        "template": {
            "metadata": {"labels": labels},
            "spec": {"serviceAccountName": NAME, "containers": [container]},
        },
    }


CERT_MANAGER = Extra(
    name=NAME,
    about="cert-manager: issues the webhook's certificate and injects its authority",
    programs={
        IMAGE: GoProgram(
            name="cert-manager",
            binary="cert-manager",
            version=VERSION,
            source=Path(programs.__file__).parent / "certmanager",
            packages=1200,
            compiling=500,
            linking=15,
            memory=2**30,
            disk=3 * 2**30,
        )
    },
    module="github.com/cert-manager/cert-manager",
    definitions="deploy/crds/cert-manager.io_*.yaml",
    objects=objects,
    deployments=((NAMESPACE, NAME),),
    choices={"cert_manager": True},
)
