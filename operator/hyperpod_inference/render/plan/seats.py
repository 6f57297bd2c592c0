"""Which instance type would take how many replicas now: one row for each type, in the endpoint's order."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hyperpod_inference.render.placement import is_extended
from hyperpod_inference.render.plan.room import PODS, Amounts, Room, asked_for, copies, needs, obstacle

Body = Mapping[str, Any]
NO_TYPE = "(no instance type)"


@dataclass(frozen=True, kw_only=True)
class TypeRow:
    """One instance type.

    Attributes:
        choice: its place in the endpoint's order, 1 for the first; 0 when there is no order.
        nodes: how many the cluster has that the endpoint may use; closed: why some of them take no pod now.
        free, total: of the resource that decides, on the open nodes.
        fits: how many replicas would fit now; takes: how many of those that are asked for it gets.
    """

    choice: int
    instance_type: str
    nodes: int
    free: int
    total: int
    fits: int
    takes: int
    closed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Seats:
    """asked: replicas without a place; nodes: where those go that get one now; resource: what rows count."""

    resource: str
    asked: int
    nodes: tuple[str, ...]
    rows: tuple[TypeRow, ...]


def seats(pod_spec: Body, asked: int, types: Sequence[str], found: Iterable[Room]) -> Seats:
    """Where `asked` replicas of a pod would go; `types` is the endpoint's order, empty when it has none."""
    need = needs(pod_spec)
    grouped: dict[str, list[Room]] = {name: [] for name in types}
    for room in found:
        if asked_for(room, pod_spec):
            grouped.setdefault(room.instance_type or NO_TYPE, []).append(room)
    rows: list[TypeRow] = []
    taken: list[str] = []
    resource = deciding(need)
    for name, group in grouped.items():
        places = [room.name for room in _open(group, pod_spec) for _ in range(copies(room.free, need))]
        takes = places[: asked - len(taken)]
        taken += takes
        choice = types.index(name) + 1 if name in types else 0
        rows.append(_row(choice, name, group, pod_spec, resource, len(places), len(takes)))
    return Seats(resource=resource, asked=asked, nodes=tuple(taken), rows=tuple(rows))


def deciding(need: Amounts) -> str:
    """The resource that a table is about: the accelerator, else the processor."""
    devices = sorted(key for key, wanted in need.items() if wanted and is_extended(key))
    gpus = [key for key in devices if key != "vpc.amazonaws.com/efa"]
    return (gpus or devices or ["cpu"])[0]


def total(need: Amounts, replicas: int) -> dict[str, Decimal]:
    """What all replicas ask for together."""
    return {key: wanted * replicas for key, wanted in sorted(need.items()) if key != PODS}


def _open(group: Sequence[Room], pod_spec: Body) -> list[Room]:
    return [room for room in group if not obstacle(room, pod_spec)]


def _row(
    choice: int, name: str, group: Sequence[Room], pod_spec: Body, resource: str, fits: int, takes: int
) -> TypeRow:
    usable = _open(group, pod_spec)
    closed = ((room.name, obstacle(room, pod_spec)) for room in group)
    return TypeRow(
        choice=choice,
        instance_type=name,
        nodes=len(group),
        free=int(sum(room.free.get(resource, 0) for room in usable)),
        total=int(sum(room.allocatable.get(resource, 0) for room in usable)),
        fits=fits,
        takes=takes,
        closed=tuple(f"{node} is {why}" for node, why in closed if why),
    )
