"""A real control plane with simulated HyperPod nodes and no kubelet: where the scheduler binds is the answer.

Twenty nodes, two of each instance type in two zones, with the types' real processors, memory and GPUs.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.instance_types import INSTANCE_TYPES
from hyperpod_inference.api.parse import parse
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.kube.client import MERGE_PATCH, Client
from hyperpod_inference.kube.config import load
from hyperpod_inference.kube.resources import DEPLOYMENTS, NODES, PODS, REPLICA_SETS
from hyperpod_inference.local import nodes
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.render import render
from hyperpod_inference.render.plan.room import Room, rooms

Body = dict[str, Any]
EXAMPLE = Path(__file__).parents[3] / "charts/hyperpod_charts/examples/llm-fallback.yaml"
NAMESPACE = "default"
WITHIN = 60.0
"""Seconds for the scheduler's answer; it takes one."""


class Fleet:
    """The nodes of a control plane, and endpoints put on them one after the other."""

    # Most preferred first, in the tests.
    types = (
        "ml.p5.48xlarge",
        "ml.p4d.24xlarge",
        "ml.g6e.48xlarge",
        "ml.g5.48xlarge",
        "ml.g6.48xlarge",
        "ml.g6e.24xlarge",
        "ml.g5.24xlarge",
        "ml.g6.24xlarge",
        "ml.g5.12xlarge",
        "ml.g5.8xlarge",
    )

    def __init__(self, client: Client, kubeconfig: Path) -> None:
        self.client, self.kubeconfig = client, kubeconfig
        made = nodes.make([name for name in self.types for _ in range(2)])
        self.nodes = [
            replace(node, zone=zone)
            for node, zone in zip(made, itertools.cycle(("us-west-2a", "us-west-2b")), strict=False)
        ]
        self.type_of = {node.name: node.instance_type.name for node in self.nodes}

    def of(self, instance_type: str) -> list[str]:
        """The names of the nodes of a type, in the order of their zones."""
        return [name for name, found in self.type_of.items() if found == instance_type]

    async def register(self) -> None:
        """Report every node as ready, as a kubelet does every few seconds; no test lasts so long.

        Puts back what a test has changed of labels, taints and cordons.
        """
        now = datetime.now(UTC)
        await asyncio.gather(*(self._register(node, now) for node in self.nodes))
        await self._until(self._untainted)

    async def _register(self, node: nodes.LocalNode, now: datetime) -> None:
        since = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        status = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node.name}}
        await self.client.apply(node.body(), "fleet")
        await self.client.apply(status | {"status": node.status(now, since)}, "fleet", subresource="status")

    async def _untainted(self) -> bool:
        found = (await self.client.list(NODES)).items
        return not any(node["spec"].get("taints") for node in found)

    async def make_unhealthy(self, name: str) -> None:
        """What HyperPod's health monitoring does to a node with a failing check."""
        key = "sagemaker.amazonaws.com/node-health-status"
        labels = {"metadata": {"labels": {key: "UnschedulablePendingReplacement"}}}
        await self.client.patch(NODES, name, None, labels, MERGE_PATCH)
        await self.taint(name, key, "Unschedulable")

    async def taint(self, name: str, key: str, value: str) -> None:
        """Give the node one taint, with the effect NoSchedule."""
        taints = [{"key": key, "value": value, "effect": "NoSchedule"}]
        await self.client.patch(NODES, name, None, {"spec": {"taints": taints}}, MERGE_PATCH)

    async def offer(self, name: str, amounts: Mapping[str, str]) -> None:
        """Let the node offer other amounts, until it is registered again."""
        patch = {"status": {"capacity": amounts, "allocatable": amounts}}
        await self.client.patch(NODES, name, None, patch, MERGE_PATCH, subresource="status")

    async def heal(self, name: str) -> None:
        """Take the taints away again; the rest is put back by `register`."""
        await self.client.patch(NODES, name, None, {"spec": {"taints": None}}, MERGE_PATCH)

    async def place(self, manifests: Sequence[Body]) -> list[str]:
        """Apply, wait until every replica is bound, and remove the workload; answers the nodes' names."""
        for manifest in manifests:
            await self.client.apply(manifest, "fleet")
        deployment = manifests[-1]
        try:
            await self._until(lambda: self._all_bound(deployment))
            return [pod["spec"]["nodeName"] for pod in await self.pods(deployment)]
        finally:
            await self.remove(deployment)

    async def pods(self, deployment: Body) -> list[Body]:
        """The pods of a Deployment."""
        return (await self.client.list(PODS, NAMESPACE, label_selector=_selector(deployment))).items

    async def by_type(self, manifests: Sequence[Body]) -> Counter[str]:
        """Replicas by instance type."""
        return Counter(self.type_of[name] for name in await self.place(manifests))

    async def rooms(self) -> tuple[Room, ...]:
        """The nodes as `plan` sees them."""
        return rooms((await self.client.list(NODES)).items, (await self.client.list(PODS)).items)

    async def remove(self, deployment: Body) -> None:
        """Remove the workload at once: no kubelet is there to end its pods."""
        selector = _selector(deployment)
        await self.client.delete(DEPLOYMENTS, deployment["metadata"]["name"], NAMESPACE)
        await self._until(lambda: self._none_left(REPLICA_SETS, selector))
        now = {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0}
        path, params = PODS.path(NAMESPACE), {"labelSelector": selector}
        await self.client.request("DELETE", path, params=params, body=now)
        await self._until(lambda: self._none_left(PODS, selector))

    async def _all_bound(self, deployment: Body) -> bool:
        found = await self.pods(deployment)
        bound = [pod for pod in found if pod["spec"].get("nodeName")]
        return len(bound) == len(found) == deployment["spec"]["replicas"]

    async def _none_left(self, resource: Any, selector: str) -> bool:
        return not (await self.client.list(resource, NAMESPACE, label_selector=selector)).items

    async def _until(self, check: Callable[[], Any]) -> None:
        async with asyncio.timeout(WITHIN):
            while True:
                if await check():
                    return
                await asyncio.sleep(0.05)


