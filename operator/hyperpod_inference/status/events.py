"""Kubernetes Events for what changed between two statuses: one for each condition that turned.

An Event tells when something happened, a condition what holds now; a reader of `kubectl describe` sees both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hyperpod_inference.api import conditions
from hyperpod_inference.status import deadline
from hyperpod_inference.status.causes import READINESS_FAILED, WAITING_FOR_VOLUME
from hyperpod_inference.status.model_source import CLAIM_PENDING

# What every start goes through; if it lasts, the deadline tells.
_WAITS = frozenset(
    {conditions.PROGRESSING, conditions.NOT_CREATED, CLAIM_PENDING, WAITING_FOR_VOLUME, READINESS_FAILED}
)
NOTE_LIMIT = 1024  # the API's bound of an event's text


@dataclass(frozen=True, kw_only=True)
class EventRecord:
    """An event to be recorded on the resource."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


def events(previous: Mapping[str, Any] | None, new: Mapping[str, Any]) -> tuple[EventRecord, ...]:
    """The events of the change from `previous` (None before the first status) to `new`.

    A condition speaks when its status or its reason changed; a mere change of wording is not an event. The
    clock's condition is silent, and so are waits: only what a person may want to look back at is told.
    """
    before = (previous or {}).get("conditions", ())
    return tuple(
        _record(each) for each in new.get("conditions", ()) if _turned(each, before) and _tells(each)
    )


def _turned(condition: Mapping[str, Any], before: Any) -> bool:
    old = conditions.find(before, condition["type"])
    return old is None or (old["status"], old["reason"]) != (condition["status"], condition["reason"])


def _tells(condition: Mapping[str, Any]) -> bool:
    if condition["type"] == deadline.PROGRESSING:
        return bool(condition["reason"] == conditions.DEADLINE_EXCEEDED)
    if condition["type"] == conditions.READY and condition["status"] != "True":
        return False  # the part that keeps it from being ready has told already
    return condition["reason"] not in _WAITS


def _record(condition: Mapping[str, Any]) -> EventRecord:
    message = condition["message"]
    short = message if len(message) <= NOTE_LIMIT else message[: NOTE_LIMIT - 1] + "…"
    quiet = condition["status"] == "True" or condition["reason"] == conditions.SCALED_TO_ZERO
    return EventRecord(type="Normal" if quiet else "Warning", reason=condition["reason"], message=short)
