"""Who an object is and whom it belongs to: names, labels, owners, stable hashes.

Every other module of `render` takes the names of its objects from here or from `api.names`, so that a child
can be found again by name (clients), by label (list, prune) and by owner (garbage collection).
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig

Manifest = dict[str, Any]

LABEL_VALUE_LIMIT = 63
OBJECT_NAME_LIMIT = 253
# Task governance reads these off the workload, users write them on the resource.
CARRIED_LABELS = (names.LABEL_QUEUE, names.LABEL_QUEUE_PRIORITY)


def selector(endpoint: InferenceEndpointConfig) -> dict[str, str]:
    """What finds the model pods. Immutable on a Deployment, so it holds nothing that could ever change."""
    return {
        names.LABEL_APP: endpoint.metadata.name,
        names.LABEL_DEPLOYING_SERVICE: names.DEPLOYING_SERVICE,
    }


def carried_labels(endpoint: InferenceEndpointConfig) -> dict[str, str]:
    """Labels of the resource that its workload and pods must carry as well."""
    given = endpoint.metadata.labels or {}
    return {key: given[key] for key in CARRIED_LABELS if key in given}


def labels(endpoint: InferenceEndpointConfig) -> dict[str, str]:
    """Labels of every object made for the endpoint: how to list them, and whom they belong to.

    The owner is a label as well as an ownerReference because a cluster-scoped object and an object in
    another namespace cannot name a namespaced owner: the garbage collector would delete them.
    """
    return {
        **selector(endpoint),
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_OWNER_KIND: endpoint.kind,
        names.LABEL_OWNER_NAME: bounded(endpoint.metadata.name, LABEL_VALUE_LIMIT),
        names.LABEL_OWNER_NAMESPACE: endpoint.metadata.namespace,
    }


def owner_references(endpoint: InferenceEndpointConfig) -> list[Manifest]:
    """The ownerReferences of a child in the endpoint's namespace; none without a uid (offline)."""
    if not endpoint.metadata.uid:
        return []
    return [
        {
            "apiVersion": names.API_VERSION,
            "kind": endpoint.kind,
            "name": endpoint.metadata.name,
            "uid": endpoint.metadata.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]


def namespaced(endpoint: InferenceEndpointConfig, name: str) -> Manifest:
    """The metadata of a child in the endpoint's own namespace."""
    owners = owner_references(endpoint)
    made = {"name": name, "namespace": endpoint.metadata.namespace, "labels": labels(endpoint)}
    return made | {"ownerReferences": owners} if owners else made


def of_router(endpoint: InferenceEndpointConfig, name: str, namespace: str) -> Manifest:
    """The metadata of a child in the operator's namespace: found by labels, removed by the finalizer."""
    component = {names.LABEL_COMPONENT: names.COMPONENT_ROUTER}
    return {"name": name, "namespace": namespace, "labels": labels(endpoint) | component}


def cluster_scoped(endpoint: InferenceEndpointConfig, name: str) -> Manifest:
    """The metadata of a child without a namespace: found by labels, removed by the finalizer."""
    return {"name": name, "labels": labels(endpoint)}


def digest(*values: object, length: int = 8) -> str:
    """A short hex digest of JSON values that depends on nothing but them (not on the order of keys)."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def bounded(name: str, limit: int, suffix: str = "") -> str:
    """`name` + `suffix` within `limit` characters; a name that is cut gets a digest, so it stays unique."""
    if len(name) + len(suffix) <= limit:
        return name + suffix
    mark = f"-{digest(name)}{suffix}"
    return name[: limit - len(mark)].rstrip("-.") + mark


def without_empty(values: Mapping[str, Any]) -> Manifest:
    """The entries that say something: without None and what is empty; 0 and False stay."""
    return {
        key: value for key, value in values.items() if value is not None and value not in ([], {}, "", ())
    }
