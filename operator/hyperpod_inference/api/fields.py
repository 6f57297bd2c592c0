"""The fields of the API as a person reads them: name, type, default, constraint, description.

`cli.explain` shows one and what is below it, `field_reference` writes them all into docs.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hyperpod_inference.api.kinds import KINDS, Kind
from hyperpod_inference.api.problems import nearest
from hyperpod_inference.api.schema import resource_schema

Schema = Mapping[str, Any]
_BOUNDS = (
    ("minimum", "at least {}"),
    ("maximum", "at most {}"),
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("minItems", "at least {} items"),
    ("maxItems", "at most {} items"),
)


class NoSuchField(LookupError):  # noqa: N818 - reads as what happened
    """Nothing is at a path; the message says what there is instead."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `name` is empty for the whole object; `schema` describes it, its items when it is a list."""

    name: str
    path: str
    schema: Schema
    required: bool = False

    @property
    def type(self) -> str:
        """In the words of kubectl: <Object>, <[]string>, <map[string]string>."""
        return _type(self.schema)

    @property
    def default(self) -> str | None:
        """The default as JSON, None without one."""
        return json.dumps(self.schema["default"]) if "default" in self.schema else None

    @property
    def description(self) -> str:
        """What the field is."""
        return str(self.schema.get("description", ""))

    @property
    def constraints(self) -> tuple[str, ...]:
        """What the values must be, apart from the type."""
        item = _item(self.schema)
        told = [f"one of {', '.join(map(str, item['enum']))}"] if "enum" in item else []
        for schema in (self.schema,) if item is self.schema else (self.schema, item):
            told += [words.format(schema[key]) for key, words in _BOUNDS if key in schema]
            # The pattern of quantities is longer than what it says.
            told += [f"matches {schema['pattern']}"] if "pattern" in schema and "anyOf" not in schema else []
        return tuple(told)

    @property
    def rules(self) -> tuple[str, ...]:
        """What the API server demands of the fields below, in words."""
        return tuple(each["message"] for each in _item(self.schema).get("x-kubernetes-validations", ()))

    def fields(self) -> Iterator["Field"]:
        """The fields directly below, those of the items for a list."""
        item = _item(self.schema)
        mark = "[]" if self.schema.get("type") == "array" else ""
        required = item.get("required", ())
        for name, schema in sorted(item.get("properties", {}).items()):
            yield Field(name, f"{self.path}{mark}.{name}".lstrip("."), schema, name in required)

    def field(self, name: str) -> "Field":
        """The field of this name directly below. Raises NoSuchField."""
        known = {each.name: each for each in self.fields()}
        if name in known:
            return known[name]
        raise NoSuchField(_unknown(name, self.path, known))


def root(kind: Kind) -> Field:
    """The whole object."""
    return Field("", "", resource_schema(kind))


def kind_named(name: str) -> Kind:
    """The kind by its name, plural or short name, in any case. Raises NoSuchField."""
    for kind in KINDS:
        group = kind.api_version.partition("/")[0]
        names = (kind.kind.lower(), kind.plural, kind.short_name, f"{kind.plural}.{group}")
        if name.lower() in names:
            return kind
    known = ", ".join(f"{each.kind} ({each.short_name})" for each in KINDS)
    near = nearest(name, (each.kind for each in KINDS))[0]
    raise NoSuchField(f"there is no kind {name!r}, did you mean {near}? There are {known}")


def find(path: str) -> tuple[Kind, Field]:
    """What is at KIND.FIELD.FIELD; indices of lists may be left out. Raises NoSuchField."""
    name, *steps = [part.partition("[")[0] for part in path.split(".")]
    kind = kind_named(name)
    field = root(kind)
    for step in steps:
        field = field.field(step)
    return kind, field


def _unknown(name: str, path: str, known: Mapping[str, Field]) -> str:
    where = path or "the object"
    if not known:
        return f"{where} has no fields, so no {name!r}"
    near = nearest(name, known)
    return f"{where} has no field {name!r}, did you mean {near[0]}? It has {', '.join(sorted(known))}"


def _item(schema: Schema) -> Schema:
    """The schema of the items of a list, else the schema itself."""
    items: Schema = schema.get("items", {}) if schema.get("type") == "array" else schema
    return items


def _type(schema: Schema) -> str:
    if schema.get("x-kubernetes-int-or-string"):
        return "Quantity" if "pattern" in schema else "IntOrString"
    kind = schema.get("type", "any")
    if kind == "array":
        return f"[]{_type(schema.get('items', {}))}"
    if isinstance(schema.get("additionalProperties"), Mapping):
        return f"map[string]{_type(schema['additionalProperties'])}"
    return "Object" if kind == "object" else str(kind)