def _selector(deployment: Body) -> str:
    labels: Mapping[str, str] = deployment["spec"]["selector"]["matchLabels"]
    return ",".join(f"{key}={value}" for key, value in labels.items())


@pytest.fixture(scope="session")
def scheduler_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A control plane of these tests' own: pods of other tests on its nodes would change the scores."""
    cluster = LocalCluster(tmp_path_factory.mktemp("scheduler-cluster"), node_agent=False)
    cluster.up(stay=False)
    yield cluster
    cluster.down()


@pytest.fixture
async def fleet(scheduler_cluster: LocalCluster) -> AsyncIterator[Fleet]:
    """The twenty nodes, ready and empty."""
    async with Client(load(scheduler_cluster.kubeconfig)) as client:
        made = Fleet(client, scheduler_cluster.kubeconfig)
        await made.register()
        yield made


@pytest.fixture
def workload() -> Callable[..., list[Body]]:
    """workload(replicas=20, cpu="4", memory="24Gi", **spec): what `render` makes of such an endpoint.

    Each replica asks for one `accelerator`. The Deployment comes last.
    """

    def make(
        replicas: int = 20,
        cpu: str = "4",
        memory: str = "24Gi",
        accelerator: str = "nvidia.com/gpu",
        **spec: Any,
    ) -> list[Body]:
        body = yaml.safe_load(EXAMPLE.read_text())
        body["metadata"] = {"name": "ordered", "namespace": NAMESPACE}
        del body["spec"]["instanceTypes"]
        body["spec"] |= {"replicas": replicas} | spec
        one = {accelerator: "1"}
        body["spec"]["worker"]["resources"] = {
            "requests": {"cpu": cpu, "memory": memory} | one,
            "limits": one,
        }
        endpoint = parse(body)
        assert isinstance(endpoint, InferenceEndpointConfig)
        return list(render(endpoint, OperatorSettings()).manifests)

    return make


@pytest.fixture
def misplaced() -> Callable[[Sequence[str], Mapping[str, int]], int]:
    """misplaced(types, placed): replicas that a true order would have put on a more preferred type."""

    def count(types: Sequence[str], placed: Mapping[str, int]) -> int:
        left, wrong = sum(placed.values()), 0
        for name in types:
            here = min(left, 2 * INSTANCE_TYPES[name].accelerator_count)
            wrong += max(0, placed.get(name, 0) - here)
            left -= here
        return wrong

    return count
