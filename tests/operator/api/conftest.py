"""Bodies to parse: a small valid one of each kind, with overrides."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from hyperpod_inference.api.crd import crds
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.config import load
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.install import install

Body = dict[str, Any]

ENDPOINT: Body = {
    "apiVersion": "inference.sagemaker.aws.amazon.com/v1",
    "kind": "InferenceEndpointConfig",
    "metadata": {"name": "chat", "namespace": "team-a"},
    "spec": {
        "modelName": "chat",
        "modelSourceConfig": {
            "modelSourceType": "s3",
            "s3Storage": {"bucketName": "weights", "region": "us-west-2"},
        },
        "worker": {
            "image": "vllm/vllm-openai:v0.10.2",
            "modelInvocationPort": {"containerPort": 8000},
            "modelVolumeMount": {"name": "model-weights"},
            "resources": {"limits": {"nvidia.com/gpu": 1}},
        },
    },
}
JUMPSTART: Body = {
    "apiVersion": "inference.sagemaker.aws.amazon.com/v1",
    "kind": "JumpStartModel",
    "metadata": {"name": "llama"},
    "spec": {
        "model": {"modelId": "meta-textgeneration-llama-3-1-8b", "acceptEula": True},
        "server": {"instanceType": "ml.g5.8xlarge"},
    },
}
REGISTRATION: Body = {
    "apiVersion": "inference.sagemaker.aws.amazon.com/v1",
    "kind": "SageMakerEndpointRegistration",
    "metadata": {"name": "chat"},
    "spec": {
        "eksClusterDetails": {
            "arn": "arn:aws:eks:us-west-2:111122223333:cluster/demo",
            "clusterSecurityGroupId": "sg-1",
            "name": "demo",
            "securityGroupIds": ["sg-2"],
            "subnetIds": ["subnet-1"],
            "vpcId": "vpc-1",
        },
        "executionRole": "arn:aws:iam::111122223333:role/Inference",
        "imageUri": "vllm/vllm-openai:v0.10.2",
        "instanceType": "ml.g5.8xlarge",
        "loadBalancerHostName": "internal-alb.example.com",
        "name": "chat",
        "restApiId": "abc",
        "tlsConfig": {"tlsCertificateOutputS3Bucket": "hyperpod-tls", "tlsCertificateS3Keys": ["chat.pem"]},
    },
}
GATEWAY: Body = {
    "apiVersion": "inference.sagemaker.aws.amazon.com/v1alpha1",
    "kind": "InferenceGatewayConfig",
    "metadata": {"name": "models"},
    "spec": {
        "bbr": {"enabled": True},
        "schedulers": [
            {"name": "chat", "modelName": "chat", "modelSelector": {"matchLabels": {"app": "chat"}}},
        ],
    },
}
BODIES = {body["kind"]: body for body in (ENDPOINT, JUMPSTART, REGISTRATION, GATEWAY)}


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> Body:
    """`base` with `changes` put over it, block by block; None removes a field."""
    out = dict(base)
    for key, value in changes.items():
        if value is None:
            out.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(base.get(key), Mapping):
            out[key] = merged(base[key], value)
        else:
            out[key] = value
    return out


@pytest.fixture
def body() -> Callable[..., Body]:
    """body(kind, **spec): a valid manifest of that kind with these fields in its spec."""

    def of(kind: str = "InferenceEndpointConfig", **spec: Any) -> Body:
        return merged(BODIES[kind], {"spec": spec})

    return of


@pytest.fixture
def case_body(body: Callable[..., Body]) -> Callable[[Body, str], Body]:
    """case_body(case, "bad" or "good"): the manifest of a case of contradictions.yaml or warnings.yaml."""

    def of(case: Body, form: str) -> Body:
        spec, metadata = ("spec", "metadata") if form == "bad" else ("good", "good_metadata")
        given = body(case.get("kind", "InferenceEndpointConfig"), **case.get(spec, {}))
        return given | {"metadata": merged(given["metadata"], case.get(metadata, {}))}

    return of


@pytest.fixture(scope="session")
def defined(control_plane: LocalCluster) -> LocalCluster:
    """The shared control plane with the definitions of all kinds, and nobody who acts on them."""

    async def define() -> None:
        async with Client(load(control_plane.kubeconfig)) as client:
            await install(client, crds())

    asyncio.run(define())
    return control_plane


@pytest.fixture
def bodies() -> dict[str, Body]:
    """A small valid manifest of each kind."""
    return BODIES


@pytest.fixture
def sent_by_client() -> Body:
    """Fields of a spec that AWS's own client sends without being asked, half-empty blocks included."""
    return {
        "autoScalingSpec": {
            "minReplicaCount": 1,
            "maxReplicaCount": 5,
            "cloudWatchTrigger": {"metricType": "Average", "minValue": 0, "dimensions": []},
        },
        "tlsConfig": {},
        "endpointName": "",
        "metrics": {"enabled": False},
        "intelligentRoutingSpec": {"enabled": False, "routingStrategy": "prefixaware"},
        "inferenceGateway": {"enabled": True},
        "instanceType": "ml.g5.8xlarge",
        "instanceTypes": [],
        "nodeAffinity": {},
        "worker": {
            "resources": {"requests": {"cpu": 4, "nvidia.com/gpu": "0"}},
            "environmentVariables": [],
        },
    }
