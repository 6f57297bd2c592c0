"""The role table against the operator's code: all that the code asks for is allowed, and nothing else is.

What the operator asks for is read from two places: the reflectors of its composition root (list, watch), and
the calls on its client in the source.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from unittest.mock import Mock

import hyperpod_inference.controllers
from hyperpod_charts.rbac import CLUSTER, OPERATOR_NAMESPACE, ROUTER, Permission
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.controllers import authority, finalizers
from hyperpod_inference.controllers.caches import CHILD_KINDS, OPTIONAL_KINDS
from hyperpod_inference.controllers.gateway_link import GATEWAYS
from hyperpod_inference.controllers.kinds import CUSTOM, REGISTRATIONS, SERVED
from hyperpod_inference.controllers.wiring import Operator
from hyperpod_inference.kube import apply, events, lease, resources
from hyperpod_inference.kube.metrics import Metrics
from hyperpod_inference.kube.resources import (
    CRDS,
    EVENTS,
    LEASES,
    SECRETS,
    VALIDATING_WEBHOOK_CONFIGURATIONS,
    Resource,
)
from hyperpod_inference.router import discovery
from hyperpod_inference.webhook import keeper

Cell = tuple[str, str, str]
"""API group, resource with its subresource, verb."""

VERBS_OF_CALL = {
    "get": ("get",),
    "list": ("list",),
    "apply": ("create", "patch"),
    "create": ("create",),
    "replace": ("update",),
    "patch": ("patch",),
    "delete": ("delete",),
}


def cell(resource: Resource, verb: str, subresource: str = "") -> Cell:
    return resource.group, resource.plural + subresource, verb


# The publisher applies parts of objects that exist, so it never needs `create`.
TRUST = {
    cell(resource, verb)
    for resource in (CRDS, VALIDATING_WEBHOOK_CONFIGURATIONS)
    for verb in ("get", "patch")
}


def allowed(table: tuple[Permission, ...]) -> set[Cell]:
    return {(row.group, resource, verb) for row in table for resource in row.resources for verb in row.verbs}


def operator_modules() -> Iterator[ModuleType]:
    """Yields the modules that talk to the API server about endpoints.

    The lease and the authority live in the operator's namespace, for which there is a role of its own.
    """
    package = hyperpod_inference.controllers
    for found in pkgutil.iter_modules(package.__path__):
        if found.name != "authority":
            yield importlib.import_module(f"{package.__name__}.{found.name}")
    yield from (apply, events)


def called(module: ModuleType) -> Iterator[Cell]:
    """Yields what a module's calls such as `self._client.get(LEASES, ...)` ask for.

    Where the resource is a variable, the call is about the kinds that an endpoint may own; where it is the
    reconciler's own, about those that are deployed; in `finalizers`, about those that bear one; where it
    names a subresource, about the statuses of the custom resources.
    """
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        if not ast.unparse(node.func.value).endswith("client"):
            continue
        named = getattr(module, ast.unparse(node.args[0]), None)
        for verb in VERBS_OF_CALL.get(node.func.attr, ()):
            if isinstance(named, Resource):
                yield cell(named, verb)
            elif ast.unparse(node.args[0]) == "self.resource":
                yield from (cell(kind, verb) for kind in SERVED)
            elif module is finalizers:
                yield from (cell(kind, verb) for kind in (*SERVED, REGISTRATIONS))
            elif "subresource" in {keyword.arg for keyword in node.keywords}:
                yield from (cell(kind, "patch", "/status") for kind in CUSTOM.values())
            else:
                yield from (cell(kind, verb) for kind in (*CHILD_KINDS, *OPTIONAL_KINDS))


def test_what_the_cluster_role_allows_is_what_the_operator_asks_for() -> None:
    operator = Operator(Mock(), OperatorSettings(), Metrics())
    followed = {each.resource for each in (*operator.essential, *operator.helpful)}
    asked = {cell(resource, verb) for resource in followed for verb in ("list", "watch")}
    asked |= {found for module in operator_modules() for found in called(module)}
    asked |= {
        cell(EVENTS, "create"),  # sent as a plain request, with a timeout of its own
        *(cell(GATEWAYS, verb) for verb in ("create", "patch")),  # applied: the kind is in the manifest
        # asked by admission: owners that block deletion
        *(cell(kind, "update", "/finalizers") for kind in SERVED),
    }
    assert allowed(CLUSTER) == asked | TRUST


def test_what_the_role_in_the_operators_namespace_allows_is_what_lease_webhook_and_authority_need() -> None:
    webhook = {cell(SECRETS, verb) for verb in ("list", "watch")} | set(called(keeper))
    assert allowed(OPERATOR_NAMESPACE) == set(called(lease)) | set(called(authority)) | webhook - TRUST


def test_what_the_routers_role_allows_is_what_their_discovery_follows() -> None:
    source = ast.parse(inspect.getsource(discovery))
    followed = [
        ast.unparse(node.args[1]).rpartition(".")[2]
        for node in ast.walk(source)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Reflector"
    ]
    asked = {cell(getattr(resources, name), verb) for name in followed for verb in ("list", "watch")}
    assert allowed(ROUTER) == asked != set()


def test_the_calls_in_the_source_are_really_found() -> None:
    assert set(called(lease)) == {cell(LEASES, verb) for verb in ("get", "create", "update")}
