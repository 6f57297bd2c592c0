"""The downward API: fields and resources of a pod as text, for variables and for files. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from hyperpod_inference.local.agent import quantity

Body = Mapping[str, Any]

_KEYED = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")


def field(pod: Body, path: str, pod_ip: str, host_ip: str) -> str:
    """The value at a fieldPath; raises ValueError for one that the downward API does not offer."""
    metadata, spec = pod["metadata"], pod["spec"]
    if keyed := _KEYED.fullmatch(path):
        return str((metadata.get(keyed[1]) or {}).get(keyed[2], ""))
    simple = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", "default"),
        "status.podIP": pod_ip,
        "status.podIPs": pod_ip,
        "status.hostIP": host_ip,
        "status.hostIPs": host_ip,
    }
    if path in simple:
        return str(simple[path])
    if path in ("metadata.labels", "metadata.annotations"):
        pairs = metadata.get(path.removeprefix("metadata.")) or {}
        return "\n".join(f"{key}={_quoted(value)}" for key, value in sorted(pairs.items()))
    raise ValueError(
        f"unsupported fieldPath: {path}; known: {', '.join(sorted(simple))}, metadata.labels['KEY']"
    )


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def resource(pod: Body, container: Body, reference: Body, allocatable: Mapping[str, str]) -> str:
    """requests.X or limits.X in units of the divisor, rounded up; an unset limit is what the node offers."""
    wanted = reference.get("containerName")
    if wanted:
        everyone = [*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]]
        container = next(each for each in everyone if each["name"] == wanted)
    scope, _, name = str(reference["resource"]).partition(".")
    resources = container.get("resources") or {}
    value = (resources.get(scope) or {}).get(name)
    if value is None:
        value = allocatable.get(name, "0") if scope == "limits" else "0"
    divisor = quantity.parse(reference.get("divisor") or "0") or quantity.parse("1")
    return str(quantity.in_units(quantity.parse(value), divisor))
