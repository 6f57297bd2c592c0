"""The one door through which plain Kubernetes objects enter a chart.

Every chart here builds its objects as dictionaries (pure functions, easy to test) and hands them over in
this module. cdk8s's Python `ApiObject` accepts only `apiVersion`, `kind` and `metadata`; everything else has
to follow as JSON patches, which is what `manifest` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cdk8s import ApiObject, ApiObjectMetadata, JsonPatch
from constructs import Construct

_IDENTITY = ("apiVersion", "kind", "metadata")
_METADATA = frozenset({"name", "namespace", "labels", "annotations"})


def manifest(scope: Construct, id: str, body: Mapping[str, Any]) -> ApiObject:
    """Adds one Kubernetes object to a chart, unchanged and in its own key order.

    Args:
        scope: the chart, or a construct inside it.
        id: unique among the scope's children.
        body: the whole object. Its metadata may hold name (required), namespace, labels and annotations.

    Raises:
        ValueError: the body lacks apiVersion, kind or metadata.name, or has other metadata.
    """
    _check(id, body)
    metadata = body["metadata"]
    made = ApiObject(
        scope,
        id,
        api_version=body["apiVersion"],
        kind=body["kind"],
        metadata=ApiObjectMetadata(
            name=metadata["name"],
            namespace=metadata.get("namespace"),
            labels=metadata.get("labels"),
            annotations=metadata.get("annotations"),
        ),
    )
    patches = [JsonPatch.add(f"/{key}", value) for key, value in body.items() if key not in _IDENTITY]
    made.add_json_patch(*patches)
    return made


def add_all(scope: Construct, bodies: Iterable[Mapping[str, Any]]) -> None:
    """Adds the objects in the order given, each under the id `<Kind>-<name>`."""
    for body in bodies:
        manifest(scope, f"{body.get('kind')}-{body.get('metadata', {}).get('name')}", body)


def _check(id: str, body: Mapping[str, Any]) -> None:
    missing = [key for key in _IDENTITY if not body.get(key)]
    if missing:
        raise ValueError(f"{id}: a manifest needs {', '.join(_IDENTITY)}; missing: {', '.join(missing)}")
    metadata = body["metadata"]
    if "name" not in metadata:
        raise ValueError(f"{id}: metadata.name is missing; a chart generates no names, so give it one")
    unknown = sorted(set(metadata) - _METADATA)
    if unknown:
        raise ValueError(
            f"{id}: metadata holds {', '.join(unknown)}; a chart sets {', '.join(sorted(_METADATA))} only"
        )
