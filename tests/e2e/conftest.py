"""The whole path on the local cluster: the operator installed from the charts, as `local up` does."""

import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from hyperpod_inference.cli.install import example, install_into
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.config import load
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.kube.resources import PODS
from hyperpod_inference.local import tryout
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.install import wait_for

TENANTS = {"ml.p4d.24xlarge": 7, "ml.g5.24xlarge": 3}


@pytest.fixture
async def client(local_cluster: LocalCluster) -> AsyncIterator[Client]:
    async with Client(load(local_cluster.kubeconfig)) as connected:
        yield connected


@pytest.fixture
async def operator(local_cluster: LocalCluster) -> None:
    """The operator, running as a pod of the charts' Deployment."""
    await install_into(local_cluster, lambda _: None)


@pytest.fixture
async def tenants(client: Client) -> AsyncIterator[None]:
    """Other work holds most of the preferred types' GPUs, so that one GPU of each type is left."""
    pods = [tryout.tenant(instance_type, gpus) for instance_type, gpus in TENANTS.items()]
    for pod in pods:
        await client.apply(pod, "test")
    for pod in pods:
        await tryout.pod_running(client, pod)
    yield
    for pod in pods:
        await client.delete(PODS, pod["metadata"]["name"], "default", grace_period_seconds=0)
    await gone(client, "app=training")


@pytest.fixture
async def endpoint(client: Client, operator: None) -> AsyncIterator[dict[str, Any]]:
    """The example of the charts; its pods are gone when the test ends."""
    body = example()
    yield body
    name, namespace = body["metadata"]["name"], body["metadata"]["namespace"]
    try:
        await client.delete(tryout.ENDPOINTS, name, namespace)
    except NotFound:
        return
    await gone(client, f"app={name}")


@pytest.fixture
def kill_pod() -> Callable[[str], None]:
    """SIGKILL the processes of a pod whose container has POD_NAME, as an out-of-memory kill would."""
    return _kill


def _kill(pod: str) -> None:
    marker = f"POD_NAME={pod}".encode()
    victims = [
        int(process.name)
        for process in Path("/proc").iterdir()
        if process.name.isdigit() and marker in _environment(process)
    ]
    assert victims, f"no process of pod {pod} is running"
    for victim in victims:
        os.kill(victim, signal.SIGKILL)


def _environment(process: Path) -> list[bytes]:
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


async def gone(client: Client, selector: str, within: float = 90.0) -> None:
    """Wait until no pod of `default` has these labels."""

    async def missing() -> str | None:
        left = (await client.list(PODS, "default", label_selector=selector)).items
        return None if not left else f"{[pod['metadata']['name'] for pod in left]} are still there"

    await wait_for(f"pods {selector} to go", missing, within)
