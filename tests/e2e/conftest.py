"""The whole path on the local cluster: the operator installed from the charts, as `local up` does."""

import asyncio
import contextlib
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import boto3
import pytest

from hyperpod_inference.cli.install import example, install_into, install_operator, prepare_extras
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.config import load
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.kube.resources import PODS
from hyperpod_inference.local import tryout
from hyperpod_inference.local.aws.environment import environment
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.extras.alb import objects
from hyperpod_inference.local.install import wait_for

TENANTS = {"ml.p4d.24xlarge": 7, "ml.g5.24xlarge": 3}
CLIENTS, MOST_REQUESTS = 3, 5_000


@pytest.fixture
async def client(local_cluster: LocalCluster) -> AsyncIterator[Client]:
    async with Client(load(local_cluster.kubeconfig)) as connected:
        yield connected


@pytest.fixture
async def operator(local_cluster: LocalCluster) -> None:
    """The operator, running as a pod of the charts' Deployment."""
    await install_into(local_cluster, lambda _: None)


@pytest.fixture
async def account(
    local_cluster: LocalCluster, client: Client, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[boto3.Session]:
    """The cluster with load balancers and their AWS account, as after `local up --with alb`."""
    await install_into(local_cluster, lambda _: None, prepare_extras(("alb",), lambda _: None))
    url = local_cluster.status().aws
    assert url is not None
    for name, value in environment(url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("KUBECONFIG", str(local_cluster.kubeconfig))
    yield boto3.Session()
    for body in reversed(objects()):
        with contextlib.suppress(NotFound):
            resource = await client.resource_of(body)
            await client.delete(resource, body["metadata"]["name"], body["metadata"].get("namespace"))
    await install_operator(client, lambda _: None)  # without the account again


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


@pytest.fixture
def asking() -> "type[Load]":
    """`async with asking(url, request) as load`: requests all the while, and what became of them."""
    return Load


class Load:
    """Clients that ask one after the other, without streaming, until the context ends or a bound is met."""

    def __init__(self, url: str, request: dict[str, Any]) -> None:
        self._url, self._request, self._stop = url, request, asyncio.Event()
        self.answers: Counter[int] = Counter()
        """By status; 0: no whole answer."""

    async def __aenter__(self) -> "Load":
        self._clients = [asyncio.create_task(self._ask()) for _ in range(CLIENTS)]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._stop.set()
        await asyncio.gather(*self._clients)

    async def underway(self, more: int = 10) -> None:
        """Wait for so many further answers."""
        wanted = self.answers.total() + more

        async def missing() -> str | None:
            left = wanted - self.answers.total()
            return f"{left} answers" if left > 0 else None

        await wait_for("the load", missing, 300.0)

    async def _ask(self) -> None:
        limit = aiohttp.ClientTimeout(total=120)
        async with aiohttp.ClientSession(timeout=limit) as session:
            while not self._stop.is_set() and self.answers.total() < MOST_REQUESTS:
                try:
                    async with session.post(self._url, json=self._request) as response:
                        said = await response.json()
                        whole = response.status != 200 or "choices" in said
                        self.answers[response.status if whole else 0] += 1
                except (aiohttp.ClientError, TimeoutError, ValueError):
                    self.answers[0] += 1
