"""How much of the host's memory the first level of the KV cache may take: a pure function of table facts.

    budget  = the pod's share of its node's memory (its part of the node's accelerators), at most its memory
              limit, less what a prefetched model takes of it
    L1      = 40 % of the budget, in whole GiB, divided by the pod's accelerators

An engine runs one worker for each accelerator, and each worker allocates its own L1. The rest is for the
server's processes, for loading weights, and for the node. Where several instance types are allowed the size
is the smallest of theirs, so that a fallback never runs out of memory.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from hyperpod_inference.api.endpoint import EndpointSpec
from hyperpod_inference.api.instance_types import INSTANCE_TYPES, InstanceType
from hyperpod_inference.api.model_size import weights_size
from hyperpod_inference.api.names import RESOURCE_GPU
from hyperpod_inference.api.quantity import GIB, amount, whole
from hyperpod_inference.api.resource_rules import DEVICES, MIG_PREFIX, chosen_types

Resources = Mapping[str, Mapping[str, int | str]]
"""A container's requests and limits."""

L1_PERCENT = 40
TIERED_STORAGE_PERCENT = 20
"""Of an instance's memory, which HyperPod's managed tiered storage takes: the cluster's default."""
UNKNOWN_GIB = 5
"""For each worker where nothing is known of the node: LMCache's own default."""
_SLICES = 7  # a GPU is cut into seven parts of compute; mig-2g.10gb is two of them
_PROFILE = re.compile(r"mig-(\d+)g\.(\d+)gb")


@dataclass(frozen=True, kw_only=True)
class Room:
    """What one worker of a pod may count on: its part of the budget in GiB, and in words where it is from.

    accelerator_gib: the memory of its accelerator, None if unknown.
    """

    budget_gib: Fraction
    why: str
    accelerator_gib: int | None = None

    def percent(self, percent: int) -> int:
        """So much of the budget, in whole GiB."""
        return int(self.budget_gib * percent / 100)


@dataclass(frozen=True, kw_only=True)
class Demand:
    """The accelerators of a pod: which resource, how many, and how much of a whole one each is."""

    resource: str
    count: int
    part: Fraction = Fraction(1)
    partition_gib: int | None = None

    @property
    def whole_resource(self) -> str:
        """The resource of a whole accelerator, which instance types are listed with."""
        return RESOURCE_GPU if self.resource.startswith(MIG_PREFIX) else self.resource


def demand(resources: Resources) -> Demand | None:
    """What a container's requests and limits ask for; None without accelerators."""
    sides = [resources.get(side) or {} for side in ("limits", "requests")]
    asked = {name: whole(each) or 0 for amounts in sides for name, each in amounts.items()}
    for name in (*DEVICES, *sorted(each for each in asked if each.startswith(MIG_PREFIX))):
        if not asked.get(name):
            continue
        profile = _PROFILE.search(name)
        if profile is None:
            return Demand(resource=name, count=asked[name])
        part = Fraction(int(profile[1]), _SLICES)
        return Demand(resource=name, count=asked[name], part=part, partition_gib=int(profile[2]))
    return None


def on_type(kind: InstanceType, wanted: Demand, *, tiered: bool) -> Room | None:
    """A worker's room on nodes of this type; None where the pod's accelerators do not fit.

    tiered: HyperPod's managed tiered storage takes its part of the memory.
    """
    if kind.accelerator_resource != wanted.whole_resource:
        return None
    if wanted.count * wanted.part > kind.accelerator_count:
        return None
    left = Fraction(kind.memory_gib * (100 - TIERED_STORAGE_PERCENT if tiered else 100), 100)
    less = f" less {TIERED_STORAGE_PERCENT} % for tiered storage" if tiered else ""
    return Room(
        budget_gib=left * wanted.part / kind.accelerator_count,
        why=f"{kind.name} with {kind.memory_gib} GiB{less} and {_accelerators(kind)}",
        accelerator_gib=wanted.partition_gib or kind.accelerator_memory_gib,
    )


def rooms(spec: EndpointSpec, resources: Resources, *, tiered: bool) -> list[Room]:
    """A worker's room on each instance type that the pods may run on; never empty.

    resources: of the model container, requests and limits.
    """
    wanted, weights = demand(resources), _prefetched_gib(spec)
    limit = _memory(resources, "limits")
    types = chosen_types(spec)
    known = [INSTANCE_TYPES[name] for name in types if name in INSTANCE_TYPES]
    found = [] if wanted is None else [on_type(each, wanted, tiered=tiered) for each in known]
    fitting = [each for each in found if each is not None]
    workers = wanted.count if wanted else 1
    if not fitting or len(known) < len(set(types)):
        fitting.append(_without_facts(resources, workers))
    return [_bounded(each, limit, weights, workers) for each in fitting]


def _bounded(room: Room, limit: Fraction | None, weights: Fraction, workers: int) -> Room:
    budget, why = room.budget_gib, room.why
    if limit is not None and limit / workers < budget:
        budget, why = limit / workers, f"the memory limit of {_text(limit)} GiB"
    if weights:
        budget, why = max(budget - weights / workers, Fraction(0)), f"{why}, less the prefetched weights"
    return Room(budget_gib=budget, why=why, accelerator_gib=room.accelerator_gib)


def _without_facts(resources: Resources, workers: int) -> Room:
    """Of nodes that nothing is known about, what the pod is promised; else what is safe nearly anywhere."""
    for side in ("limits", "requests"):
        promised = _memory(resources, side)
        if promised is not None:
            return Room(budget_gib=promised / workers, why=f"the memory {side[:-1]} of {_text(promised)} GiB")
    budget = Fraction(UNKNOWN_GIB * 100, L1_PERCENT)
    return Room(budget_gib=budget, why="nothing is known about the nodes, so LMCache's default")


def _prefetched_gib(spec: EndpointSpec) -> Fraction:
    """What a copy of the weights takes of the pod's memory, as far as the model's name tells."""
    source = spec.model_source_config
    if not source.prefetch_enabled or source.model_source_type == "huggingface":
        return Fraction(0)
    size = weights_size(source.model_location or "") or weights_size(spec.model_name)
    return Fraction(round(size.gib)) if size else Fraction(0)


def _memory(resources: Resources, side: str) -> Fraction | None:
    given = amount(resources.get(side, {}).get("memory", ""))
    return None if given is None else Fraction(given) / Fraction(GIB)


def _accelerators(kind: InstanceType) -> str:
    many = "accelerator" if kind.accelerator_count == 1 else "accelerators"
    return f"{kind.accelerator_count} {many}"


def _text(value: Fraction) -> str:
    return f"{float(value):.1f}".removesuffix(".0")


def smallest(found: list[Room]) -> Room:
    """The room that is safe on all of them."""
    return min(found, key=lambda each: each.budget_gib)


def l1_gib(found: list[Room]) -> int:
    """GiB of L1 for each worker."""
    return smallest(found).percent(L1_PERCENT)
