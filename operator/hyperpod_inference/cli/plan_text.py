"""A plan as lines for a person to read."""

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from hyperpod_inference.render.plan.diff import Change
from hyperpod_inference.render.plan.objects import Action, ObjectPlan
from hyperpod_inference.render.plan.seats import Seats
from hyperpod_inference.render.plan.summary import EndpointPlan, Workload

SIGNS = {Action.CREATE: "+", Action.CHANGE: "~", Action.DELETE: "-", Action.KEEP: "=", Action.REFUSED: "!"}
VALUE_LIMIT = 100
_SIZES = (("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10))


def lines(plan: EndpointPlan) -> Iterator[str]:
    """Everything about one endpoint."""
    yield from _object(plan.resource)
    for planned in plan.objects:
        yield from ("  " + line for line in _object(planned))
    for workload in plan.workloads:
        yield from ("  " + line for line in _workload(workload))
    for arranged in plan.arrangements:
        yield f"  {arranged.field}: {arranged.message}"
    for told in plan.not_built:
        yield f"  not built: {told.field}: {told.message}"


def summary(plans: Sequence[EndpointPlan]) -> str:
    """One line over all: `3 to create, 1 to change (restarts 2 pods), 0 to delete`."""
    actions = [each.action for plan in plans for each in (plan.resource, *plan.objects)]
    if all(action is Action.KEEP for action in actions):
        return "No changes: the cluster is as the files say."
    restarts = sum(each.rollout.replicas for plan in plans for each in plan.workloads if each.rollout)
    parts = [
        f"{actions.count(action)} to {action.value}"
        for action in (Action.CREATE, Action.CHANGE, Action.DELETE)
    ]
    refused = actions.count(Action.REFUSED)
    return (
        "Plan: "
        + ", ".join(parts)
        + f", {restarts} pods to restart"
        + (f", {refused} REFUSED" if refused else "")
    )


def _object(planned: ObjectPlan) -> Iterator[str]:
    where = f"{planned.namespace}/{planned.name}" if planned.namespace else planned.name
    restarts = "  (its pods restart)" if planned.restarts_pods else ""
    yield f"{SIGNS[planned.action]} {planned.kind} {where}{restarts}"
    if planned.problem:
        yield f"    refused: {planned.problem}"
    yield from ("    " + _change(each) for each in planned.changes)


def _change(change: Change) -> str:
    if change.old is None:
        return f"+ {change.path}: {_value(change.new)}"
    if change.new is None:
        return f"- {change.path}: {_value(change.old)}"
    return f"~ {change.path}: {_value(change.old)} -> {_value(change.new)}"


def _value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= VALUE_LIMIT else text[: VALUE_LIMIT - 1] + "…"


def _workload(workload: Workload) -> Iterator[str]:
    asked = ", ".join(f"{amount_text(key, amount)} {key}" for key, amount in workload.needs.items() if amount)
    yield f"{workload.name}: {workload.replicas} replicas need {asked or 'nothing'} in total"
    yield from ("  " + line for line in _seats(workload.seats))
    if workload.rollout:
        yield "  " + _rollout(workload)
    for reason in workload.preference:
        yield f"  the order is a preference: {reason}"


def _seats(seats: Seats) -> Iterator[str]:
    if not seats.rows:
        yield "no node of the cluster is allowed by the instance types or the node affinity asked for"
    head = ("choice", "instance type", "nodes", f"free {seats.resource}", "fit now", "take", "")
    rows = [
        (str(row.choice or "-"), row.instance_type, str(row.nodes), f"{row.free} of {row.total}",
         str(row.fits), str(row.takes), "; ".join(row.closed) or ("" if row.nodes else "no such node"))
        for row in seats.rows
    ]  # fmt: skip
    yield from _table((head, *rows) if rows else ())
    yield _verdict(seats)


def _verdict(seats: Seats) -> str:
    if not seats.asked:
        return "every replica keeps the place it has"
    if len(seats.nodes) == seats.asked:
        return f"all {seats.asked} replicas that need a place get one now"
    return (
        f"only {len(seats.nodes)} of {seats.asked} replicas that need a place get one now: the others wait "
        "until a node has room; add nodes, free some, or ask for fewer replicas or less for each"
    )


def _rollout(workload: Workload) -> str:
    count = workload.rollout.replicas if workload.rollout else 0
    head = f"{count} pods restart, one at a time, each new one beside the old ones"
    if workload.rollout and workload.rollout.fits:
        return f"{head}: there is room for it"
    return f"{head}: there is no room for it now, so the old pods go on serving until there is"


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def amount_text(resource: str, amount: Decimal) -> str:
    """An amount as people write it: memory in binary units, the rest as a number."""
    if resource in ("memory", "ephemeral-storage"):
        for suffix, size in _SIZES:
            if amount >= size and amount % size == 0:
                return f"{int(amount) // size}{suffix}"
    return f"{amount.normalize():f}"
