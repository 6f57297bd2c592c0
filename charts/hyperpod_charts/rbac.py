"""What the operator may do, as one table, and the roles made of it.

The table is the only place where a permission is written. Each row says what it is for; a row that nothing in
`controllers` uses fails a test, and so does a wildcard. Cluster-wide rows exist because endpoints live in any
namespace; what the operator needs for itself (its leader lease) is granted in its own namespace only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cdk8s import Chart
from constructs import Construct

from hyperpod_charts.labels import COMMON
from hyperpod_charts.manifest import add_all
from hyperpod_inference.api import kinds, names
from hyperpod_inference.api.crd import crd_name
from hyperpod_inference.api.settings import OperatorSettings

RBAC_GROUP = "rbac.authorization.k8s.io"

CORE = ""
FOLLOW = ("list", "watch")
# `get`: nothing of somebody else's is overwritten. Server-side apply needs `create` as well as `patch`.
OWN = (*FOLLOW, "get", "create", "patch", "delete")


@dataclass(frozen=True)
class Permission:
    """One row: these verbs on these resources of one API group, and what they are for.

    `only` narrows the row to objects of these names; `create` cannot be narrowed so, `list` and `watch` only
    for a request that selects one object by its name.
    """

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    why: str
    only: tuple[str, ...] = ()

    def rule(self) -> dict[str, Any]:
        """Returns the row as a PolicyRule."""
        rule: dict[str, Any] = {
            "apiGroups": [self.group],
            "resources": list(self.resources),
            "verbs": list(self.verbs),
        }
        return {**rule, "resourceNames": list(self.only)} if self.only else rule


DEPLOYED = ("inferenceendpointconfigs", "jumpstartmodels")
CONVERTED = tuple(crd_name(kind) for kind in kinds.KINDS if kind.older is not None)
KINDS = (*DEPLOYED, "sagemakerendpointregistrations", "inferencegatewayconfigs")

CLUSTER: tuple[Permission, ...] = (
    Permission(names.GROUP, KINDS, FOLLOW, "follow what users ask for"),
    Permission(names.GROUP, DEPLOYED, ("get",), "ask whether a cached endpoint is the newest"),
    Permission(names.GROUP, DEPLOYED, ("patch",), "set and clear the finalizer"),
    Permission(
        names.GROUP,
        ("inferencegatewayconfigs",),
        ("get", "create", "patch"),
        "add a model to its gateway, and take it out again",
    ),
    Permission(
        names.GROUP,
        ("sagemakerendpointregistrations",),
        ("get", "create", "patch", "delete"),
        "the SageMaker endpoint of each model that names one",
    ),
    Permission(
        names.GROUP,
        tuple(f"{kind}/status" for kind in KINDS),
        ("patch",),
        "report state and conditions, also of the kinds that are not reconciled yet",
    ),
    Permission(
        names.GROUP,
        tuple(f"{kind}/finalizers" for kind in DEPLOYED),
        ("update",),
        "name an endpoint as blocking owner where OwnerReferencesPermissionEnforcement is on",
    ),
    Permission("apps", ("deployments",), OWN, "the model servers"),
    Permission("apps", ("daemonsets",), OWN, "weights and images on the nodes ahead of time"),
    Permission(CORE, ("services",), OWN, "the address of each endpoint"),
    Permission(CORE, ("serviceaccounts",), OWN, "whom a gated model is downloaded as"),
    Permission("policy", ("poddisruptionbudgets",), OWN, "keep a router while nodes are drained"),
    Permission("networking.k8s.io", ("ingresses",), OWN, "the load balancer of each endpoint"),
    Permission("networking.k8s.io", ("ingressclasses",), FOLLOW, "say whether anybody makes load balancers"),
    Permission(CORE, ("persistentvolumes", "persistentvolumeclaims"), OWN, "model files on S3 and FSx"),
    Permission(CORE, ("pods",), FOLLOW, "say why a replica does not run"),
    Permission(
        CORE,
        ("nodes",),
        (*FOLLOW, "patch"),
        "say on which instance type a replica runs; label the nodes that hold a model already",
    ),
    Permission(
        CORE,
        ("events",),
        (*FOLLOW, "get", "create", "patch"),
        "read warnings about model pods; tell the user what happened, and how often",
    ),
    Permission(
        "apiextensions.k8s.io",
        ("customresourcedefinitions",),
        ("get", "patch"),
        "tell the API server whom to trust for conversion",
        only=CONVERTED,
    ),
    Permission(
        "admissionregistration.k8s.io",
        ("validatingwebhookconfigurations",),
        ("get", "patch"),
        "tell the API server whom to trust for validation",
        only=(names.VALIDATING_WEBHOOK,),
    ),
    Permission("autoscaling", ("horizontalpodautoscalers",), FOLLOW, "leave the replicas to their scaler"),
    Permission("keda.sh", ("scaledobjects",), OWN, "add and remove replicas, where KEDA is installed"),
)

OPERATOR_NAMESPACE: tuple[Permission, ...] = (
    Permission("coordination.k8s.io", ("leases",), ("create",), "take the leader lease the first time"),
    Permission(
        "coordination.k8s.io",
        ("leases",),
        ("get", "update"),
        "renew, take over and release the leader lease",
        only=(names.OPERATOR_LEASE,),
    ),
    Permission(CORE, ("secrets",), ("create",), "issue the certificates below the first time"),
    Permission(
        CORE,
        ("secrets",),
        ("list", "watch"),
        "serve the webhook's certificate; the list is narrowed by name too",
        only=(names.WEBHOOK_SECRET,),
    ),
    Permission(
        CORE,
        ("secrets",),
        ("get",),
        "sign the certificates of the endpoints' load balancers",
        only=(names.AUTHORITY_SECRET,),
    ),
    Permission(
        CORE,
        ("secrets",),
        ("update",),
        "renew the webhook's certificate, and the authority of the endpoints'",
        only=(names.WEBHOOK_SECRET, names.AUTHORITY_SECRET),
    ),
)


# One account for the routers of all endpoints, in the operator's namespace. Cluster-wide, because a binding
# for each namespace would need an operator that may bind roles: worth more to an attacker than pod addresses.
ROUTER: tuple[Permission, ...] = (
    Permission("discovery.k8s.io", ("endpointslices",), FOLLOW, "follow the ready replicas of an endpoint"),
)


def rbac(settings: OperatorSettings) -> list[dict[str, Any]]:
    """Returns the roles, then the bindings that give them to the operator's and the routers' accounts."""
    cluster = {"name": names.OPERATOR_NAME, "labels": COMMON}
    local = {**cluster, "namespace": settings.namespace}
    return [
        _role("ClusterRole", cluster, CLUSTER),
        _role("Role", local, OPERATOR_NAMESPACE),
        _binding("ClusterRoleBinding", "ClusterRole", cluster, settings.service_account_name, settings),
        _binding("RoleBinding", "Role", local, settings.service_account_name, settings),
        *_router_account(settings),
    ]


def _router_account(settings: OperatorSettings) -> list[dict[str, Any]]:
    cluster = {"name": names.ROUTER_ROLE, "labels": COMMON}
    metadata = {"name": names.ROUTER_SERVICE_ACCOUNT, "namespace": settings.namespace, "labels": COMMON}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        _role("ClusterRole", cluster, ROUTER),
        _binding("ClusterRoleBinding", "ClusterRole", cluster, names.ROUTER_SERVICE_ACCOUNT, settings),
    ]


def _role(kind: str, metadata: dict[str, Any], table: tuple[Permission, ...]) -> dict[str, Any]:
    return {
        "apiVersion": f"{RBAC_GROUP}/v1",
        "kind": kind,
        "metadata": metadata,
        "rules": [permission.rule() for permission in table],
    }


def _binding(
    kind: str, role_kind: str, metadata: dict[str, Any], account: str, settings: OperatorSettings
) -> dict[str, Any]:
    return {
        "apiVersion": f"{RBAC_GROUP}/v1",
        "kind": kind,
        "metadata": metadata,
        "roleRef": {"apiGroup": RBAC_GROUP, "kind": role_kind, "name": metadata["name"]},
        "subjects": [
            {
                "kind": "ServiceAccount",
                "name": account,
                "namespace": settings.namespace,
            }
        ],
    }


class RbacChart(Chart):
    """The operator's roles and their bindings."""

    def __init__(self, scope: Construct, id: str, settings: OperatorSettings) -> None:
        super().__init__(scope, id)
        add_all(self, rbac(settings))
