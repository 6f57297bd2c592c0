"""What goes when, of the objects of an endpoint: pure decisions, for `endpoint`.

What leads to the pods goes first, then the pods, then what they read: so a load balancer stops sending before
a server stops answering, and no volume is taken from under a pod.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.kube.apply import identity_of
from hyperpod_inference.kube.resources import PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, Body

PATIENCE = timedelta(minutes=2)
"""How long a deletion waits for other people's finalizers before it goes on without them."""
_ROUTING = (names.KIND_REGISTRATION, "Ingress", "Service")
_WORKLOAD = ("ScaledObject", "Deployment", "DaemonSet")


def phases(objects: Iterable[Body], namespace: str) -> tuple[list[Body], list[Body], list[Body]]:
    """Routing, workload, and the rest. `namespace`: the endpoint's; a Deployment elsewhere is a router."""
    routing: list[Body] = []
    workload: list[Body] = []
    rest: list[Body] = []
    for obj in objects:
        elsewhere = obj["metadata"].get("namespace", namespace) != namespace
        if obj["kind"] in _ROUTING or elsewhere:
            routing.append(obj)
        else:
            (workload if obj["kind"] in _WORKLOAD else rest).append(obj)
    # The scaler before what it scales: it would look for its Deployment.
    workload.sort(key=lambda obj: _WORKLOAD.index(obj["kind"]))
    return routing, workload, rest


def holds_up(phase: Iterable[Body], deleted_at: datetime, now: datetime) -> bool:
    """Whether what was just deleted still does something, so that the next phase has to wait."""
    return now - deleted_at < PATIENCE and any(obj["metadata"].get("finalizers") for obj in phase)


def unwanted(
    live: Iterable[Body], manifests: Iterable[Body], endpoint: Body, pods: Iterable[Body]
) -> list[Body]:
    """The live objects that the endpoint no longer asks for, in the order in which they go.

    A claim that a running pod mounts stays, with its volume, until that pod is gone: a pod cannot be made
    again on a claim that is being deleted, and the old pods serve until the new ones do.
    """
    keep, mounted = {identity_of(each) for each in manifests}, _mounted(pods)
    namespace = endpoint["metadata"]["namespace"]
    found = [
        obj
        for obj in live
        if identity_of(obj) not in keep and is_ours(obj, endpoint) and _claim(obj) not in mounted
    ]
    return [obj for phase in phases(found, namespace) for obj in phase]


def is_ours(obj: Body, endpoint: Body) -> bool:
    """Whether this very endpoint owns the object, not an earlier one of the same name."""
    owners = {reference["uid"] for reference in obj["metadata"].get("ownerReferences") or []}
    return not owners or endpoint["metadata"]["uid"] in owners


def changed(body: Body, live: Body) -> bool:
    """Whether a cached resource is not the live one any more: another of its name, or another spec."""
    return any(body["metadata"].get(key) != live["metadata"].get(key) for key in ("uid", "generation"))


def _mounted(pods: Iterable[Body]) -> set[str]:
    """The claims that pods on a node mount."""
    placed = (pod["spec"] for pod in pods if pod["spec"].get("nodeName"))
    volumes = (volume for spec in placed for volume in spec.get("volumes") or ())
    return {volume["persistentVolumeClaim"]["claimName"] for volume in volumes if _is_claimed(volume)}


def _is_claimed(volume: Mapping[str, Any]) -> bool:
    return "persistentVolumeClaim" in volume


def _claim(obj: Body) -> str | None:
    """The claim that an object is, or is the volume of."""
    if obj["kind"] == PERSISTENT_VOLUME_CLAIMS.kind:
        return str(obj["metadata"]["name"])
    if obj["kind"] == PERSISTENT_VOLUMES.kind:
        return str((obj["spec"].get("claimRef") or {}).get("name"))
    return None
