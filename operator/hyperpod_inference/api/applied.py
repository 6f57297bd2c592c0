"""What somebody wrote and the API server dropped: fields that a version does not have.

By the time that a webhook sees an object, unknown fields are gone from it. `kubectl apply` keeps what was
written in an annotation, and there they are found again.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from hyperpod_inference.api.kinds import KINDS, Kind
from hyperpod_inference.api.problems import Problem, unknown_field
from hyperpod_inference.api.schema import older_schema, resource_schema

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
Location = tuple[str | int, ...]
Schema = Mapping[str, Any]


def dropped(body: Mapping[str, Any]) -> tuple[Problem, ...]:
    """The unknown fields of the spec that `body` was applied with, and where each belongs if that is known.

    Empty where nothing says how it was applied.
    """
    written = _written(body)
    for kind in KINDS:
        if written.get("kind") == kind.kind and isinstance(written.get("spec"), Mapping):
            schema = _schema(kind, written.get("apiVersion"))
            return tuple(_unknown(written["spec"], schema["properties"]["spec"], ("spec",), kind))
    return ()


def _written(body: Mapping[str, Any]) -> Mapping[str, Any]:
    text = ((body.get("metadata") or {}).get("annotations") or {}).get(LAST_APPLIED)
    try:
        written = json.loads(text or "{}")
    except (ValueError, TypeError, RecursionError):
        return {}
    return written if isinstance(written, Mapping) else {}


def _schema(kind: Kind, version: object) -> Schema:
    older = kind.older is not None and str(version).endswith(f"/{kind.older.name}")
    return older_schema(kind) if older else resource_schema(kind)


def _unknown(value: Any, schema: Schema, at: Location, kind: Kind) -> Iterator[Problem]:
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from _unknown(each, schema.get("items", {}), (*at, index), kind)
    fields = schema.get("properties")
    if not isinstance(value, Mapping) or not fields:
        return
    for name, each in value.items():
        if name in fields:
            yield from _unknown(each, fields[name], (*at, name), kind)
        else:
            yield unknown_field((*at, name), schema, kind.kind)
