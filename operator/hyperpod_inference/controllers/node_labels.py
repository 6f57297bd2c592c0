"""Labels of nodes that are warm: one reconcile for each node, from the pods that keep it warm.

A pod of an endpoint's node cache carries the labels that it stands for. A node has those of its ready pods
and no other of their kind: one that is replaced, or whose pods are gone, loses them.
"""

from dataclasses import dataclass
from typing import Any

from hyperpod_inference.api import conditions, names
from hyperpod_inference.controllers.caches import NODE, WARMTH, Caches, node_of
from hyperpod_inference.controllers.controller import Result
from hyperpod_inference.kube.client import MERGE_PATCH, Client
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.kube.resources import NODES, Body
from hyperpod_inference.kube.store import Key


def nodes_of(pod: Body) -> list[Key]:
    """Mapper: the node that a pod keeps warm."""
    return [("", node) for node in node_of(pod)]


def change(node: Body, pods: list[Body]) -> dict[str, Any]:
    """The labels to set, and with None those to remove; `pods` are those that keep the node warm."""
    wanted = {label for pod in pods if _is_ready(pod) for label in _labels(pod)}
    held = {label for label in node["metadata"].get("labels") or {} if label.startswith(WARMTH)}
    return dict.fromkeys(sorted(wanted - held), "true") | dict.fromkeys(sorted(held - wanted))


@dataclass(frozen=True, kw_only=True)
class NodeLabeller:
    """Makes the labels of one node say what it holds."""

    client: Client
    caches: Caches

    async def __call__(self, key: Key) -> Result:
        """Reconcile one node.

        Raises:
            ApiError: the node could not be written.
        """
        _, name = key
        node = self.caches.nodes.get("", name)
        wanted = change(node, self.caches.pods.by_index(NODE, name)) if node is not None else {}
        if wanted:
            try:
                await self.client.patch(NODES, name, None, {"metadata": {"labels": wanted}}, MERGE_PATCH)
            except NotFound:  # gone since; its labels went with it
                return Result()
        return Result()


def _labels(pod: Body) -> list[str]:
    given = (pod["metadata"].get("annotations") or {}).get(names.ANNOTATION_NODE_LABELS, "")
    return [label for label in given.split(",") if label.startswith(WARMTH)]


def _is_ready(pod: Body) -> bool:
    leaving = bool(pod["metadata"].get("deletionTimestamp"))
    return not leaving and conditions.is_true(pod.get("status", {}).get("conditions") or (), "Ready")
