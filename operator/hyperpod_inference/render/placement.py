"""Where the pods may run: `instanceType`, `instanceTypes` or `nodeAffinity` as scheduling fields of a pod.

A list of types is an order, and it has to survive a real scheduler. NodeAffinity's score counts twice,
against it stand topology spread (twice) and the two resource-balance scores, so a step of one point between
neighbours loses: pods land on a less preferred type while a preferred one stands empty. Two measures make
the order true: weights in even steps over the whole scale, and one neutral spread constraint, because a pod
with any constraint of its own is exempt from the scheduler's built-in spreading.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import EndpointSpec
from hyperpod_inference.render.plain import plain

Fields = dict[str, Any]

HIGHEST_WEIGHT = 100  # the API's bounds of a preferred term
LOWEST_WEIGHT = 1
# The same on every node, so that spreading over it scores all nodes alike.
NEUTRAL_TOPOLOGY_KEY = "kubernetes.io/os"
PARTITION_PREFIX = "nvidia.com/mig-"
PARTITION_TAINT = "gpu-task"  # gpu-task=mig-enabled:NoSchedule


def placement(
    spec: EndpointSpec, selector: Mapping[str, str], resources: Mapping[str, Mapping[str, Any]]
) -> Fields:
    """The pod's scheduling fields; a field that the scheduler's default covers is left out.

    `selector` finds the endpoint's pods; `resources` are those of the model container.
    """
    types = distinct(spec.instance_types or ())
    fields: Fields = {
        "affinity": _affinity(spec, types),
        "topologySpreadConstraints": [_neutral_spread(selector)] if len(types) > 1 else [],
        "tolerations": tolerations(resources),
        "schedulerName": spec.kubernetes.scheduler_name if spec.kubernetes else None,
    }
    return {key: value for key, value in fields.items() if value}


def weights(count: int) -> tuple[int, ...]:
    """The weights of `count` types, most preferred first: even steps from 100 down to 1."""
    if count == 1:
        return (HIGHEST_WEIGHT,)
    step = (HIGHEST_WEIGHT - LOWEST_WEIGHT) / (count - 1)
    return tuple(round(HIGHEST_WEIGHT - step * place) for place in range(count))


def distinct(types: Sequence[str]) -> tuple[str, ...]:
    """The types in their order, each once."""
    return tuple(dict.fromkeys(types))


def tolerations(resources: Mapping[str, Mapping[str, Any]]) -> list[Fields]:
    """One toleration for each extended resource asked for; for a GPU's partition, also those of its nodes.

    Nodes with accelerators are often tainted with the resource's own name to keep other pods away; nodes
    whose GPUs are partitioned (MIG) carry the whole GPU's taint, or the one that AWS's guide to partitions
    sets. The taint of an unhealthy node (sagemaker.amazonaws.com/node-health-status) is not tolerated: it is
    there to keep model pods off hardware that fails its checks.
    """
    sides = [resources.get(side) or {} for side in ("limits", "requests")]
    asked = {name for amounts in sides for name, amount in amounts.items() if _asked(name, amount)}
    partitions = any(name.startswith(PARTITION_PREFIX) for name in asked)
    keys = sorted(asked | {names.RESOURCE_GPU, PARTITION_TAINT} if partitions else asked)
    return [{"key": key, "operator": "Exists", "effect": "NoSchedule"} for key in keys]


def is_extended(resource: str) -> bool:
    """Whether a resource is a device or another counted extension, which cannot be overcommitted."""
    return "/" in resource and not resource.startswith("kubernetes.io/")


def _asked(name: str, amount: Any) -> bool:
    return is_extended(name) and str(amount) != "0"


def _affinity(spec: EndpointSpec, types: tuple[str, ...]) -> Fields:
    if spec.node_affinity is not None:
        return {"nodeAffinity": plain(spec.node_affinity)}
    if types:
        return {"nodeAffinity": _ordered(types)}
    if spec.instance_type:
        return {"nodeAffinity": _required((spec.instance_type,))}
    return {}


def _ordered(types: tuple[str, ...]) -> Fields:
    if len(types) == 1:
        return _required(types)
    preferred = [
        {"weight": weight, "preference": _is_one_of((name,))}
        for name, weight in zip(types, weights(len(types)), strict=True)
    ]
    return _required(types) | {"preferredDuringSchedulingIgnoredDuringExecution": preferred}


def _required(types: tuple[str, ...]) -> Fields:
    return {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [_is_one_of(types)]}}


def _is_one_of(types: tuple[str, ...]) -> Fields:
    return {"matchExpressions": [{"key": names.NODE_INSTANCE_TYPE, "operator": "In", "values": list(types)}]}


def _neutral_spread(selector: Mapping[str, str]) -> Fields:
    return {
        "maxSkew": 1,
        "topologyKey": NEUTRAL_TOPOLOGY_KEY,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": dict(selector)},
    }
