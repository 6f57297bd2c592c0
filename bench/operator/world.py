"""The cluster that the operators look at: endpoints, and bare pods that bear their labels."""

import asyncio
import copy
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import yaml
from contenders import NAMESPACE

from hyperpod_inference.api import crd, names
from hyperpod_inference.controllers.kinds import ENDPOINTS
from hyperpod_inference.kube.client import MERGE_PATCH, Client
from hyperpod_inference.kube.config import load
from hyperpod_inference.kube.errors import ApiError
from hyperpod_inference.kube.resources import DEPLOYMENTS, PODS, SERVICE_ACCOUNTS
from hyperpod_inference.local.cluster import LocalCluster

Body = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "charts/hyperpod_charts/examples/llm-fallback.yaml"
AT_ONCE = 16
"""Requests of ours at a time."""


@asynccontextmanager
async def cluster(directory: Path) -> AsyncIterator[tuple[Path, Client]]:
    """A real control plane without nodes, with the CRDs and a namespace; gone at the end."""
    local = LocalCluster(directory, node_agent=False)
    local.up(stay=False)
    try:
        async with Client(load(local.kubeconfig)) as client:
            for each in crd.crds():
                await client.apply(each, "bench")
            named = {"name": NAMESPACE}
            await client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": named}, "bench")
            await until(lambda: client.list(ENDPOINTS, NAMESPACE), 60)
            await until(lambda: client.get(SERVICE_ACCOUNTS, "default", NAMESPACE), 60)
            yield local.kubeconfig, client
    finally:
        local.down()


async def until(holds: Callable[[], Awaitable[Any]], seconds: float) -> None:
    """Poll until it answers something true; API errors count as not yet. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while True:
            with suppress(ApiError):
                if await holds():
                    return
            await asyncio.sleep(0.25)


async def in_parallel(work: Iterable[Awaitable[Any]]) -> None:
    """All of them, some at a time."""
    waiting = iter(work)

    async def take() -> None:
        for each in waiting:
            await each

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(take())


def endpoint(number: int) -> Body:
    """An endpoint without replicas: its pods are made by hand."""
    body: Body = yaml.safe_load(EXAMPLE.read_text())
    body["metadata"] = {"name": f"model-{number}", "namespace": NAMESPACE}
    body["spec"].pop("autoScalingSpec")  # without KEDA the operator would look for it again and again
    body["spec"].pop("tlsConfig")  # there is no AWS
    body["spec"]["replicas"] = 0
    return body


async def make_endpoints(client: Client, count: int) -> None:
    """Create them; the operator that runs does the rest."""
    await in_parallel(client.apply(endpoint(number), "bench") for number in range(count))


async def judged(client: Client, count: int) -> bool:
    """Whether every endpoint has a status for its newest spec."""
    found = (await client.list(ENDPOINTS, NAMESPACE)).items
    current = [
        each
        for each in found
        if (each.get("status") or {}).get("observedGeneration") == each["metadata"]["generation"]
    ]
    return len(current) == count


async def make_pods(client: Client, endpoints: int, count: int) -> None:
    """Pods as the Deployments would make them, all running."""
    found = (await client.list(DEPLOYMENTS, NAMESPACE)).items
    templates = {each["metadata"]["name"]: each["spec"]["template"] for each in found}

    async def make(number: int) -> None:
        name = f"model-{number % endpoints}"
        await client.create(PODS, pod(f"{name}-{number}", templates[name]))
        status = {"status": running(templates[name])}
        await client.patch(PODS, f"{name}-{number}", NAMESPACE, status, MERGE_PATCH, "status")

    await in_parallel(make(number) for number in range(count))


def pod(name: str, template: Body) -> Body:
    """A bare pod, which nobody schedules."""
    made = copy.deepcopy(template)
    metadata = made["metadata"] | {"name": name, "namespace": NAMESPACE}
    spec = made["spec"] | {"schedulerName": "nobody"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def running(template: Body) -> Body:
    """The status that a kubelet writes."""
    since = "2026-01-01T00:00:00Z"
    kinds = ("PodScheduled", "Initialized", "ContainersReady", "Ready")
    states = [
        {
            "name": each["name"],
            "image": each["image"],
            "imageID": f"sha256:{'0' * 64}",
            "containerID": f"containerd://{'0' * 64}",
            "ready": True,
            "restartCount": 0,
            "state": {"running": {"startedAt": since}},
        }
        for each in template["spec"]["containers"]
    ]
    conditions = [{"type": kind, "status": "True", "lastTransitionTime": since} for kind in kinds]
    return {"phase": "Running", "conditions": conditions, "containerStatuses": states, "startTime": since}


_marks = itertools.count(1)


async def change_pods(client: Client, names_of_pods: list[str], count: int) -> None:
    """So many changes, each of one pod, in turn."""

    async def change(name: str, mark: int) -> None:
        patch = {"metadata": {"annotations": {"example.com/bench": str(mark)}}}
        await client.patch(PODS, name, NAMESPACE, patch, MERGE_PATCH)

    chosen = itertools.islice(itertools.cycle(names_of_pods), count)
    await in_parallel(change(name, next(_marks)) for name in chosen)


async def pods_of_endpoints(client: Client) -> list[str]:
    """The names of all bare pods."""
    selector = f"{names.LABEL_DEPLOYING_SERVICE}={names.DEPLOYING_SERVICE}"
    return [each["metadata"]["name"] for each in (await client.list(PODS, NAMESPACE, selector)).items]
