"""Say which replica landed on which instance type, and why not on a more preferred one. Pure.

The scheduler leaves no record of its reasons for a pod that it placed; they are read off the state that it
left behind: what each more preferred type offers of the accelerator, and who holds it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hyperpod_inference.api.names import NODE_INSTANCE_TYPE, RESOURCE_GPU

Body = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Placement:
    """One replica: where it is, how preferred that is (1 = first choice, 0 = not bound yet), and why."""

    replica: str
    node: str
    instance_type: str
    choice: int
    why: str


def placements(
    instance_types: Sequence[str], replicas: Sequence[Body], nodes: Sequence[Body], pods: Sequence[Body]
) -> tuple[Placement, ...]:
    """The replicas of one endpoint in order of preference.

    instance_types: the endpoint's list, most preferred first. replicas: its pods. pods: all pods of the
    cluster, its own included.
    """
    type_of = {n["metadata"]["name"]: _instance_type(n) for n in nodes}
    offered = _offered(nodes)
    own = {_key(replica) for replica in replicas}
    held = _held(pods, type_of, own)
    rows = (_placement(replica, instance_types, type_of, offered, held) for replica in replicas)
    return tuple(sorted(rows, key=lambda row: (row.choice or len(instance_types) + 1, row.replica)))


def _placement(
    replica: Body,
    instance_types: Sequence[str],
    type_of: Mapping[str, str],
    offered: Mapping[str, int],
    held: Mapping[str, Mapping[str, int]],
) -> Placement:
    node = replica["spec"].get("nodeName", "")
    instance_type = type_of.get(node, "")
    bound = instance_type in instance_types
    choice = instance_types.index(instance_type) + 1 if bound else 0
    passed = instance_types[: choice - 1] if bound else instance_types
    reasons = [_reason(name, offered, held.get(name, {})) for name in passed]
    return Placement(
        replica=replica["metadata"]["name"],
        node=node,
        instance_type=instance_type,
        choice=choice,
        why="; ".join(reasons) if reasons else "first choice, and it had room",
    )


def _reason(instance_type: str, offered: Mapping[str, int], held: Mapping[str, int]) -> str:
    total = offered.get(instance_type)
    if total is None:
        return f"no {instance_type} node in the cluster"
    holders = ", ".join(f"{count} by {holder}" for holder, count in sorted(held.items()))
    taken = sum(held.values())
    return f"{instance_type}: {taken} of {total} GPUs taken" + (f" ({holders})" if holders else "")


def _offered(nodes: Iterable[Body]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for node in nodes:
        gpus = int(node.get("status", {}).get("allocatable", {}).get(RESOURCE_GPU, 0))
        totals[_instance_type(node)] = totals.get(_instance_type(node), 0) + gpus
    return totals


def _held(pods: Iterable[Body], type_of: Mapping[str, str], own: set[str]) -> dict[str, dict[str, int]]:
    held: dict[str, dict[str, int]] = {}
    for pod in pods:
        instance_type = type_of.get(pod["spec"].get("nodeName", ""))
        gpus = _gpus(pod)
        finished = pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}
        if instance_type is None or not gpus or finished:
            continue
        holder = "this endpoint" if _key(pod) in own else _key(pod)
        holders = held.setdefault(instance_type, {})
        holders[holder] = holders.get(holder, 0) + gpus
    return held


def _gpus(pod: Body) -> int:
    requests = (c.get("resources", {}).get("requests", {}) for c in pod["spec"].get("containers", ()))
    return sum(int(request.get(RESOURCE_GPU, 0)) for request in requests)


def _instance_type(node: Body) -> str:
    label: str = node["metadata"].get("labels", {}).get(NODE_INSTANCE_TYPE, "")
    return label


def _key(pod: Body) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
