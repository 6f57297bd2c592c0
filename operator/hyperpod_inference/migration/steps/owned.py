"""Which objects an add-on holds: EKS applies them with server-side apply, under its own field manager."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.kube.resources import (
    CONFIG_MAPS,
    CRDS,
    DAEMON_SETS,
    DEPLOYMENTS,
    MUTATING_WEBHOOK_CONFIGURATIONS,
    POD_DISRUPTION_BUDGETS,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    VALIDATING_WEBHOOK_CONFIGURATIONS,
    Body,
    Resource,
)

EKS_MANAGER = "eks"


def _rbac(plural: str, kind: str, *, namespaced: bool) -> Resource:
    return Resource("rbac.authorization.k8s.io", "v1", plural, kind, namespaced)


NAMESPACED = (
    DEPLOYMENTS,
    DAEMON_SETS,
    SERVICES,
    SERVICE_ACCOUNTS,
    CONFIG_MAPS,
    SECRETS,
    _rbac("roles", "Role", namespaced=True),
    _rbac("rolebindings", "RoleBinding", namespaced=True),
    POD_DISRUPTION_BUDGETS,
    Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy"),
)
CLUSTER_WIDE = (
    VALIDATING_WEBHOOK_CONFIGURATIONS,
    MUTATING_WEBHOOK_CONFIGURATIONS,
    _rbac("clusterroles", "ClusterRole", namespaced=False),
    _rbac("clusterrolebindings", "ClusterRoleBinding", namespaced=False),
)
"""What goes when an add-on goes; never CRDs and namespaces, with which everything in them would go."""


def held_by_eks(obj: Mapping[str, Any]) -> bool:
    """Whether EKS applied the object as part of an add-on."""
    entries = obj["metadata"].get("managedFields") or ()
    return any(entry.get("manager") == EKS_MANAGER and entry.get("operation") == "Apply" for entry in entries)


async def held(client: Client, namespace: str) -> list[Body]:
    """What EKS holds in the namespace, and cluster-wide for it; never CRDs and namespaces."""
    inside, outside = [
        [
            obj
            for resource in resources
            for obj in (await client.list(resource, where)).items
            if held_by_eks(obj)
        ]
        for resources, where in ((NAMESPACED, namespace), (CLUSTER_WIDE, None))
    ]
    return [*inside, *outside_of(namespace, inside, outside)]


def outside_of(namespace: str, inside: Iterable[Body], outside: Iterable[Body]) -> list[Body]:
    """Which cluster-wide objects serve a namespace; EKS may hold others, of add-ons that live elsewhere.

    Bindings and webhooks name the namespace, bindings name roles; roles that add to others (`view`, `edit`)
    are known by the installation that they are labelled with.
    """
    inside, outside = [*inside], [*outside]
    bindings = [obj for obj in outside if _binds(obj, namespace)]
    roles = {each["roleRef"]["name"] for each in (*inside, *bindings) if _of_cluster_role(each)}
    installations = {_installation(obj) for obj in inside} - {None}
    return [
        obj
        for obj in outside
        if obj in bindings
        or _calls(obj, namespace)
        or (
            obj["kind"] == "ClusterRole"
            and (obj["metadata"]["name"] in roles or _installation(obj) in installations)
        )
    ]


def _binds(obj: Body, namespace: str) -> bool:
    return any(each.get("namespace") == namespace for each in obj.get("subjects") or ())


def _calls(obj: Body, namespace: str) -> bool:
    services = (each["clientConfig"].get("service") or {} for each in obj.get("webhooks") or ())
    return any(service.get("namespace") == namespace for service in services)


def _of_cluster_role(obj: Body) -> bool:
    return bool((obj.get("roleRef") or {}).get("kind") == "ClusterRole")


def _installation(obj: Body) -> str | None:
    found: str | None = (obj["metadata"].get("labels") or {}).get("app.kubernetes.io/instance")
    return found


def identity(obj: Mapping[str, Any]) -> str:
    """KIND NAMESPACE/NAME."""
    metadata = obj["metadata"]
    return f"{obj['kind']} {metadata.get('namespace') or '-'}/{metadata['name']}"


async def definitions(client: Client, group: str) -> dict[str, Any]:
    """What each CRD of the group says of its versions, and of whose webhook converts them, by name."""
    crds = (await client.list(CRDS)).items
    return {
        crd["metadata"]["name"]: {key: crd["spec"].get(key) for key in ("versions", "conversion")}
        for crd in _of(crds, group)
    }


async def remove(client: Client, resource: Resource, obj: Mapping[str, Any]) -> None:
    """Delete an object if it still is the one that was seen; gone already is fine."""
    metadata = obj["metadata"]
    with contextlib.suppress(NotFound):
        await client.delete(resource, metadata["name"], metadata.get("namespace"), uid=metadata["uid"])


def _of(crds: list[Body], group: str) -> Iterator[Body]:
    return (crd for crd in crds if crd["spec"]["group"] == group)
