"""When the scheduler may put a replica on a less preferred type although a more preferred one has room.

NodeAffinity is one score of several. Against a difference in weight, which counts twice, stand how empty a
node is (NodeResourcesFit) and how evenly its processors and memory are used (BalancedAllocation), each 0 to
100; spreading is neutral unless somebody adds constraints. Whether they win is found by placing the replicas
as the default scheduler would.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.render.placement import NEUTRAL_TOPOLOGY_KEY, weights
from hyperpod_inference.render.plan.room import Amounts, Room, copies, needs, obstacle

Body = Mapping[str, Any]

DEFAULT_SCHEDULER = "default-scheduler"
AFFINITY_COUNTS = 2
# From here on the default scheduler scores only some of the nodes that fit.
SAMPLED_FROM = 100
_WARMTH = (names.LABEL_WEIGHTS_CACHE_PREFIX, names.LABEL_IMAGE_CACHE_PREFIX)
_BALANCED = ("cpu", "memory")
# What the scheduler assumes of a container that asks for nothing.
_AT_LEAST = {"cpu": Decimal("0.1"), "memory": Decimal(200 * 2**20)}


def only_a_preference(
    types: Sequence[str], pod_spec: Body, replicas: int, found: Iterable[Room]
) -> tuple[str, ...]:
    """Why the order of instance types is not certain, one sentence for each reason; empty when it is."""
    scheduler = pod_spec.get("schedulerName") or DEFAULT_SCHEDULER
    if scheduler == names.STRICT_SCHEDULER:
        return ()
    if len(types) < 2:
        return tuple(_written_by_the_user(pod_spec))
    if scheduler != DEFAULT_SCHEDULER:
        return (f"scheduler {scheduler} decides how much the order of instanceTypes counts.",)
    usable = [room for room in found if room.instance_type in types and not obstacle(room, pod_spec)]
    return (
        *_foreign_wishes(pod_spec),
        *_sampled(usable),
        *_outweighed(types, needs(pod_spec), replicas, usable),
    )


def _written_by_the_user(pod_spec: Body) -> Iterator[str]:
    affinity = (pod_spec.get("affinity") or {}).get("nodeAffinity") or {}
    wishes = affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    if any(not _is_for_warmth(each) for each in wishes):
        yield (
            "spec.nodeAffinity is passed on as written: its preferred terms are wishes that the scheduler "
            "weighs against how full and how spread the nodes are."
        )


def _is_for_warmth(term: Body) -> bool:
    """Whether a preferred term is the operator's own wish for nodes that hold the model already."""
    keys = [each["key"] for each in (term.get("preference") or {}).get("matchExpressions", ())]
    return bool(keys) and all(key.startswith(_WARMTH) for key in keys)


def _foreign_wishes(pod_spec: Body) -> Iterator[str]:
    constraints = pod_spec.get("topologySpreadConstraints") or ()
    keys = [each["topologyKey"] for each in constraints if each["topologyKey"] != NEUTRAL_TOPOLOGY_KEY]
    if keys:
        yield f"the pods also spread over {', '.join(keys)}, which somebody else set on the Deployment."
    affinity = pod_spec.get("affinity") or {}
    if any(affinity.get(kind) for kind in ("podAffinity", "podAntiAffinity")):
        yield "the pods also have an affinity to other pods, which somebody else set on the Deployment."


def _sampled(usable: Sequence[Room]) -> Iterator[str]:
    if len(usable) >= SAMPLED_FROM:
        yield (
            f"{len(usable)} nodes could take a replica, and of {SAMPLED_FROM} or more the scheduler compares "
            "only some."
        )


def _outweighed(types: Sequence[str], need: Amounts, replicas: int, usable: Sequence[Room]) -> Iterator[str]:
    """How many replicas the other scores would lead astray, found by placing them one after the other."""
    chosen = Counter(_chosen(types, need, replicas, usable))
    left, astray = chosen.total(), 0
    for name in types:
        here = min(left, sum(copies(room.free, need) for room in usable if room.instance_type == name))
        astray += max(0, chosen[name] - here)
        left -= here
    if astray:
        yield (
            f"{astray} of {replicas} replicas would go to a less preferred type while a more preferred one "
            "has room, because they nearly fill its nodes and the scheduler likes empty ones; a shorter "
            f"list, or spec.kubernetes.schedulerName: {names.STRICT_SCHEDULER}, prevents it."
        )


def _chosen(types: Sequence[str], need: Amounts, replicas: int, usable: Sequence[Room]) -> Iterator[str]:
    """The instance types of the nodes that the scheduler would choose, one replica after the other."""
    given = dict(zip(types, weights(len(types)), strict=True))
    taken = dict.fromkeys((room.name for room in usable), 0)
    limits = {room.name: copies(room.free, need) for room in usable}
    for _ in range(replicas):
        open_ = [room for room in usable if taken[room.name] < limits[room.name]]
        if not open_:
            return

        def liked(room: Room) -> tuple[int, int]:
            weight = given[room.instance_type]
            # The scheduler draws lots between equals; the less preferred one is expected to win.
            return AFFINITY_COUNTS * weight + _other_scores(room, need, taken[room.name]), -weight

        best = max(open_, key=liked)
        taken[best.name] += 1
        yield best.instance_type


def _other_scores(room: Room, need: Amounts, taken: int) -> int:
    """NodeResourcesFit (least allocated) and BalancedAllocation of a node that took so many already."""
    used = [_used(room, key, need, taken) for key in _BALANCED]
    emptiness = sum(int(100 * (1 - part)) for part in used) // len(used)
    return emptiness + int(100 * (1 - abs(used[0] - used[1]) / 2))


def _used(room: Room, resource: str, need: Amounts, taken: int) -> Decimal:
    """The part of a node's resource that is in use with one more replica, 0 to 1."""
    has = room.allocatable.get(resource, Decimal(0))
    if not has:
        return Decimal(1)
    wanted = max(need.get(resource, Decimal(0)), _AT_LEAST[resource]) * (taken + 1)
    return min((has - room.free[resource] + wanted) / has, Decimal(1))
