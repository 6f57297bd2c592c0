"""The operator's Deployment: what AWS's client and a careful cluster expect of it."""

from __future__ import annotations

from typing import Any

import pytest

from hyperpod_charts.operator import operator_objects
from hyperpod_inference.api import names
from hyperpod_inference.api.settings import OperatorSettings

NAMESPACE = "hyperpod-inference-system"
NAME = "hyperpod-inference-controller-manager"


@pytest.fixture
def objects(chart_settings: OperatorSettings) -> dict[str, dict[str, Any]]:
    return {body["kind"]: body for body in operator_objects(chart_settings)}


@pytest.fixture
def pod(objects: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return dict(objects["Deployment"]["spec"]["template"]["spec"])


@pytest.fixture
def container(pod: dict[str, Any]) -> dict[str, Any]:
    return dict(pod["containers"][0])


def test_the_objects_have_the_names_that_other_tools_look_for(objects: dict[str, dict[str, Any]]) -> None:
    assert {kind: body["metadata"]["name"] for kind, body in objects.items()} == {
        "ServiceAccount": NAME,
        "Service": f"{NAME}-metrics-service",
        "Deployment": NAME,
        "PodDisruptionBudget": NAME,
    }
    assert {body["metadata"]["namespace"] for body in objects.values()} == {NAMESPACE}


def test_the_pod_has_exactly_one_container_so_that_its_log_needs_no_container_name(
    pod: dict[str, Any],
) -> None:
    assert [container["name"] for container in pod["containers"]] == ["manager"]
    assert "initContainers" not in pod


def test_the_pod_meets_the_restricted_pod_security_standard(
    pod: dict[str, Any], container: dict[str, Any]
) -> None:
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def test_the_resources_are_those_of_the_aws_operator(container: dict[str, Any]) -> None:
    assert container["resources"] == {
        "limits": {"cpu": "500m", "memory": "256Mi"},
        "requests": {"cpu": "10m", "memory": "64Mi"},
    }


def test_the_process_is_told_its_address_before_the_argument_that_uses_it(container: dict[str, Any]) -> None:
    assert container["image"] == names.OPERATOR_IMAGE
    assert container["args"] == ["operator", "--leader-elect", "--bind-address=$(POD_IP)"]
    assert container["env"][:3] == [
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
    ]


def test_the_environment_reads_back_as_the_settings_it_was_made_from(
    container: dict[str, Any], chart_settings: OperatorSettings
) -> None:
    environ = {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}
    assert OperatorSettings.from_env(environ) == chart_settings


def test_no_variable_is_set_twice(container: dict[str, Any]) -> None:
    given = [entry["name"] for entry in container["env"]]
    assert len(given) == len(set(given))


def test_probes_and_ports_agree_with_the_settings(container: dict[str, Any]) -> None:
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == {
        "metrics": 8443,
        "health": 8081,
        "webhook": 9443,
    }
    probes = {key: container[key]["httpGet"] for key in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert probes == {
        "startupProbe": {"path": "/healthz", "port": "health"},
        "livenessProbe": {"path": "/healthz", "port": "health"},
        "readinessProbe": {"path": "/readyz", "port": "health"},
    }


def test_one_selector_finds_the_pods_everywhere(objects: dict[str, dict[str, Any]]) -> None:
    deployment = objects["Deployment"]["spec"]
    selector = deployment["selector"]["matchLabels"]
    assert selector.items() <= deployment["template"]["metadata"]["labels"].items()
    assert objects["Service"]["spec"]["selector"] == selector
    assert objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == selector
    spread = deployment["template"]["spec"]["topologySpreadConstraints"]
    assert [constraint["labelSelector"]["matchLabels"] for constraint in spread] == [selector, selector]


def test_the_selector_holds_no_version_since_a_deployment_cannot_change_it(
    objects: dict[str, dict[str, Any]],
) -> None:
    assert "app.kubernetes.io/version" not in objects["Deployment"]["spec"]["selector"]["matchLabels"]


def test_the_execution_role_is_handed_over_by_the_service_account(
    objects: dict[str, dict[str, Any]], chart_settings: OperatorSettings
) -> None:
    annotations = objects["ServiceAccount"]["metadata"]["annotations"]
    assert annotations == {"eks.amazonaws.com/role-arn": chart_settings.execution_role_arn}


def test_without_an_execution_role_the_service_account_has_no_annotation() -> None:
    account = operator_objects(OperatorSettings())[0]
    assert "annotations" not in account["metadata"]


def test_another_namespace_and_service_account_are_followed_throughout() -> None:
    settings = OperatorSettings(namespace="models", service_account_name="runner")
    account, *_, budget = bodies = operator_objects(settings)
    assert {body["metadata"]["namespace"] for body in bodies} == {"models"}
    assert account["metadata"]["name"] == "runner"
    assert bodies[2]["spec"]["template"]["spec"]["serviceAccountName"] == "runner"
    assert budget["kind"] == "PodDisruptionBudget"


def test_replicas_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match="replicas is 0; the operator needs at least 1"):
        operator_objects(OperatorSettings(), replicas=0)
