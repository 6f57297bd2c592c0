"""The first objects of a local cluster, and the signs that it is ready for others.

Called by `supervisor` once the API server answers.
"""

from collections.abc import Set
from typing import Any

from hyperpod_inference.api.names import S3_CSI_DRIVER
from hyperpod_inference.local.inside.api import LocalApi

_BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"

# A kubelet's rights come from the Node authorizer, a proxy's from a binding that the installer makes. The
# node agent is one process for many nodes, so it gets the two roles that Kubernetes itself defines, by
# plain RBAC.
_AGENT_ROLES = ("system:node", "system:node-proxier")
_AGENT_USER = "hyperpod-local:node-agent"


async def grant_node_agent(api: LocalApi) -> None:
    """Bind the node agent's user to its roles."""
    for role in _AGENT_ROLES:
        await api.create(_BINDINGS, agent_binding(role))


async def register_s3_driver(api: LocalApi) -> None:
    """Say that S3 volumes can be mounted: the node agent does what the driver's DaemonSet does elsewhere."""
    await api.create("/apis/storage.k8s.io/v1/csidrivers", s3_driver())


def s3_driver() -> dict[str, Any]:
    """The CSIDriver of Mountpoint for S3, as its add-on registers it."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "CSIDriver",
        "metadata": {"name": S3_CSI_DRIVER},
        "spec": {"attachRequired": False, "podInfoOnMount": True, "requiresRepublish": True},
    }


def agent_binding(role: str) -> dict[str, Any]:
    """The ClusterRoleBinding that gives the node agent one role."""
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"hyperpod-local:node-agent:{role.removeprefix('system:')}"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": group, "kind": "User", "name": _AGENT_USER}],
    }


async def accepts_pods(api: LocalApi) -> bool:
    """True once namespace `default` has its ServiceAccount: before that, pods are refused at admission."""
    return await api.find("/api/v1/namespaces/default/serviceaccounts/default") is not None


async def nodes_ready(api: LocalApi, names: Set[str]) -> bool:
    """True when the nodes with these names are registered and ready."""
    nodes = (await api.find("/api/v1/nodes") or {}).get("items", [])
    return names <= {node["metadata"]["name"] for node in nodes if _is_ready(node)}


def _is_ready(node: dict[str, Any]) -> bool:
    conditions = node.get("status", {}).get("conditions", [])
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)
