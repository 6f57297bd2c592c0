"""The Deployment and its model container."""

from collections.abc import Callable
from typing import Any

import pytest

from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render import Facts, Rendered, render
from hyperpod_inference.render.container import resources

Endpoints = Callable[..., InferenceEndpointConfig]
Renders = Callable[..., Rendered]
Specs = Callable[..., dict[str, Any]]


def test_the_model_is_the_first_container_and_carries_the_endpoints_name(pod_spec: Specs) -> None:
    assert pod_spec()["containers"][0]["name"] == "chat"


def test_pods_carry_the_labels_that_clients_select_by(rendered: Renders) -> None:
    deployment = rendered().manifests[-1]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["metadata"]["name"] == "chat"
    assert labels["app"] == "chat"
    assert labels["deploying-service"] == "hyperpod-inference"
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_replicas_are_left_to_a_scaler_that_owns_them(endpoint: Endpoints) -> None:
    facts = Facts(scaled_deployments=frozenset({"team-a/chat"}))
    owned = render(endpoint(replicas=3), OperatorSettings(), facts)
    assert "replicas" not in owned.manifests[-1]["spec"]
    assert render(endpoint(replicas=3), OperatorSettings()).manifests[-1]["spec"]["replicas"] == 3


def test_an_update_takes_no_pod_away_before_its_successor_serves(rendered: Renders) -> None:
    spec = rendered(maxDeployTimeInSeconds=1800).manifests[-1]["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert spec["progressDeadlineSeconds"] == 1800


def test_a_pod_that_stops_drains_before_its_grace_ends(pod_spec: Specs) -> None:
    spec = pod_spec()
    assert spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][-1] == "sleep 15"
    assert spec["terminationGracePeriodSeconds"] == 120


def test_queue_labels_reach_the_workload_and_its_pods(rendered: Renders) -> None:
    queue = {"kueue.x-k8s.io/queue-name": "inference", "team": "ours"}
    deployment = rendered(metadata={"labels": queue}).manifests[-1]
    for labels in (deployment["metadata"]["labels"], deployment["spec"]["template"]["metadata"]["labels"]):
        assert labels["kueue.x-k8s.io/queue-name"] == "inference"
        assert "team" not in labels


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {}),
        (
            {"requests": {"nvidia.com/gpu": 1}},
            {"requests": {"nvidia.com/gpu": 1}, "limits": {"nvidia.com/gpu": 1}},
        ),
        (
            {"limits": {"nvidia.com/gpu": 8}},
            {"requests": {"nvidia.com/gpu": 8}, "limits": {"nvidia.com/gpu": 8}},
        ),
        ({"requests": {"cpu": "4", "memory": "24Gi"}}, {"requests": {"cpu": "4", "memory": "24Gi"}}),
        (
            {"requests": {"nvidia.com/mig-1g.5gb": 1, "cpu": 1}, "limits": {"memory": "8Gi"}},
            {
                "requests": {"nvidia.com/mig-1g.5gb": 1, "cpu": 1},
                "limits": {"memory": "8Gi", "nvidia.com/mig-1g.5gb": 1},
            },
        ),
    ],
)
def test_devices_stand_in_requests_and_limits(given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert resources(given) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, {"httpGet": {"path": "/ping", "port": 8000}}),
        ({"loadBalancer": {"healthCheckPath": "/health"}}, {"httpGet": {"path": "/health", "port": 8000}}),
        ({"worker": {"modelInvocationPort": {"name": "grpc"}}}, {"tcpSocket": {"port": 8000}}),
        (
            {"worker": {"probes": {"livenessProbe": {"tcpSocket": {"port": 8000}}}}},
            {"httpGet": {"path": "/ping", "port": 8000}},
        ),
    ],
)
def test_a_readiness_probe_is_made_when_there_is_none(
    pod_spec: Specs, spec: dict[str, Any], expected: dict[str, Any]
) -> None:
    probe = pod_spec(**spec)["containers"][0]["readinessProbe"]
    assert probe == {**expected, "periodSeconds": 10, "failureThreshold": 3}


def test_the_users_readiness_probe_passes_as_written(pod_spec: Specs) -> None:
    own = {"httpGet": {"path": "/v1/models", "port": "http"}, "periodSeconds": 3}
    container = pod_spec(worker={"probes": {"readinessProbe": own}})["containers"][0]
    assert container["readinessProbe"] == own
    assert "livenessProbe" not in container


def test_the_environment_passes_as_written(pod_spec: Specs) -> None:
    env = [
        {"name": "MODE", "value": "fast"},
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "api"}}},
    ]
    assert pod_spec(worker={"environmentVariables": env})["containers"][0]["env"] == env


def test_users_init_containers_and_volumes_come_along(pod_spec: Specs) -> None:
    spec = pod_spec(
        kubernetes={
            "initContainers": [{"name": "warm", "image": "busybox"}],
            "volumes": [{"name": "cache", "hostPath": {"path": "/opt/dlami/nvme", "type": "Directory"}}],
        }
    )
    assert [each["name"] for each in spec["initContainers"]] == ["warm"]
    assert {"name": "cache", "hostPath": {"path": "/opt/dlami/nvme", "type": "Directory"}} in spec["volumes"]


def test_no_token_is_mounted_unless_the_user_names_an_account(endpoint: Endpoints, pod_spec: Specs) -> None:
    assert pod_spec()["automountServiceAccountToken"] is False
    named = endpoint(kubernetes={"serviceAccountName": "reader"})
    settings = OperatorSettings(enable_custom_service_accounts=True)
    spec = render(named, settings).manifests[-1]["spec"]["template"]["spec"]
    assert spec["serviceAccountName"] == "reader"
    assert "automountServiceAccountToken" not in spec
