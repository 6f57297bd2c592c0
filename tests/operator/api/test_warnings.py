"""What is told and not refused."""

from collections.abc import Callable
from typing import Any

import pytest

from hyperpod_inference.api.model_size import weights_size
from hyperpod_inference.api.parse import parse
from hyperpod_inference.api.warnings import warnings

Body = dict[str, Any]
PREFETCH = {"modelSourceConfig": {"prefetchEnabled": True}}
HF = {"modelSourceType": "huggingface", "s3Storage": None}
TOKEN = {"modelId": "Qwen/Qwen3-8B", "tokenSecretRef": {"name": "hf", "key": "token"}}


@pytest.mark.parametrize(
    ("spec", "path", "said"),
    [
        ({"instanceType": "ml.g5.8xlrge"}, "spec.instanceType", "did you mean ml.g5.8xlarge?"),
        ({"instanceTypes": ["g5.8xlarge"]}, "spec.instanceTypes[0]", "did you mean ml.g5.8xlarge?"),
        ({"instanceType": "ml.z9.96xlarge"}, "spec.instanceType", "if the type is new"),
        ({"instanceTypes": ["ml.g5.8xlarge"] * 2}, "spec.instanceTypes", "twice"),
        ({"instanceTypes": ["ml.g5.8xlarge", "ml.c5.4xlarge"]}, "spec.instanceTypes[1]", "never used"),
        (
            {"instanceType": "ml.g5.8xlarge", "worker": {"resources": {"requests": {"memory": "128Gi"}}}},
            "spec.worker.resources.requests.memory",
            "ask for less",
        ),
        (
            {**PREFETCH, "modelName": "llama-3-70b", "worker": {"resources": {"limits": {"memory": "64Gi"}}}},
            "spec.modelSourceConfig.prefetchEnabled",
            "the memory limit is 64 GiB and the name suggests about 130 GiB",
        ),
        (
            {**PREFETCH, "modelName": "mixtral-8x22b", "instanceType": "ml.g5.8xlarge"},
            "spec.modelSourceConfig.prefetchEnabled",
            "the memory of ml.g5.8xlarge is 128 GiB",
        ),
        (
            {"modelSourceConfig": {**HF, "huggingFaceModel": TOKEN}},
            "spec.modelSourceConfig.huggingFaceModel.tokenSecretRef",
            "set prefetchEnabled",
        ),
        (
            {"modelSourceConfig": {"modelSourceType": "huggingface", "huggingFaceModel": {"modelId": "a/b"}}},
            "spec.modelSourceConfig.s3Storage",
            "remove it",
        ),
        ({"InitialReplicaCount": 2}, "spec.InitialReplicaCount", "write replicas"),
        ({"maxDeployTimeInSeconds": 0}, "spec.maxDeployTimeInSeconds", "3600"),
        ({"kvCacheSpec": {"l2CacheSpec": {}}}, "spec.kvCacheSpec.l2CacheSpec", "set enableL2Cache"),
        (
            {"kvCacheSpec": {"cacheConfigFile": "a", "enableL1Cache": False}},
            "spec.kvCacheSpec.cacheConfigFile",
            "remove them",
        ),
        ({"intelligentRoutingSpec": {"enabled": True}}, "spec.intelligentRoutingSpec", "metrics.enabled"),
        (
            {"intelligentRoutingSpec": {"enabled": True}, "metrics": {"modelMetrics": {"port": 9000}}},
            "spec.metrics.modelMetrics.port",
            "write 8000",
        ),
        (
            {"intelligentRoutingSpec": {"enabled": True, "routingStrategy": "kvaware"}, "kvCacheSpec": {}},
            "spec.invocationEndpoint",
            "write v1/completions",
        ),
        (
            {"autoScalingSpec": {"cloudWatchTrigger": {"targetValue": 5}}},
            "spec.autoScalingSpec.cloudWatchTrigger",
            "without metricName",
        ),
        (
            {"autoScalingSpec": {"cloudWatchTrigger": {}, "cloudWatchTriggerList": [{}]}},
            "spec.autoScalingSpec.cloudWatchTrigger",
            "keep one",
        ),
        (
            {
                "modelCacheConfig": {"weightsCache": {"enabled": True}},
                "instanceType": "ml.inf2.xlarge",
                "worker": {"resources": {"limits": {"nvidia.com/gpu": None}}},
            },
            "spec.modelCacheConfig.weightsCache.enabled",
            "no local disks",
        ),
        ({"inferenceGateway": {"name": "models"}}, "spec.inferenceGateway.name", "enabled to true"),
        (
            {"pdSpec": {"prefillSpec": {}, "decodingSpec": {}}, "instanceType": "ml.g5.8xlarge"},
            "spec.pdSpec",
            "ml.p5",
        ),
        (
            {"metrics": {}, "worker": {"requestLimits": {"maxQueueSize": 4}}},
            "spec.worker.requestLimits.maxQueueSize",
            "maxConcurrentRequests",
        ),
    ],
)
def test_what_is_odd_is_told_with_its_field_and_what_to_write(
    body: Callable[..., Body], spec: Body, path: str, said: str
) -> None:
    found = [each for each in warnings(parse(body(**spec))) if each.path == path]
    assert any(said in each.message for each in found), warnings(parse(body(**spec)))


@pytest.mark.parametrize(
    "kind", ["InferenceEndpointConfig", "JumpStartModel", "SageMakerEndpointRegistration"]
)
def test_a_plain_resource_gives_no_warning(body: Callable[..., Body], kind: str) -> None:
    assert warnings(parse(body(kind))) == ()


def test_what_aws_own_client_sends_by_itself_gives_no_warning(
    body: Callable[..., Body], sent_by_client: Body
) -> None:
    assert warnings(parse(body(**sent_by_client))) == ()


def test_a_gateway_is_told_what_a_later_operator_may_refuse(body: Callable[..., Body]) -> None:
    (told,) = warnings(parse(body("InferenceGatewayConfig")))
    assert str(told).startswith("spec.tls: AWS's operator may refuse")
    assert warnings(parse(body("InferenceGatewayConfig", tls={}))) == ()


@pytest.mark.parametrize(
    ("name", "gib"),
    [
        ("Llama-3.1-70B-Instruct", 130),
        ("llama-3-70b-awq", 33),
        ("qwen2.5-0.5b", 1),
        ("Mixtral-8x7B", 104),
        ("deepseek-r1-671b-fp8", 625),
        ("gpt-oss", None),
        ("my-model-8bit", None),
        ("a7bc", None),
    ],
)
def test_a_name_tells_the_size_of_the_weights_or_nothing(name: str, gib: int | None) -> None:
    size = weights_size(name)
    assert (size and round(size.gib)) == gib
