"""What a version before the newest refuses that the newest would take: newer fields, other demands.

Everything else about such a resource is judged after it is converted, by the models.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from hyperpod_inference.api.kinds import Kind
from hyperpod_inference.api.problems import Problem, expected, path_of, shown
from hyperpod_inference.api.schema import older_schema

Location = tuple[str | int, ...]
Schema = Mapping[str, Any]


def problems_in_older(kind: Kind, body: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Fields of `body` that its older version does not have, needs, or does not take."""
    schema = older_schema(kind)
    name = kind.older.name if kind.older else kind.version
    return tuple(_problems(body.get("spec"), schema["properties"]["spec"], ("spec",), name))


def _problems(value: Any, schema: Schema, at: Location, version: str) -> Iterator[Problem]:
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from _problems(each, schema.get("items", {}), (*at, index), version)
    if "enum" in schema and isinstance(value, str) and value not in schema["enum"]:
        yield Problem(path_of(at), shown(value), expected(schema), f"{version} has no other: use v1")
    fields = schema.get("properties")
    if not isinstance(value, Mapping) or not fields:
        return
    for name in schema.get("required", ()):
        if value.get(name) is None and "default" not in fields[name]:
            yield Problem(path_of((*at, name)), None, expected(fields[name]), f"{version} needs it")
    for name, each in value.items():
        if name not in fields:
            yield Problem(path_of((*at, name)), "an unknown field", f"no such field in {version}", "use v1")
        else:
            yield from _problems(each, fields[name], (*at, name), version)
