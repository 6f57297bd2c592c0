"""What is free on which node, and which nodes a pod may use: the scheduler's filters that matter here.

Looked at are resources, readiness, cordons, taints, nodeSelector and the required node affinity. Volumes that
exist in one zone only, host ports and affinity between pods are not: where they decide, the scheduler says so
on the pod.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.api.conditions import find
from hyperpod_inference.api.quantity import amount

Body = Mapping[str, Any]
Amounts = Mapping[str, Decimal]

PODS = "pods"
NO_SCHEDULING = ("NoSchedule", "NoExecute")
_NOTHING = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Room:
    """One node: what it offers to pods and what of that is free. body: the Node."""

    name: str
    instance_type: str
    allocatable: Amounts
    free: Amounts
    body: Body


def rooms(nodes: Iterable[Body], pods: Iterable[Body]) -> tuple[Room, ...]:
    """Every node with what the given pods leave of it, by name; pods that have ended hold nothing."""
    used: dict[str, list[Amounts]] = {}
    for pod in pods:
        node = pod["spec"].get("nodeName")
        if node and pod.get("status", {}).get("phase") not in ("Succeeded", "Failed"):
            used.setdefault(node, []).append(needs(pod["spec"]))
    found = (_room(node, used.get(node["metadata"]["name"], [])) for node in nodes)
    return tuple(sorted(found, key=lambda room: room.name))


def needs(pod_spec: Body) -> dict[str, Decimal]:
    """What a pod counts for: its containers together, or its largest init container; and one place."""
    init = pod_spec.get("initContainers") or ()
    staying = [each for each in init if each.get("restartPolicy") == "Always"]
    total: dict[str, Decimal] = {}
    for container in (*(pod_spec.get("containers") or ()), *staying):
        total = _added(total, requests(container))
    for container in init:
        total = _larger(total, requests(container))
    return _added(total, _amounts(pod_spec.get("overhead"))) | {PODS: Decimal(1)}


def requests(container: Body) -> dict[str, Decimal]:
    """A container's requests; a limit without a request is one."""
    resources = container.get("resources") or {}
    return _amounts(resources.get("limits")) | _amounts(resources.get("requests"))


def copies(free: Amounts, need: Amounts) -> int:
    """How many pods of that need fit into what is free."""
    counts = (int(max(free.get(key, _NOTHING), _NOTHING) // wanted) for key, wanted in need.items() if wanted)
    return min(counts)


def obstacle(room: Room, pod_spec: Body) -> str:
    """Why a node is closed to a pod, however much is free there; empty when it is open."""
    spec = room.body.get("spec", {})
    if spec.get("unschedulable"):
        return "cordoned"
    for taint in spec.get("taints") or ():
        tolerations = pod_spec.get("tolerations") or ()
        if taint["effect"] in NO_SCHEDULING and not any(_tolerates(each, taint) for each in tolerations):
            return "tainted " + "=".join(part for part in (taint["key"], taint.get("value")) if part)
    ready = find(room.body.get("status", {}).get("conditions") or (), "Ready") or {}
    return "" if ready.get("status") == "True" else "not ready"


def asked_for(room: Room, pod_spec: Body) -> bool:
    """Whether the pod's nodeSelector and required node affinity allow the node."""
    labels = room.body["metadata"].get("labels") or {}
    if not (pod_spec.get("nodeSelector") or {}).items() <= labels.items():
        return False
    affinity = (pod_spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return required is None or any(
        _term_holds(term, labels, {"metadata.name": room.name}) for term in required["nodeSelectorTerms"]
    )


def _room(node: Body, used: Sequence[Amounts]) -> Room:
    metadata = node["metadata"]
    allocatable = _amounts(node.get("status", {}).get("allocatable"))
    taken: dict[str, Decimal] = {}
    for each in used:
        taken = _added(taken, each)
    return Room(
        name=metadata["name"],
        instance_type=(metadata.get("labels") or {}).get(names.NODE_INSTANCE_TYPE, ""),
        allocatable=allocatable,
        free={key: has - taken.get(key, _NOTHING) for key, has in allocatable.items()},
        body=node,
    )


def _amounts(raw: Mapping[str, Any] | None) -> dict[str, Decimal]:
    return {key: amount(value) or _NOTHING for key, value in (raw or {}).items()}


def _added(one: Amounts, other: Amounts) -> dict[str, Decimal]:
    return {key: one.get(key, _NOTHING) + other.get(key, _NOTHING) for key in {**one, **other}}


def _larger(one: Amounts, other: Amounts) -> dict[str, Decimal]:
    return {key: max(one.get(key, _NOTHING), other.get(key, _NOTHING)) for key in {**one, **other}}


def _tolerates(toleration: Body, taint: Body) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    wanted = (toleration.get("key"), toleration.get("value", ""))
    return wanted == (taint["key"], taint.get("value", ""))


def _term_holds(term: Body, labels: Mapping[str, str], fields: Mapping[str, str]) -> bool:
    expressions, matched = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not matched:
        return False  # an empty term matches no node
    return all(_holds(each, labels) for each in expressions) and all(_holds(each, fields) for each in matched)


def _holds(requirement: Body, labels: Mapping[str, str]) -> bool:
    value = labels.get(requirement["key"])
    values: Sequence[str] = requirement.get("values") or ()
    operator = requirement["operator"]
    if operator in ("NotIn", "DoesNotExist"):
        return value is None or (operator == "NotIn" and value not in values)
    if value is None:
        return False
    if operator in ("Gt", "Lt"):
        number = value.removeprefix("-").isdigit()
        return number and (int(value) > int(values[0]) if operator == "Gt" else int(value) < int(values[0]))
    return operator == "Exists" or value in values
