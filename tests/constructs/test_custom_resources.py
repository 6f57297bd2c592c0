"""Endpoints as constructs: the verdict of `validate` at synth, the manifest for kubectl, metrics and
alarms."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Annotations, Match, Template

from hyperpod_constructs import (
    EndpointError,
    EndpointMetrics,
    InferenceEndpoint,
    JumpStartEndpoint,
    PropertyError,
)
from hyperpod_inference.api.parse import parse

EXAMPLE = Path(__file__).parents[2] / "charts/hyperpod_charts/examples/llm-fallback.yaml"
JUMPSTART = {
    "model": {"modelId": "huggingface-eqa-bert-base-cased"},
    "server": {"instanceType": "ml.c5.2xlarge"},
    "sageMakerEndpoint": {"name": "bert"},
}


def _spec(**changes: Any) -> dict[str, Any]:
    spec = {
        "modelName": "llm",
        "instanceType": "ml.g5.8xlarge",
        "invocationEndpoint": "v1/chat/completions",
        "modelSourceConfig": {
            "modelSourceType": "s3",
            "modelLocation": "llm",
            "s3Storage": {"bucketName": "models-mine", "region": "us-west-2"},
        },
        "worker": {
            "image": "111122223333.dkr.ecr.us-west-2.amazonaws.com/vllm:0.11",
            "modelInvocationPort": {"containerPort": 8000, "name": "http"},
            "modelVolumeMount": {"name": "model-weights", "mountPath": "/opt/ml/model"},
            "resources": {
                "limits": {"nvidia.com/gpu": "1"},
                "requests": {"cpu": "4", "memory": "16Gi", "nvidia.com/gpu": "1"},
            },
        },
    }
    return spec | changes


def _manifest(template: Template) -> Any:
    (parameter,) = template.find_resources("AWS::SSM::Parameter").values()
    return parameter["Properties"]["Value"]


def test_the_manifest_is_the_resource_that_a_cluster_takes(synthesize: Callable[..., Template]) -> None:
    template = synthesize(lambda stack: InferenceEndpoint(stack, "Chat", name="chat", spec=_spec()))
    body = json.loads(_manifest(template))
    assert parse(body).metadata.name == "chat"
    (command,) = template.find_outputs("*").values()
    text = json.dumps(command["Value"])
    assert "/hyperpod-inference/Stack/InferenceEndpointConfig/default/chat" in text
    assert "kubectl apply --server-side -f -" in text


def test_a_name_that_is_known_at_deployment_passes_and_is_filled_in(
    synthesize: Callable[..., Template],
) -> None:
    def build(stack: Stack) -> None:
        source = _spec()["modelSourceConfig"]
        bucket = s3.Bucket(stack, "Models")
        source["s3Storage"]["bucketName"] = bucket.bucket_name
        InferenceEndpoint(stack, "Chat", name="chat", spec=_spec(modelSourceConfig=source))

    template = synthesize(build)
    (bucket,) = template.find_resources("AWS::S3::Bucket")
    parts = _manifest(template)["Fn::Join"][1]
    assert [part for part in parts if isinstance(part, dict)] == [{"Ref": bucket}]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"replicas": -1}, "Stack/Chat: spec.replicas: replicas is below 0: use 0 or more"),
        ({"instanceTypes": ["ml.g5.8xlarge"]}, "Stack/Chat: spec"),
        ({"worker": {}}, r"Stack/Chat: spec.worker.image.*and \d more"),
        ({"modelNam": "x"}, "Stack/Chat: spec.modelNam: .*did you mean modelName"),
    ],
)
def test_what_a_cluster_would_refuse_ends_the_synth(
    synthesize: Callable[..., Template], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(EndpointError, match=message):
        synthesize(lambda stack: InferenceEndpoint(stack, "Chat", name="chat", spec=_spec(**changes)))


def test_what_a_cluster_would_warn_of_is_a_warning_of_the_synth() -> None:
    stack = Stack(App(builtin_cloud_formation_validation=False), "Stack")
    InferenceEndpoint(stack, "Chat", name="chat", spec=_spec(instanceType="ml.zz9.8xlarge"))
    Annotations.from_stack(stack).has_warning("/Stack/Chat", Match.string_like_regexp("spec.instanceType"))


def test_a_file_with_one_resource_is_taken_as_it_is(synthesize: Callable[..., Template]) -> None:
    template = synthesize(lambda stack: InferenceEndpoint.from_file(stack, "Chat", EXAMPLE))
    assert json.loads(_manifest(template))["metadata"]["name"] == "llm-fallback"


def test_a_file_with_another_kind_is_refused(synthesize: Callable[..., Template]) -> None:
    with pytest.raises(PropertyError, match=r"Chat: path: .*expected a file with one JumpStartModel"):
        synthesize(lambda stack: JumpStartEndpoint.from_file(stack, "Chat", EXAMPLE))


def test_invoking_is_granted_for_the_endpoint_that_the_resource_names(
    synthesize: Callable[..., Template],
) -> None:
    def build(stack: Stack) -> None:
        user = iam.Role(stack, "User", assumed_by=iam.AccountRootPrincipal())
        JumpStartEndpoint(stack, "Bert", name="bert", spec=JUMPSTART).grant_invoke(user)

    (policy,) = synthesize(build).find_resources("AWS::IAM::Policy").values()
    assert ":endpoint/bert" in json.dumps(policy)


def test_invoking_cannot_be_granted_without_a_sagemaker_endpoint(synthesize: Callable[..., Template]) -> None:
    def build(stack: Stack) -> None:
        user = iam.Role(stack, "User", assumed_by=iam.AccountRootPrincipal())
        InferenceEndpoint(stack, "Chat", name="chat", spec=_spec()).grant_invoke(user)

    with pytest.raises(PropertyError, match=r"spec.endpointName: got None, expected the name of a SageMaker"):
        synthesize(build)


def test_alarms_watch_the_endpoints_own_metrics(synthesize: Callable[..., Template]) -> None:
    def build(stack: Stack) -> None:
        metrics = EndpointMetrics("chat", "search")
        metrics.alarm_on_errors(stack, "Errors", percent=2)
        metrics.alarm_on_latency(stack, "Slow", milliseconds=2000)
        metrics.alarm_on_time_to_first_byte(stack, "Late", milliseconds=500)

    template = synthesize(build)
    dimensions = Match.array_with([{"Name": "resource_name", "Value": "chat"}])
    template.has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {
            "Namespace": "HyperPodInference",
            "MetricName": "model_latency_milliseconds",
            "ExtendedStatistic": "p90",
            "Threshold": 2000,
            "Dimensions": dimensions,
        },
    )
    text = json.dumps(template.find_resources("AWS::CloudWatch::Alarm"))
    for name in ("model_invocations_total", "model_errors_total", "model_ttfb_milliseconds"):
        assert name in text


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda stack: EndpointMetrics("a", "A_b"), "namespace: got 'A_b'"),
        (lambda stack: EndpointMetrics("a").alarm_on_errors(stack, "A", percent=0), "percent: got 0"),
        (
            lambda stack: EndpointMetrics("a").alarm_on_latency(stack, "A", milliseconds=0),
            "milliseconds: got 0",
        ),
    ],
)
def test_a_wrong_argument_is_named(build: Any, message: str, synthesize: Callable[..., Template]) -> None:
    with pytest.raises(PropertyError, match=message):
        synthesize(build)
