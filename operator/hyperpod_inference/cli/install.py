"""What `local up` and the demo install into a cluster: the charts' manifests, without the example."""

from collections.abc import Callable
from importlib import resources
from typing import Any

import yaml

from hyperpod_inference.api import names
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.cli import charts
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.config import load
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.install import deployment_available, install
from hyperpod_inference.local.servers import weights

LOCAL_SETTINGS = OperatorSettings(
    region="us-west-2",
    eks_cluster_name="hyperpod-local",
    hyperpod_cluster_arn="arn:aws:sagemaker:us-west-2:111122223333:cluster/hyperpodlocal",
    execution_role_arn="arn:aws:iam::111122223333:role/SageMakerHyperPodInference-local",
    tls_certificate_output_s3_uri="s3://hyperpod-tls-local",
)
"""AWS's documentation placeholders: the local cluster has no account behind it."""


async def install_into(cluster: LocalCluster, say: Callable[[str], None]) -> None:
    """Everything a running local cluster needs for the example: the weights in its bucket, the operator."""
    seed_weights(cluster, say)
    async with Client(load(cluster.kubeconfig)) as client:
        await install_operator(client, say)


def seed_weights(cluster: LocalCluster, say: Callable[[str], None]) -> None:
    """Put the local engine's weights where the example's S3 source points."""
    source = example()["spec"]["modelSourceConfig"]
    bucket, prefix = source["s3Storage"]["bucketName"], source["modelLocation"]
    weights.ensure_weights(say)
    weights.seed_s3(cluster.state_dir, bucket, prefix)
    say(f"s3://{bucket}/{prefix}, a local double, holds the weights of SmolLM2-135M-Instruct")


async def install_operator(client: Client, say: Callable[[str], None]) -> None:
    """Install CRDs, RBAC and the operator's Deployment, and wait until the operator is available."""
    manifests = charted(LOCAL_SETTINGS)
    count = await install(client, manifests)
    kinds = sorted({manifest["kind"] for manifest in manifests})
    say(f"applied {count} objects of the charts: {', '.join(kinds)}")
    await deployment_available(client, names.OPERATOR_NAMESPACE, names.OPERATOR_NAME)
    say(f"the operator runs: deployment/{names.OPERATOR_NAME} in {names.OPERATOR_NAMESPACE}")


def charted(settings: OperatorSettings) -> list[dict[str, Any]]:
    """Everything of the charts but the example, in apply order."""
    manifests: list[dict[str, Any]] = charts.load("synth").manifests(settings, example=False)
    return manifests


def example() -> dict[str, Any]:
    """The example endpoint that ships with the charts."""
    path = resources.files("hyperpod_charts") / "examples" / "llm-fallback.yaml"
    body: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return body
