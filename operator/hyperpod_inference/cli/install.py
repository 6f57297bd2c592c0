"""What `local up` and the demo install into a cluster: the charts' manifests, without the example."""

import copy
import os
from collections.abc import Callable, Iterable, Mapping
from importlib import resources
from typing import Any

import yaml

from hyperpod_inference.api import names
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.cli import charts
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.config import load
from hyperpod_inference.local.alb import names as alb
from hyperpod_inference.local.aws import REGION
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.extras import adding
from hyperpod_inference.local.extras.known import EXTRAS
from hyperpod_inference.local.install import deployment_available, install
from hyperpod_inference.local.prerequisites import Host
from hyperpod_inference.local.progress import Report
from hyperpod_inference.local.servers import weights

LOCAL_SETTINGS = OperatorSettings(
    region=REGION,
    eks_cluster_name=alb.CLUSTER,
    hyperpod_cluster_arn="arn:aws:sagemaker:us-west-2:111122223333:cluster/hyperpodlocal",
    execution_role_arn=alb.ROLE,
    tls_certificate_output_s3_uri=f"s3://{alb.BUCKET}",
)
"""AWS's documentation placeholders: the local cluster has no account behind it, but with the extra `alb`."""

Say = Callable[[str], None]
Added = Mapping[str, list[dict[str, Any]]]
"""Extras by name, with what `adding.prepared` answered for each."""


def prepare_extras(extras: Iterable[str], report: Report) -> Added:
    """Build these extras, which may take minutes the first time. Raises NoExtraError."""
    return {name: adding.prepared(EXTRAS[name], os.environ, Host(), report) for name in extras}


async def install_into(cluster: LocalCluster, say: Say, added: Added | None = None) -> None:
    """All that a running local cluster needs for the example: weights in its bucket, extras, the operator."""
    seed_weights(cluster, say)
    async with Client(load(cluster.kubeconfig)) as client:
        await install_extras(client, added or {}, say)
        await install_operator(client, say, added or ())


async def install_extras_into(cluster: LocalCluster, say: Say, added: Added) -> None:
    """The extras alone."""
    async with Client(load(cluster.kubeconfig)) as client:
        await install_extras(client, added, say)


async def install_extras(client: Client, added: Added, say: Say) -> None:
    """Install the extras, in order, and wait until each runs."""
    for name, manifests in added.items():
        await adding.add(client, EXTRAS[name], manifests, say)


def seed_weights(cluster: LocalCluster, say: Say) -> None:
    """Put the local engine's weights where the example's S3 source points."""
    source = example()["spec"]["modelSourceConfig"]
    bucket, prefix = source["s3Storage"]["bucketName"], source["modelLocation"]
    weights.ensure_weights(say)
    weights.seed_s3(cluster.state_dir, bucket, prefix)
    say(f"s3://{bucket}/{prefix}, a local double, holds the weights of SmolLM2-135M-Instruct")


async def install_operator(client: Client, say: Say, extras: Iterable[str] = ()) -> None:
    """Install CRDs, RBAC and the operator's Deployment, and wait until the operator is available.

    extras: names of those that are there; the charts are made for them.
    """
    manifests = charted(LOCAL_SETTINGS, extras)
    count = await install(client, manifests)
    kinds = sorted({manifest["kind"] for manifest in manifests})
    say(f"applied {count} objects of the charts: {', '.join(kinds)}")
    await deployment_available(client, names.OPERATOR_NAMESPACE, names.OPERATOR_NAME)
    say(f"the operator runs: deployment/{names.OPERATOR_NAME} in {names.OPERATOR_NAMESPACE}")


def charted(settings: OperatorSettings, extras: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Everything of the charts but the example, in apply order, made for a cluster with these extras."""
    added = [EXTRAS[name] for name in extras]
    choices = {key: value for each in added for key, value in each.choices.items()}
    told = {key: value for each in added for key, value in each.settings.items()}
    environment = {key: value for each in added for key, value in each.environment.items()}
    settings = settings.model_copy(update=told)
    manifests: list[dict[str, Any]] = charts.load("synth").manifests(settings, example=False, **choices)
    return [_with_environment(each, environment) for each in manifests]


def _with_environment(manifest: dict[str, Any], variables: Mapping[str, str]) -> dict[str, Any]:
    """The operator's Deployment with further variables; any other manifest as it is."""
    if manifest["kind"] != "Deployment" or manifest["metadata"]["name"] != names.OPERATOR_NAME:
        return manifest
    changed = copy.deepcopy(manifest)
    for container in changed["spec"]["template"]["spec"]["containers"]:
        named = {each["name"] for each in container["env"]}
        container["env"] += [
            {"name": name, "value": value} for name, value in variables.items() if name not in named
        ]
    return changed


def example() -> dict[str, Any]:
    """The example endpoint that ships with the charts."""
    path = resources.files("hyperpod_charts") / "examples" / "llm-fallback.yaml"
    body: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return body
