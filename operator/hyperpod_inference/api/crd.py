"""The CustomResourceDefinitions: names, versions, subresources and columns around the schemas of the models.

`v1alpha1` is not served until a conversion webhook exists: without one the server would hand out objects of
one version as the other, fields lost.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.api.kinds import KINDS, Column, Kind
from hyperpod_inference.api.schema import object_schema


def crds() -> list[dict[str, Any]]:
    """The definitions of all kinds, ready to apply."""
    return [_definition(kind) for kind in KINDS]


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
    yield _version(kind, kind.version, object_schema(kind), served=True)
    if kind.older is not None:
        older = object_schema(kind, newest=False)
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
