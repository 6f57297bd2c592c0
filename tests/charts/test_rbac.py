"""The role table: no wildcard, nothing twice, nothing out of bounds. test_rbac_is_needed.py: nothing idle."""

from __future__ import annotations

from typing import Any

import pytest

from hyperpod_charts.rbac import CLUSTER, OPERATOR_NAMESPACE, ROUTER, Permission, rbac
from hyperpod_inference.api import names
from hyperpod_inference.api.settings import OperatorSettings

TABLE = (*CLUSTER, *OPERATOR_NAMESPACE, *ROUTER)
VERBS = {"get", "list", "watch", "create", "update", "patch", "delete"}


def cells(table: tuple[Permission, ...]) -> list[tuple[str, str, str]]:
    """Returns the table as (group, resource, verb), one for each single permission."""
    return [(row.group, resource, verb) for row in table for resource in row.resources for verb in row.verbs]


@pytest.fixture
def roles() -> dict[str, dict[str, Any]]:
    made = rbac(OperatorSettings(namespace="models", service_account_name="me"))
    return {body["kind"]: body for body in made if body["metadata"]["name"] == names.OPERATOR_NAME}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.group}/{','.join(row.resources)}")
def test_every_row_names_what_it_allows_and_says_why(row: Permission) -> None:
    assert row.resources
    assert "*" not in (row.group, *row.resources, *row.verbs, *row.only)
    assert set(row.verbs) <= VERBS, "escalate, bind, impersonate and the like are never needed"
    assert row.why


@pytest.mark.parametrize("table", [CLUSTER, OPERATOR_NAMESPACE], ids=["cluster", "namespace"])
def test_nothing_is_allowed_twice(table: tuple[Permission, ...]) -> None:
    given = cells(table)
    assert sorted(given) == sorted(set(given))


@pytest.mark.parametrize(
    "resource", ["secrets", "configmaps", "roles", "rolebindings", "pods/exec", "leases"]
)
def test_the_cluster_role_does_not_reach(resource: str) -> None:
    assert resource not in {resource for _, resource, _ in cells(CLUSTER)}


def test_only_the_lease_of_this_operator_can_be_changed() -> None:
    narrowed = [
        row for row in OPERATOR_NAMESPACE if row.resources == ("leases",) and row.verbs != ("create",)
    ]
    assert [row.only for row in narrowed] == [("hyperpod-inference-leader",)]


def test_bindings_give_the_roles_to_the_operators_service_account(roles: dict[str, dict[str, Any]]) -> None:
    for kind, role in (("ClusterRoleBinding", "ClusterRole"), ("RoleBinding", "Role")):
        binding = roles[kind]
        assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) == (
            role,
            roles[role]["metadata"]["name"],
        )
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "me", "namespace": "models"}]


def test_what_the_operator_needs_for_itself_is_granted_in_its_namespace_only(
    roles: dict[str, dict[str, Any]],
) -> None:
    assert roles["Role"]["metadata"]["namespace"] == "models"
    assert roles["RoleBinding"]["metadata"]["namespace"] == "models"
    assert "namespace" not in roles["ClusterRole"]["metadata"]


def test_the_routers_account_may_only_follow_endpoint_slices() -> None:
    made = {body["kind"]: body for body in rbac(OperatorSettings(namespace="models")) if _is_routers(body)}
    (rule,) = made["ClusterRole"]["rules"]
    assert rule == {
        "apiGroups": ["discovery.k8s.io"],
        "resources": ["endpointslices"],
        "verbs": ["list", "watch"],
    }
    subject = {"kind": "ServiceAccount", "name": "pod-reader", "namespace": "models"}
    assert made["ClusterRoleBinding"]["subjects"] == [subject]
    assert made["ServiceAccount"]["metadata"]["namespace"] == "models"


def _is_routers(body: dict[str, Any]) -> bool:
    return body["metadata"]["name"] in (names.ROUTER_ROLE, names.ROUTER_SERVICE_ACCOUNT)
