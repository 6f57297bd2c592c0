"""What would become of one object: created, changed, deleted, kept, or refused by the API server."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hyperpod_inference.render.plan.diff import Change, changes

Body = Mapping[str, Any]


class Action(StrEnum):
    """What would be done."""

    CREATE = "create"
    CHANGE = "change"
    DELETE = "delete"
    KEEP = "keep"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class ObjectPlan:
    """One object. namespace is empty for kinds without one; problem says why it would be refused."""

    action: Action
    kind: str
    namespace: str
    name: str
    changes: tuple[Change, ...] = ()
    restarts_pods: bool = False
    problem: str = ""


def compared(live: Body | None, wanted: Body) -> ObjectPlan:
    """The plan for an object that is wanted. `wanted` is complete, as the API server would store it."""
    if live is None:
        return _plan(Action.CREATE, wanted)
    found = changes(live, wanted)
    if not found:
        return _plan(Action.KEEP, wanted)
    return _plan(Action.CHANGE, wanted, changes=found, restarts_pods=restarts_pods(live, wanted))


def deleted(live: Body) -> ObjectPlan:
    """The plan for an object that is not wanted any more."""
    return _plan(Action.DELETE, live)


def refused(wanted: Body, problem: str) -> ObjectPlan:
    """The plan for an object that the API server, or the operator, would refuse to write."""
    return _plan(Action.REFUSED, wanted, problem=problem)


def restarts_pods(live: Body, wanted: Body) -> bool:
    """Whether a Deployment's pods would be replaced: its template is what they are made from."""
    return bool(wanted["kind"] == "Deployment" and live["spec"]["template"] != wanted["spec"]["template"])


def _plan(action: Action, body: Body, **more: Any) -> ObjectPlan:
    metadata = body["metadata"]
    return ObjectPlan(
        action=action,
        kind=body["kind"],
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        **more,
    )
