"""The shared cluster with the operator from the charts in it, for tests of what the operator serves."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from hyperpod_inference.api import names
from hyperpod_inference.cli.install import LOCAL_SETTINGS, charted
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.config import load
from hyperpod_inference.kube.errors import Invalid, NotFound
from hyperpod_inference.kube.resources import DEPLOYMENTS
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.install import deployment_available, install, wait_for

ENDPOINTS = f"/apis/{names.API_VERSION}/namespaces/default/inferenceendpointconfigs"
# A rule that CEL cannot say: no volume has the name of the model's mount.
ONLY_THE_WEBHOOK_REFUSES: dict[str, Any] = {
    "apiVersion": names.API_VERSION,
    "kind": names.KIND_ENDPOINT,
    "metadata": {"name": "is-the-webhook-there", "namespace": "default"},
    "spec": {
        "modelName": "chat",
        "modelSourceConfig": {"modelSourceType": "kubernetesVolume"},
        "kubernetes": {"volumes": [{"name": "scratch", "emptyDir": {}}]},
        "worker": {
            "image": "vllm/vllm-openai:v0.10.2",
            "modelInvocationPort": {"containerPort": 8000},
            "modelVolumeMount": {"name": "model-weights"},
            "resources": {"limits": {"nvidia.com/gpu": 1}},
        },
    },
}


@pytest.fixture
def chat_spec() -> dict[str, Any]:
    """A small valid spec of an InferenceEndpointConfig: vLLM, one GPU, weights in S3."""
    return {
        "modelName": "chat",
        "modelSourceConfig": {
            "modelSourceType": "s3",
            "s3Storage": {"bucketName": "weights", "region": "us-west-2"},
            "modelLocation": "chat",
        },
        "worker": {
            "image": "vllm/vllm-openai:v0.10.2",
            "modelInvocationPort": {"containerPort": 8000},
            "modelVolumeMount": {"name": "model-weights"},
            "resources": {"limits": {"nvidia.com/gpu": 1}},
        },
    }


@pytest.fixture
async def operated(local_cluster: LocalCluster) -> AsyncIterator[Client]:
    """A client of the shared cluster, whose operator converts and validates."""
    async with Client(load(local_cluster.kubeconfig)) as client:
        try:
            await client.get(DEPLOYMENTS, names.OPERATOR_NAME, names.OPERATOR_NAMESPACE)
        except NotFound:
            await install(client, charted(LOCAL_SETTINGS))
        await deployment_available(client, names.OPERATOR_NAMESPACE, names.OPERATOR_NAME, within=300.0)
        await wait_for("the webhook", partial(_is_not_asked, client), 120.0)
        yield client


async def _is_not_asked(client: Client) -> str | None:
    try:
        await client.request("POST", ENDPOINTS, params={"dryRun": "All"}, body=ONLY_THE_WEBHOOK_REFUSES)
    except Invalid:
        return None
    return "what only the webhook refuses is admitted"
