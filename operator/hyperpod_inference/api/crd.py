"""The CustomResourceDefinitions, made from the models: types, bounds, defaults, rules, descriptions.

Pydantic's JSON schema is turned into the structural form that Kubernetes wants: no references, no null, no
`additionalProperties: false`. Descriptions are the string literals below the fields. `v1alpha1` is `v1`
without the fields marked as newer; it is not served until a conversion webhook exists.
"""

import ast
import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from types import ModuleType
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from hyperpod_inference.api import names
from hyperpod_inference.api.base import Rule, Value
from hyperpod_inference.api.kinds import KINDS, Column, Kind
from hyperpod_inference.api.meta import ObjectMeta
from hyperpod_inference.api.versions import REQUIRED_MARK, SINCE

_RULES = "x-kubernetes-validations"


def crds() -> list[dict[str, Any]]:
    """The definitions of all kinds, ready to apply."""
    return [_definition(kind) for kind in KINDS]


@cache
def resource_schema(kind: Kind) -> Mapping[str, Any]:
    """What a manifest of the newest version may hold, metadata included; explains what is wrong with one."""
    schema: dict[str, Any] = _finish(_object_schema(kind), newest=True)
    metadata = _finish(_block_schema(ObjectMeta), newest=True)
    return schema | {"properties": schema["properties"] | {"metadata": metadata}}


def _definition(kind: Kind) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "names": {
                "kind": kind.kind,
                "listKind": f"{kind.kind}List",
                "plural": kind.plural,
                "singular": kind.kind.lower(),
                "shortNames": [kind.short_name],
                "categories": [names.CATEGORY],
            },
            "scope": "Namespaced",
            "versions": list(_versions(kind)),
        },
    }


def _versions(kind: Kind) -> Iterator[dict[str, Any]]:
    whole = _object_schema(kind)
    yield _version(kind, kind.version, _finish(whole, newest=True), served=True)
    if kind.older is not None:
        older = _finish(whole, newest=False)
        kind.older.adapt(older)
        yield _version(kind, kind.older.name, older, served=False)


def _version(kind: Kind, name: str, schema: Mapping[str, Any], *, served: bool) -> dict[str, Any]:
    subresources: dict[str, Any] = {"status": {}}
    if kind.scales:
        subresources["scale"] = {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        }
    return {
        "name": name,
        "served": served,
        "storage": served,
        "schema": {"openAPIV3Schema": schema},
        "subresources": subresources,
        "additionalPrinterColumns": [_column(each) for each in kind.columns],
    }


def _column(column: Column) -> dict[str, Any]:
    body: dict[str, Any] = {
        "name": column.name,
        "type": column.type,
        "jsonPath": column.path,
        "description": column.description,
    }
    return body | ({"priority": 1} if column.wide else {})


def _object_schema(kind: Kind) -> dict[str, Any]:
    return {
        "type": "object",
        "description": inspect.getdoc(kind.model) or "",
        "required": ["spec"],
        _RULES: _rules(kind.model),
        "properties": {
            "apiVersion": {"type": "string", "description": "Version of this schema."},
            "kind": {"type": "string", "description": "Kind of the object."},
            "metadata": {"type": "object"},
            "spec": _block_schema(kind.model.model_fields["spec"].annotation),
            "status": _block_schema(kind.status),
        },
    }


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
        for name, field in model.model_fields.items():
            text = _descriptions(model).get(name)
            if text is not None:
                body["properties"][field.alias or name]["description"] = text
        body[_RULES] = _rules(model)
        return body


def _rules(model: type[Value]) -> list[dict[str, Any]]:
    return [_rule(each) for each in model.rules if each.cel is not None]


def _rule(rule: Rule) -> dict[str, Any]:
    body: dict[str, Any] = {"rule": rule.cel, "message": rule.message}
    if not rule.field.startswith("metadata."):  # the server knows no paths into metadata
        body["fieldPath"] = f".{rule.field}"
    return body | ({SINCE: rule.since} if rule.since else {})


def _finish(node: Any, *, newest: bool) -> Any:
    """`node` without the marks; for an older version also without newer parts and descriptions."""
    if isinstance(node, list):
        return [_finish(each, newest=newest) for each in node if newest or not _is_new(each)]
    if not isinstance(node, dict):
        return node
    dropped = _MARKS if newest else (*_MARKS, "description")
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


_MARKS = (SINCE, REQUIRED_MARK)


def _is_new(node: Any) -> bool:
    return isinstance(node, dict) and SINCE in node


def _required(node: Mapping[str, Any], kept: Mapping[str, Any]) -> list[str]:
    marked = [name for name, each in node["properties"].items() if REQUIRED_MARK in each]
    return [name for name in kept if name in node.get("required", ()) or name in marked]


@cache
def _descriptions(model: type[BaseModel]) -> dict[str, str]:
    """The string literals below the fields of `model`, and of the models it extends."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        module = inspect.getmodule(base)
        if module is not None and issubclass(base, Value):
            found |= _module_descriptions(module).get(base.__name__, {})
    return found


@cache
def _module_descriptions(module: ModuleType) -> dict[str, dict[str, str]]:
    tree = ast.parse(inspect.getsource(module))
    classes = (node for node in tree.body if isinstance(node, ast.ClassDef))
    return {each.name: dict(_field_texts(each)) for each in classes}


def _field_texts(definition: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, below in zip(definition.body, definition.body[1:], strict=False):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, inspect.cleandoc(text)
