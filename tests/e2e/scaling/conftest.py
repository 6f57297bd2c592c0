"""A local cluster with the real KEDA and AWS on loopback, an endpoint that scales by it, and what is seen."""

import asyncio
import os
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hyperpod_inference.api import conditions, names
from hyperpod_inference.cli.install import install_extras_into, prepare_extras
from hyperpod_inference.cli.local import progress_line
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.kube.resources import DEPLOYMENTS, PODS, SCALED_OBJECTS
from hyperpod_inference.local import tryout
from hyperpod_inference.local.aws.environment import environment
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.install import wait_for

Body = dict[str, Any]
WITHIN = 300.0
REQUEST = {"model": "default", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
PACE = 0.1
"""Seconds from one answer to the next request."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of them ask for a build of minutes, and for a cluster of their own."""
    here = Path(__file__).parent
    reason = "builds KEDA: run `make keda`"
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.cluster)
            item.add_marker(pytest.mark.timeout(5400))  # with a build on a small machine
            item.add_marker(pytest.mark.skipif(not os.environ.get("HYPERPOD_KEDA"), reason=reason))


@pytest.fixture(scope="session")
def local_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A cluster as `local up --with alb --with keda` makes it; other tests must find none of it in theirs."""
    added = prepare_extras(["alb", "keda"], lambda progress: print(progress_line(progress)))  # noqa: T201
    cluster = LocalCluster(tmp_path_factory.mktemp("keda-cluster"))
    cluster.up(stay=False)
    try:
        asyncio.run(install_extras_into(cluster, print, added))
        yield cluster
    finally:
        cluster.down()


@pytest.fixture
def aws(local_cluster: LocalCluster) -> Callable[[str], Any]:
    """Clients of the cluster's AWS account, under its owner's keys."""
    import boto3  # seconds: not for those who are passed over

    url = local_cluster.status().aws
    assert url is not None
    told = environment(url)
    session = boto3.Session(
        told["AWS_ACCESS_KEY_ID"], told["AWS_SECRET_ACCESS_KEY"], region_name=told["AWS_REGION"]
    )
    return lambda service: session.client(service, endpoint_url=url)


@pytest.fixture
def prometheus_program() -> str:
    """The program; where there is none, the test is passed over."""
    found = os.environ.get("HYPERPOD_PROMETHEUS") or shutil.which("prometheus")
    if found is None:
        pytest.skip("no prometheus on PATH, nor in HYPERPOD_PROMETHEUS (Debian: apt install prometheus)")
    return found


@pytest.fixture
async def scaled(endpoint: Body, client: Client) -> AsyncIterator[Callable[..., Body]]:
    """The example behind a router, with simulated servers, scaled as is said: none while nobody asks."""
    name, namespace = endpoint["metadata"]["name"], endpoint["metadata"]["namespace"]
    dropped = ("autoScalingSpec", "tlsConfig")  # its metrics stay: the proxy lets requests in work end
    spec = {key: value for key, value in endpoint["spec"].items() if key not in dropped}

    def made(**scaling: Any) -> Body:
        pace = {
            "minReplicaCount": 0,
            "pollingInterval": 3,
            "cooldownPeriod": 5,
            "initialCooldownPeriod": 0,
            "scaleDownStabilizationTime": 0,
        }
        endpoint["spec"] = spec | {
            "replicas": 1,
            "worker": spec["worker"] | {"image": "hyperpod-local/simulator:1"},
            "intelligentRoutingSpec": {"enabled": True, "routingStrategy": "roundrobin"},
            "autoScalingSpec": pace | scaling,
        }
        return endpoint

    yield made
    with suppress(NotFound):
        await client.delete(tryout.ENDPOINTS, name, namespace)
    # KEDA has a finalizer on its ScaledObject: while that is there, KEDA is not to be stopped.
    await wait_for("KEDA to let go", lambda: _there(client, name, namespace), WITHIN)


async def _there(client: Client, name: str, namespace: str) -> str | None:
    with suppress(NotFound):
        await client.get(SCALED_OBJECTS, names.scaled_object_name(name), namespace)
        return "its ScaledObject is still there"
    return None


class Seen:
    """What is seen of an endpoint that scales."""

    def __init__(self, client: Client, endpoint: Body) -> None:
        self._client = client
        self.name, self.namespace = endpoint["metadata"]["name"], endpoint["metadata"]["namespace"]
        self.scaled_object = names.scaled_object_name(names.deployment_name(self.name))

    async def taken(self) -> str | None:
        """What KEDA has against it; None once it took it."""
        live = await self._client.get(tryout.ENDPOINTS, self.name, self.namespace)
        told = live.get("status", {}).get("conditions", ())
        found = conditions.find(told, conditions.AUTOSCALING_READY) or {}
        return None if found.get("status") == "True" else str(found.get("message") or "nothing said yet")

    async def active(self) -> bool:
        """Whether KEDA finds that a trigger asks for replicas."""
        live = await self._client.get(SCALED_OBJECTS, self.scaled_object, self.namespace)
        told = conditions.find(live.get("status", {}).get("conditions", ()), "Active") or {}
        return told.get("status") == "True"

    async def wanted(self) -> int:
        """Replicas of the Deployment that are asked for."""
        return int((await self._client.get(DEPLOYMENTS, self.name, self.namespace))["spec"]["replicas"])

    async def pods(self, condition: str) -> int:
        """Those that stay and have this condition."""
        found = (await self._client.list(PODS, self.namespace, label_selector=f"app={self.name}")).items
        told = [
            conditions.find(each.get("status", {}).get("conditions") or (), condition) or {}
            for each in found
            if not each["metadata"].get("deletionTimestamp")
        ]
        return sum(each.get("status") == "True" for each in told)

    async def until(self, replicas: int) -> None:
        """Wait until so many replicas are wanted and ready."""

        async def other() -> str | None:
            wanted, ready = await self.wanted(), await self.pods("Ready")
            return None if wanted == ready == replicas else f"{ready} of {wanted}"

        await wait_for(f"{replicas} replicas", other, WITHIN)


@pytest.fixture
def seen(client: Client) -> Callable[[Body], Seen]:
    """What is seen of this endpoint."""
    return lambda endpoint: Seen(client, endpoint)


Stage = Callable[[], Awaitable[bool]]


@pytest.fixture
def staged() -> Callable[[dict[str, Stage]], Any]:
    """`async with staged(stages) as reached`: seconds from here until each was first seen."""
    return _staged


@asynccontextmanager
async def _staged(stages: dict[str, Stage]) -> AsyncIterator[dict[str, float]]:
    begun, reached = time.monotonic(), dict[str, float]()

    async def watch() -> None:
        while len(reached) < len(stages):
            for name, stage in stages.items():
                if name not in reached and await stage():
                    reached[name] = time.monotonic() - begun
            await asyncio.sleep(PACE)

    watching = asyncio.create_task(watch())
    try:
        yield reached
        async with asyncio.timeout(WITHIN):
            await watching
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


@pytest.fixture
def under_load() -> Callable[[str], Any]:
    """`async with under_load(url) as answers`: one client that asks all the while, whatever the answer."""
    return _under_load


@asynccontextmanager
async def _under_load(url: str) -> AsyncIterator[Counter[int]]:
    answers: Counter[int] = Counter()

    async def ask() -> None:
        async with aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.post(url, json=REQUEST) as answer:
                        await answer.read()
                        answers[answer.status] += 1
                except aiohttp.ClientError:
                    answers[0] += 1
                await asyncio.sleep(PACE)

    asking = asyncio.create_task(ask())
    try:
        yield answers
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
