"""What all models of the API share: how fields are named, how strict they are, and their scalar types.

A model is a frozen value. Attributes are snake_case; on the wire a field has the CRD's exact camelCase name.
Types are strict (a number in quotes is not a number), unknown fields are refused, and lists are tuples.
A string literal below a field is its description in the CRD (read by `crd.py`, never at import).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

T = TypeVar("T")


def camel(name: str) -> str:
    """The wire name of an attribute: model_source_config -> modelSourceConfig."""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a schema cannot say: one relation between fields of a model.

    `cel` is evaluated by the API server at admission, `holds` says the same in Python for offline checks and
    the operator. A rule over a change sees `oldSelf` too and has `holds_after(old, new)` instead. `cel` is
    None where the server refuses the rule for its estimated cost: it rates a loop over a list without bounds
    as endless. `field` is where a person has to look, relative to the model; `message` says what is wrong and
    what to change. `detail` adds, offline, what came. `native` marks a rule without `cel` that the server
    checks by itself, in its own words. `since` is the first version of the API that has the fields it names.
    """

    cel: str | None
    message: str
    field: str
    holds: Callable[[Any], bool] | None = None
    holds_after: Callable[[Any, Any], bool] | None = None
    since: str | None = None
    detail: Callable[[Any], str] | None = None
    native: bool = False


class Value(BaseModel):
    """Base of every spec and status block."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        alias_generator=camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        defer_build=True,
    )
    rules: ClassVar[tuple[Rule, ...]] = ()

    def to_body(self) -> dict[str, Any]:
        """The block as a plain mapping with wire names: what was set, without the defaults."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)


class AtomicValue(Value):
    """A block that is replaced as a whole by server-side apply."""

    model_config = ConfigDict(json_schema_extra={"x-kubernetes-map-type": "atomic"})


# JSON has one kind of list, so a list must do for a tuple although the models are strict.
Items = Annotated[tuple[T, ...], Field(strict=False)]
"""A list of T, held as a tuple."""


def schema(**extra: Any) -> Any:
    """Field metadata that only the CRD carries, e.g. schema(format="int32"); `_` in a key stands for `-`."""
    return Field(json_schema_extra={key.replace("_", "-"): value for key, value in extra.items()})


# Integers of the wire have a width, which the API server's decoder checks.
Int32 = Annotated[int, schema(format="int32")]
Int64 = Annotated[int, schema(format="int64")]
Count = Annotated[int, Field(ge=0), schema(format="int32")]
Time = Annotated[str, schema(format="date-time")]
"""RFC 3339 in UTC, kept as written."""

Atomic = Annotated[tuple[T, ...], Field(strict=False), schema(x_kubernetes_list_type="atomic")]
"""A list that is replaced as a whole."""
ByName = Annotated[
    tuple[T, ...],
    Field(strict=False),
    schema(x_kubernetes_list_type="map", x_kubernetes_list_map_keys=["name"]),
]
"""A list that merges by the `name` of its items."""

Opaque = Annotated[dict[str, Any], schema(x_kubernetes_preserve_unknown_fields=True)]
"""A whole Kubernetes object that is passed on as it came."""

_QUANTITY = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
)
_INT_OR_STRING = {
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "x-kubernetes-int-or-string": True,
}


def _int_or_string(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise PydanticCustomError("int_or_string", "an integer or a string")
    return value


def _quantity(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | str) or not re.match(_QUANTITY, str(value)):
        raise PydanticCustomError("quantity", "a quantity such as 4, '500m' or '16Gi' (fractions in quotes)")
    return value


IntOrString = Annotated[int | str, BeforeValidator(_int_or_string), WithJsonSchema(_INT_OR_STRING)]
Quantity = Annotated[
    int | str, BeforeValidator(_quantity), WithJsonSchema(_INT_OR_STRING | {"pattern": _QUANTITY})
]
"""An amount of a resource as Kubernetes writes it: 4, "500m", "16Gi"."""
