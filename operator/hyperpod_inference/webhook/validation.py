"""What the API server asks about a create or an update: refuse it, and what to warn of.

The same rules as offline (`api.parse`), so what CEL cannot say is refused at `kubectl apply` too. When this
cannot be reached, objects get in, and the reconciler refuses them with a condition.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hyperpod_inference.api.applied import dropped
from hyperpod_inference.api.parse import AnyResource, InvalidResource, check_change, parse
from hyperpod_inference.api.warnings import warnings_about

Body = Mapping[str, Any]
MAX_WARNING = 256
"""Characters of a warning that API servers pass on for sure."""
MAX_DROPPED = 8
"""Dropped fields that are told at once: API servers pass on 4,096 characters of warnings."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`refusal` is empty when the object may be stored; a warning never stops it."""

    refusal: str = ""
    warnings: tuple[str, ...] = ()


def verdict(new: Body, old: Body | None = None) -> Verdict:
    """Whether `new` may be stored in place of `old` (None on creation); both in the stored version.

    An update that leaves the spec as it is always may: labels and finalizers must stay changeable on an
    object that is older than a rule, or it could not even be deleted.
    """
    told = _told_of_dropped(new, old)
    if old is not None and new.get("spec") == old.get("spec"):
        return Verdict(warnings=told)
    try:
        resource = parse(new, tolerant=True)
    except InvalidResource as error:
        return Verdict(refusal=str(error))
    changes = check_change(before, resource) if (before := _before(old)) else ()
    if changes:
        return Verdict(refusal="; ".join(map(str, changes)))
    return Verdict(warnings=(*told, *(each[:MAX_WARNING] for each in warnings_about(resource))))


def _told_of_dropped(new: Body, old: Body | None) -> tuple[str, ...]:
    """A warning for each field that was written and dropped, to who wrote it and not at later updates."""
    found = dropped(new)
    if not found or (old is not None and found == dropped(old)):
        return ()
    return tuple(f"{each}; it was dropped"[:MAX_WARNING] for each in found[:MAX_DROPPED])


def _before(old: Body | None) -> AnyResource | None:
    """The former object; None for one that is not valid, from which anything valid may follow."""
    if old is None:
        return None
    try:
        return parse(old, tolerant=True)
    except InvalidResource:
        return None
