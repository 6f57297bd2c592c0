"""Structural schemas, made from the models: types, bounds, defaults, rules, descriptions.

Pydantic's JSON schema is turned into the form that Kubernetes wants: no references, no null, no
`additionalProperties: false`. An older version is the newest without the parts marked as newer.
"""

import inspect
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from hyperpod_inference.api.base import Rule, Value
from hyperpod_inference.api.descriptions import descriptions
from hyperpod_inference.api.embedded import MARK
from hyperpod_inference.api.kinds import Kind
from hyperpod_inference.api.meta import ObjectMeta
from hyperpod_inference.api.versions import REQUIRED_MARK, SINCE

_RULES = "x-kubernetes-validations"
_MARKS = (SINCE, REQUIRED_MARK)
_AROUND = re.compile(r" ?(\|\||&&|[=!<>]=|[-<>?:,*]) ?")
_EMBEDDED = "hyperpod_inference.api.kubernetes."
"""The models of this package are Kubernetes' own types."""


def object_schema(kind: Kind, *, newest: bool = True) -> dict[str, Any]:
    """The schema of a whole object, of the storage version or of the one before it (`newest=False`).

    Descriptions of Kubernetes' own fields are under `embedded.MARK`; `embedded.fill` decides which stay.
    """
    spec: Any = kind.model.model_fields["spec"].annotation
    schema = {
        "type": "object",
        "description": inspect.getdoc(kind.model) or "",
        "required": ["spec"],
        _RULES: _rules(kind.model),
        "properties": {
            "apiVersion": {"type": "string", "description": "Version of this schema."},
            "kind": {"type": "string", "description": "Kind of the object."},
            "metadata": {"type": "object"},
            "spec": _block_schema(spec),
            "status": _block_schema(kind.status),
        },
    }
    finished: dict[str, Any] = _finish(schema, newest=newest)
    return finished


@cache
def resource_schema(kind: Kind) -> Mapping[str, Any]:
    """What a manifest of the newest version may hold, metadata included; explains what is wrong with one."""
    schema: dict[str, Any] = _unmarked(object_schema(kind))
    metadata = _finish(_block_schema(ObjectMeta), newest=True)
    return schema | {"properties": schema["properties"] | {"metadata": metadata}}


def _unmarked(node: Any) -> Any:
    """`node` with every description in its usual place."""
    if isinstance(node, list):
        return [_unmarked(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {"description" if key == MARK else key: _unmarked(each) for key, each in node.items()}


@cache
def older_schema(kind: Kind) -> Mapping[str, Any]:
    """What an object of the version before the newest may hold. The newest where there is no older one."""
    if kind.older is None:
        return object_schema(kind)
    schema = object_schema(kind, newest=False)
    kind.older.adapt(schema)
    return schema


@cache
def _block_schema(model: Any) -> dict[str, Any]:
    schema = model.model_json_schema(schema_generator=_StructuralSchema)
    definitions = schema.pop("$defs", {})
    inlined: dict[str, Any] = _inline(schema, definitions)
    return inlined | {"description": inspect.getdoc(model) or ""}


def _inline(node: Any, definitions: Mapping[str, Any]) -> Any:
    """`node` with every reference replaced by what it refers to; what stands beside a reference wins."""
    if isinstance(node, list):
        return [_inline(each, definitions) for each in node]
    if not isinstance(node, dict):
        return node
    rest = {key: _inline(value, definitions) for key, value in node.items() if key != "$ref"}
    if "$ref" not in node:
        return rest
    target: dict[str, Any] = _inline(definitions[node["$ref"].rsplit("/", 1)[1]], definitions)
    return target | rest


class _StructuralSchema(GenerateJsonSchema):
    """Pydantic's schema, less what Kubernetes does not take, plus what it has beyond JSON schema."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default", None) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        body = super().model_schema(schema)
        model: type[Value] = schema["cls"]
        for extra in ("title", "description", "additionalProperties"):
            body.pop(extra, None)
        key = MARK if model.__module__.startswith(_EMBEDDED) else "description"
        for name, field in model.model_fields.items():
            text = descriptions(model).get(name)
            if text is not None:
                body["properties"][field.alias or name][key] = text
        body[_RULES] = _rules(model)
        return body


def _rules(model: type[Value]) -> list[dict[str, Any]]:
    return [_rule(each) for each in model.rules if each.cel is not None]


def _rule(rule: Rule) -> dict[str, Any]:
    body: dict[str, Any] = {"rule": compact(rule.cel or ""), "message": rule.message}
    if not rule.field.startswith("metadata."):  # the server knows no paths into metadata
        body["fieldPath"] = f".{rule.field}"
    return body | ({SINCE: rule.since} if rule.since else {})


def compact(cel: str) -> str:
    """A CEL expression without the spaces around its operators; what is in quotes stays as it is."""
    code = re.split(r"('[^']*')", cel)
    return "".join(part if part.startswith("'") else _AROUND.sub(r"\1", part) for part in code)


def _finish(node: Any, *, newest: bool) -> Any:
    """`node` without the marks; for an older version also without newer parts and descriptions."""
    if isinstance(node, list):
        return [_finish(each, newest=newest) for each in node if newest or not _is_new(each)]
    if not isinstance(node, dict):
        return node
    dropped = _MARKS if newest else (*_MARKS, "description", MARK)
    body = {key: value for key, value in node.items() if key not in dropped}
    properties = {
        name: _finish(each, newest=newest)
        for name, each in body.pop("properties", {}).items()
        if newest or not _is_new(each)
    }
    finished = {key: _finish(value, newest=newest) for key, value in body.items() if key != "default"}
    if "default" in body:  # a value, not a schema
        finished["default"] = body["default"]
    if properties:
        finished |= {"required": _required(node, properties), "properties": properties}
    return {key: value for key, value in finished.items() if value or key not in ("required", _RULES)}


def _is_new(node: Any) -> bool:
    return isinstance(node, dict) and SINCE in node


def _required(node: Mapping[str, Any], kept: Mapping[str, Any]) -> list[str]:
    marked = [name for name, each in node["properties"].items() if REQUIRED_MARK in each]
    return [name for name in kept if name in node.get("required", ()) or name in marked]
