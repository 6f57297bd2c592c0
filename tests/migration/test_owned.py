"""Which cluster-wide objects go with an add-on's namespace: only its own, whoever else is there."""

from typing import Any

import pytest

from hyperpod_inference.migration.steps.owned import outside_of

Body = dict[str, Any]
HERE, ELSEWHERE = "hyperpod-inference-system", "aws-observability"
RBAC = "rbac.authorization.k8s.io"


def cluster_wide(kind: str, name: str, *, labels: dict[str, str] | None = None, **content: Any) -> Body:
    return {"kind": kind, "metadata": {"name": name, "labels": labels or {}}, **content}


def binding(name: str, role: str, namespace: str) -> Body:
    subjects = [{"kind": "ServiceAccount", "name": "manager", "namespace": namespace}]
    role_ref = {"apiGroup": RBAC, "kind": "ClusterRole", "name": role}
    return cluster_wide("ClusterRoleBinding", name, subjects=subjects, roleRef=role_ref)


def webhook(namespace: str) -> Body:
    service = {"name": "webhook", "namespace": namespace}
    webhooks = [{"name": "a.example.com", "clientConfig": {"service": service}}]
    return cluster_wide("ValidatingWebhookConfiguration", namespace, webhooks=webhooks)


@pytest.mark.parametrize(
    ("namespace", "wanted"),
    [
        (HERE, ["manager", "manager-binding", HERE]),
        (ELSEWHERE, ["collector", "collector-binding", ELSEWHERE]),
        ("a-third", []),
    ],
)
def test_bindings_their_roles_and_webhooks_go_with_the_namespace_that_they_name(
    namespace: str, wanted: list[str]
) -> None:
    there = [
        cluster_wide("ClusterRole", "manager"),
        binding("manager-binding", "manager", HERE),
        webhook(HERE),
        cluster_wide("ClusterRole", "collector"),
        binding("collector-binding", "collector", ELSEWHERE),
        webhook(ELSEWHERE),
    ]
    assert [each["metadata"]["name"] for each in outside_of(namespace, [], there)] == wanted


def test_a_role_that_a_binding_within_the_namespace_names_goes_too() -> None:
    inside = {
        "kind": "RoleBinding",
        "metadata": {"name": "a"},
        "roleRef": {"kind": "ClusterRole", "name": "b"},
    }
    there = [cluster_wide("ClusterRole", "b"), cluster_wide("ClusterRole", "c")]
    assert outside_of(HERE, [inside], there) == there[:1]


def test_a_role_that_adds_to_others_goes_with_its_installation() -> None:
    labels = {"app.kubernetes.io/instance": "cert-manager"}
    inside = {"kind": "Deployment", "metadata": {"name": "cert-manager", "labels": labels}}
    there = [
        cluster_wide("ClusterRole", "cert-manager-view", labels=labels),
        cluster_wide("ClusterRole", "other-view", labels={"app.kubernetes.io/instance": "other"}),
        cluster_wide("ClusterRole", "unlabelled-view"),
    ]
    assert outside_of("cert-manager", [inside], there) == there[:1]
