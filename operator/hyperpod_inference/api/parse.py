"""From a mapping (a manifest, an API object) to a typed resource, or to everything that is wrong with it.

`documents.py` adds file and line. The controllers use `tolerant=True`: the API server has pruned and
validated what it hands out, but a stored object may be older than a rule.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import ValidationError

from hyperpod_inference.api import drift
from hyperpod_inference.api.base import Rule, Value
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.gateway import InferenceGatewayConfig
from hyperpod_inference.api.jumpstart import JumpStartModel
from hyperpod_inference.api.keyed_lists import repeated_items
from hyperpod_inference.api.kinds import KINDS, Kind
from hyperpod_inference.api.problems import InvalidResource, Problem, explain, nearest, path_of, shown
from hyperpod_inference.api.registration import SageMakerEndpointRegistration
from hyperpod_inference.api.schema import resource_schema

__all__ = ["AnyResource", "InvalidResource", "Problem", "check_change", "parse"]

AnyResource = (
    InferenceEndpointConfig | JumpStartModel | SageMakerEndpointRegistration | InferenceGatewayConfig
)
Location = tuple[str | int, ...]
_EXACT_FLOATS = 2**53


def parse(body: Mapping[str, Any], *, tolerant: bool = False) -> AnyResource:
    """The typed resource in `body`.

    `tolerant` ignores unknown fields. Raises InvalidResource with every problem found.
    """
    kind = _kind_of(body)
    resource: AnyResource = _validated(kind, body, tolerant)
    if not tolerant and (twice := tuple(repeated_items(body, resource_schema(kind)))):
        raise InvalidResource(twice)
    broken = tuple(
        _broken(rule, block, at)
        for at, block, rule in _rules_of(resource)
        if rule.holds is not None and not rule.holds(block)
    )
    if broken:
        raise InvalidResource(broken)
    return resource


def check_change(old: AnyResource, new: AnyResource) -> tuple[Problem, ...]:
    """What an update from `old` to `new` may not change. Both must be valid and of one kind."""
    return tuple(
        Problem(f"spec.{rule.field}", None, "", rule.message)
        for rule in new.spec.rules
        if rule.holds_after is not None and not rule.holds_after(old.spec, new.spec)
    )


def _broken(rule: Rule, block: Value, at: Location) -> Problem:
    detail = rule.detail(block) if rule.detail else ""
    return Problem(
        path_of((*at, rule.field)),
        None,
        "",
        f"{rule.message} ({detail})" if detail else rule.message,
        webhook_only=rule.cel is None and not rule.native,
    )


def _kind_of(body: Mapping[str, Any]) -> Kind:
    wanted = body.get("kind")
    kind = next((each for each in KINDS if each.kind == wanted), None)
    if wanted in drift.KINDS:
        fix = "a name of old samples: the kind has been renamed"
        raise InvalidResource((Problem("kind", _given(wanted), drift.KINDS[str(wanted)], fix),))
    if kind is None:
        known = nearest(str(wanted), (each.kind for each in KINDS))
        raise InvalidResource((Problem("kind", _given(wanted), "one of " + ", ".join(known)),))
    version = body.get("apiVersion")
    if version != kind.api_version:
        raise InvalidResource((Problem("apiVersion", _given(version), kind.api_version),))
    return kind


def _given(value: Any) -> str | None:
    return None if value is None else shown(value)


def _validated(kind: Kind, body: Mapping[str, Any], tolerant: bool) -> Any:
    extra: Literal["ignore", "forbid"] = "ignore" if tolerant else "forbid"
    try:
        return kind.model.model_validate(without_nulls(body), extra=extra, by_alias=True, by_name=False)
    except ValidationError as error:
        known = resource_schema(kind)
        found = tuple(explain(each, known, kind.kind) for each in error.errors())
        raise InvalidResource(found) from None


def without_nulls(value: Any) -> Any:
    """`value` as the API server reads it: null members are absent, and 1.0 is the whole number 1."""
    if isinstance(value, Mapping):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [without_nulls(each) for each in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT_FLOATS:
        return int(value)
    return value


def _rules_of(value: Any, at: Location = ()) -> Iterator[tuple[Location, Value, Rule]]:
    """Every rule below `value` with the block it is about and the block's place."""
    if isinstance(value, tuple):
        for index, each in enumerate(value):
            yield from _rules_of(each, (*at, index))
    if not isinstance(value, Value):
        return
    for rule in value.rules:
        yield at, value, rule
    for name, field in type(value).model_fields.items():
        yield from _rules_of(getattr(value, name), (*at, field.alias or name))
