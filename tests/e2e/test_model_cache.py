"""Weights on a node's disk before a pod needs them: filled, preferred, read from, and removed."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from hyperpod_inference.api import conditions, names
from hyperpod_inference.kube.client import MERGE_PATCH, Client
from hyperpod_inference.kube.resources import NODES, PODS
from hyperpod_inference.local import tryout
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.install import wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
WITHIN = 300.0
TYPE = "ml.g5.8xlarge"


async def test_a_pod_on_a_warm_node_reads_the_copy_and_the_copy_goes_with_the_endpoint(
    local_cluster: LocalCluster, client: Client, endpoint: dict[str, Any], tmp_path: Path
) -> None:
    disk = tmp_path / "nvme"
    disk.mkdir()
    name, namespace = where = endpoint["metadata"]["name"], endpoint["metadata"]["namespace"]
    endpoint["spec"] |= {
        "instanceTypes": [TYPE],
        "replicas": 0,
        "modelCacheConfig": {"weightsCache": {"enabled": True, "hostPath": str(disk)}},
    }
    await client.apply(endpoint, "test")

    async def warm() -> str | None:
        status = (await client.get(tryout.ENDPOINTS, *where)).get("status") or {}
        found = conditions.find(status.get("conditions") or (), "ModelCacheReady") or {}
        return None if found.get("status") == "True" else str(found.get("message"))

    async def labelled() -> str | None:
        selector = f"{names.NODE_INSTANCE_TYPE}={TYPE}"
        (node,) = (await client.list(NODES, label_selector=selector)).items
        labels = node["metadata"]["labels"]
        held = any(each.startswith(names.LABEL_WEIGHTS_CACHE_PREFIX) for each in labels)
        return None if held else "the node has no such label"

    await wait_for("the node to be warm", warm, WITHIN)
    await wait_for("the node's label", labelled, WITHIN)
    assert [each.name for each in disk.rglob(".complete")] == [".complete"]

    await client.patch(tryout.ENDPOINTS, *where, {"spec": {"replicas": 1}}, MERGE_PATCH)
    await tryout.endpoint_ready(client, namespace, name, replicas=1, within=WITHIN)
    (pod,) = (await client.list(PODS, namespace, label_selector=f"app={name}")).items
    assert "the model is read from /mnt/model-cache/model" in log(
        local_cluster, pod["metadata"]["name"], "model-cache"
    )

    await client.delete(tryout.ENDPOINTS, *where)

    async def removed() -> str | None:
        left = [str(each) for each in disk.rglob("*") if each.is_file()]
        return f"{left} are still there" if left else None

    async def cold() -> str | None:
        return None if await labelled() else "the node still has the label"

    await wait_for("the copy to go", removed, WITHIN)
    await wait_for("the label to go", cold, WITHIN)


def log(cluster: LocalCluster, pod: str, container: str) -> str:
    """What a container of a pod in `default` has written."""
    command = [cluster.kubectl, "--kubeconfig", str(cluster.kubeconfig), "logs", pod, "-c", container]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
