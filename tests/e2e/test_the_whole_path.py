"""A custom resource in, a real chat completion out, through the real scheduler."""

import json
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from hyperpod_inference.api import names
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.resources import DEPLOYMENTS, PODS, SERVICES
from hyperpod_inference.local import tryout
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.install import deployment_available, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
READY_WITHIN = 300.0


async def ready(client: Client, body: dict[str, Any]) -> dict[str, Any]:
    metadata = body["metadata"]
    return await tryout.endpoint_ready(
        client,
        metadata["namespace"],
        metadata["name"],
        replicas=body["spec"]["replicas"],
        within=READY_WITHIN,
    )


async def test_replicas_fall_back_in_order_and_a_real_engine_answers(
    local_cluster: LocalCluster, client: Client, tenants: None, endpoint: dict[str, Any]
) -> None:
    await client.apply(endpoint, "test")
    seen = await ready(client, endpoint)

    rows = await tryout.placements_of(client, seen)
    assert [row.instance_type for row in rows] == endpoint["spec"]["instanceTypes"]
    assert [row.choice for row in rows] == [1, 2, 3]
    assert "7 by default/training" in rows[1].why

    name, namespace = endpoint["metadata"]["name"], endpoint["metadata"]["namespace"]
    answer = await tryout.ask(f"{local_cluster.front_door}/{namespace}/{name}", tryout.QUESTION)
    assert "Paris" in answer.text
    assert answer.completion_tokens > 0

    await gpus_at_work(client, namespace, name)
    operators = f"{PODS.path(names.OPERATOR_NAMESPACE)}/{await operator_pod(client)}:8443/proxy/metrics"
    starts = told([await client.text(operators)], f"{names.METRIC_COLD_START}_count", name, 'stage="total"')
    assert starts and starts[0] >= 3

    status = seen["status"]
    assert status["observedGeneration"] == seen["metadata"]["generation"]
    conditions = {c["type"]: c for c in status["conditions"]}
    assert conditions["Ready"]["status"] == "True"
    assert conditions["TLSReady"]["status"] == "False", "there is no AWS"
    assert conditions["TLSReady"]["reason"] == "AwsUnavailable"

    table = kubectl(local_cluster, "get", "iec", name, "-n", namespace)
    assert "DeploymentComplete" in table
    assert "3" in table.splitlines()[1].split()


async def test_an_operator_killed_in_the_middle_of_the_path_comes_back_and_finishes(
    client: Client, endpoint: dict[str, Any], kill_pod: Callable[[str], None]
) -> None:
    body = json.loads(json.dumps(endpoint))
    body["spec"]["replicas"] = 1
    await client.apply(body, "test")
    metadata = body["metadata"]

    async def begun() -> str | None:
        await client.get(DEPLOYMENTS, metadata["name"], metadata["namespace"])
        return None

    await wait_for("the operator to begin", begun, 60.0)
    kill_pod(await operator_pod(client))

    seen = await ready(client, body)
    assert seen["status"]["state"] == "DeploymentComplete"
    await deployment_available(client, names.OPERATOR_NAMESPACE, names.OPERATOR_NAME)
    children = await client.list(SERVICES, metadata["namespace"], label_selector=f"app={metadata['name']}")
    found = sorted(child["metadata"]["name"] for child in children.items)
    assert found == [metadata["name"], f"{metadata['name']}-routing-service"]


async def operator_pod(client: Client) -> str:
    deployment = await client.get(DEPLOYMENTS, names.OPERATOR_NAME, names.OPERATOR_NAMESPACE)
    labels = deployment["spec"]["selector"]["matchLabels"]
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    pods = await client.list(PODS, names.OPERATOR_NAMESPACE, label_selector=selector)
    (pod,) = pods.items
    return str(pod["metadata"]["name"])


async def gpus_at_work(client: Client, namespace: str, name: str) -> None:
    """The nodes tell that the engines hold memory of their GPUs, and that one has computed."""
    pods = (await client.list(PODS, namespace, label_selector=f"app={name}")).items
    paths = [f"/api/v1/nodes/{pod['spec']['nodeName']}:9400/proxy/metrics" for pod in pods]
    busy = [0.0]

    async def missing() -> str | None:
        pages = [await client.text(path) for path in paths]
        busy.extend(told(pages, "DCGM_FI_DEV_GPU_UTIL", name))
        used = told(pages, "DCGM_FI_DEV_FB_USED", name)
        there = max(busy) > 0 and min(used, default=0.0) > 1024
        return None if there else f"busy {max(busy)}, MiB {used}"

    await wait_for("the nodes' GPUs", missing, 60.0)


def told(pages: Sequence[str], metric: str, *labels: str) -> list[float]:
    """The values of a metric whose labels hold these texts."""
    lines = [line for page in pages for line in page.splitlines() if line.startswith(f"{metric}{{")]
    return [float(line.rpartition(" ")[2]) for line in lines if all(text in line for text in labels)]


def kubectl(cluster: LocalCluster, *arguments: str) -> str:
    command = [cluster.kubectl, "--kubeconfig", str(cluster.kubeconfig), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
