"""Which ScaledObject an endpoint's scaling block becomes, key by key, and when it becomes none."""

from collections.abc import Callable
from typing import Any

import pytest

from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render import Facts, Part, Rendered, render

Body = dict[str, Any]
Makes = Callable[..., InferenceEndpointConfig]
SETTINGS = OperatorSettings(region="us-west-2")
ABSENT = Facts(absent_crds=frozenset({"scaledobjects.keda.sh"}))
CLOUDWATCH: Body = {
    "metricName": "Invocations",
    "namespace": "AWS/SageMaker",
    "targetValue": 10.5,
    "dimensions": [{"name": "EndpointName", "value": "chat"}, {"name": "VariantName", "value": "AllTraffic"}],
}
PROMETHEUS: Body = {
    "query": "sum(rate(model_invocations_total[1m]))",
    "serverAddress": "https://aps-workspaces.us-east-2.amazonaws.com/workspaces/ws-1a2b",
    "targetValue": 5,
}


def scaler(endpoint: InferenceEndpointConfig) -> Body | None:
    found = [each for each in render(endpoint, SETTINGS).manifests if each["kind"] == "ScaledObject"]
    return found[0] if found else None


def triggers(endpoint: InferenceEndpointConfig) -> list[Body]:
    made = scaler(endpoint)
    assert made is not None
    return list(made["spec"]["triggers"])


def test_the_defaults_are_awss_and_the_target_is_the_deployment(endpoint: Makes) -> None:
    made = scaler(endpoint(autoScalingSpec={"cloudWatchTrigger": CLOUDWATCH}))
    assert made is not None
    assert made["metadata"]["name"] == "chat-scaled-object"
    assert made["metadata"]["ownerReferences"][0]["name"] == "chat"
    del made["spec"]["triggers"]
    assert made["spec"] == {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "chat"},
        "minReplicaCount": 1,
        "maxReplicaCount": 5,
        "pollingInterval": 30,
        "cooldownPeriod": 300,
        "initialCooldownPeriod": 300,
        "advanced": {
            "horizontalPodAutoscalerConfig": {
                "behavior": {
                    "scaleUp": {"stabilizationWindowSeconds": 0},
                    "scaleDown": {"stabilizationWindowSeconds": 300},
                }
            }
        },
    }


def test_a_cloudwatch_trigger_is_asked_by_kedas_own_identity(endpoint: Makes) -> None:
    assert triggers(endpoint(autoScalingSpec={"cloudWatchTrigger": CLOUDWATCH})) == [
        {
            "type": "aws-cloudwatch",
            "name": "chat-scaled-object-cloudwatch-trigger",
            "metricType": "AverageValue",
            "useCachedMetrics": True,
            "metadata": {
                "namespace": "AWS/SageMaker",
                "metricName": "Invocations",
                "dimensionName": "EndpointName;VariantName",
                "dimensionValue": "chat;AllTraffic",
                "targetMetricValue": "10.5",
                "activationTargetMetricValue": "0",
                "minMetricValue": "0",
                "metricStat": "Average",
                "metricStatPeriod": "300",
                "metricCollectionTime": "300",
                "awsRegion": "us-west-2",
                "identityOwner": "operator",
            },
        }
    ]


def test_a_prometheus_trigger_is_signed_for_the_region_of_its_workspace(endpoint: Makes) -> None:
    given = PROMETHEUS | {"metricType": "Value", "useCachedMetrics": False, "name": "load"}
    assert triggers(endpoint(autoScalingSpec={"prometheusTrigger": given})) == [
        {
            "type": "prometheus",
            "name": "load",
            "metricType": "Value",
            "useCachedMetrics": False,
            "metadata": {
                "serverAddress": "https://aps-workspaces.us-east-2.amazonaws.com/workspaces/ws-1a2b",
                "query": "sum(rate(model_invocations_total[1m]))",
                "threshold": "5",
                "activationThreshold": "0",
                "awsRegion": "us-east-2",
                "identityOwner": "operator",
            },
        }
    ]


def test_lists_beat_single_triggers_and_every_trigger_has_a_name_of_its_own(endpoint: Makes) -> None:
    spec = {
        "cloudWatchTrigger": CLOUDWATCH | {"name": "beaten"},
        "cloudWatchTriggerList": [CLOUDWATCH, CLOUDWATCH | {"name": "mine"}, CLOUDWATCH],
        "prometheusTriggerList": [PROMETHEUS, PROMETHEUS | {"name": "mine"}],
    }
    assert [each["name"] for each in triggers(endpoint(autoScalingSpec=spec))] == [
        "chat-scaled-object-cloudwatch-trigger",
        "mine",
        "chat-scaled-object-cloudwatch-trigger-2",
        "chat-scaled-object-prometheus-trigger",
        "mine-2",
    ]


@pytest.mark.parametrize(
    "spec",
    [
        None,
        {"minReplicaCount": 1},
        {"cloudWatchTrigger": {"metricStat": "Average", "dimensions": []}},
        {"cloudWatchTrigger": {}, "prometheusTrigger": {"metricType": "Value"}},
    ],
)
def test_what_measures_nothing_creates_no_scaler_and_needs_no_keda(endpoint: Makes, spec: Body) -> None:
    rendered = render(endpoint(autoScalingSpec=spec), SETTINGS, ABSENT)
    assert "ScaledObject" not in {each["kind"] for each in rendered.manifests}
    assert rendered.dependencies == ()
    assert _told(rendered) == []


@pytest.mark.parametrize(
    ("trigger", "settings", "said"),
    [
        (CLOUDWATCH | {"dimensions": []}, SETTINGS, "on Invocations are left out: KEDA takes none without"),
        (CLOUDWATCH, OperatorSettings(), "Set AWS_REGION"),
    ],
)
def test_a_trigger_that_keda_refuses_is_left_out_and_said(
    endpoint: Makes, trigger: Body, settings: OperatorSettings, said: str
) -> None:
    spec = {"cloudWatchTrigger": trigger, "prometheusTrigger": PROMETHEUS}
    rendered = render(endpoint(autoScalingSpec=spec), settings)
    (made,) = [each for each in rendered.manifests if each["kind"] == "ScaledObject"]
    assert [each["type"] for each in made["spec"]["triggers"]] == ["prometheus"]
    assert said in _told(rendered)[0]


def test_without_keda_everything_else_is_rendered_and_the_missing_definition_named(endpoint: Makes) -> None:
    given = endpoint(autoScalingSpec={"prometheusTrigger": PROMETHEUS})
    without, whole = render(given, SETTINGS, ABSENT), render(given, SETTINGS)
    assert [*without.manifests] == [each for each in whole.manifests if each["kind"] != "ScaledObject"]
    assert [(each.crd, each.present) for each in without.dependencies] == [("scaledobjects.keda.sh", False)]
    assert [each.present for each in whole.dependencies] == [True]


def _told(rendered: Rendered) -> list[str]:
    return [each.message for each in rendered.not_built if each.part is Part.AUTOSCALING]
