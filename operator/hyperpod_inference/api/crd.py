"""The CustomResourceDefinitions: names, versions, subresources and columns around the schemas of the models.

Kinds with two versions name the operator's webhook for the conversion. They can be applied before the
operator runs: objects are stored as `v1`, and reading or writing `v1` calls nobody. The authority of the
webhook's certificate (`caBundle`) is left out, for the operator or cert-manager to write.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.api.embedded import fill
from hyperpod_inference.api.kinds import KINDS, Column, Kind
from hyperpod_inference.api.schema import object_schema, older_schema


def crds(namespace: str = names.OPERATOR_NAMESPACE) -> list[dict[str, Any]]:
    """The definitions of all kinds, ready to apply; `namespace` is where the operator runs."""
    definitions: list[dict[str, Any]] = json.loads(_as_json(namespace))
    return definitions


@cache
def _as_json(namespace: str) -> str:
    # Making them takes about a second; a copy is for the caller to change.
    return json.dumps([fill(_definition(kind, namespace)) for kind in KINDS])


def crd_name(kind: Kind) -> str:
    """The name of a kind's definition."""
    return f"{kind.plural}.{names.GROUP}"


def _definition(kind: Kind, namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": crd_name(kind)},
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
        }
        | ({"conversion": _conversion(namespace)} if kind.older else {}),
    }


def _conversion(namespace: str) -> dict[str, Any]:
    service = {
        "namespace": namespace,
        "name": names.WEBHOOK_SERVICE,
        "port": names.WEBHOOK_SERVICE_PORT,
        "path": names.CONVERT_PATH,
    }
    webhook = {"conversionReviewVersions": ["v1"], "clientConfig": {"service": service}}
    return {"strategy": "Webhook", "webhook": webhook}


def _versions(kind: Kind) -> Iterator[dict[str, Any]]:
    yield _version(kind, kind.version, object_schema(kind), stored=True)
    if kind.older is not None:
        yield _version(kind, kind.older.name, older_schema(kind), stored=False)


def _version(kind: Kind, name: str, schema: Mapping[str, Any], *, stored: bool) -> dict[str, Any]:
    subresources: dict[str, Any] = {"status": {}}
    if kind.scales:
        subresources["scale"] = {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        }
    return {
        "name": name,
        "served": True,
        "storage": stored,
        "schema": {"openAPIV3Schema": schema},
        "subresources": subresources,
        "additionalPrinterColumns": [_column(each, described=stored) for each in kind.columns],
    }


def _column(column: Column, *, described: bool) -> dict[str, Any]:
    """`described` in the stored version only, as all else."""
    body: dict[str, Any] = {"name": column.name, "type": column.type, "jsonPath": column.path}
    body |= {"description": column.description} if described else {}
    return body | ({"priority": 1} if column.wide else {})
