"""Requests, a real Prometheus behind an AWS workspace, KEDA, the autoscaler, replicas; and back to none."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from hyperpod_inference.api import names
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.resources import HORIZONTAL_POD_AUTOSCALERS
from hyperpod_inference.local import tryout
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.install import wait_for

Body = dict[str, Any]
WITHIN = 300.0
TOKENS = 2_000
"""Of a long answer: the simulator takes 50 seconds for them. The proxy's patience with one is 95 seconds."""


async def test_load_brings_replicas_where_there_is_room_and_without_it_the_last_one_goes(
    local_cluster: LocalCluster,
    client: Client,
    tenants: None,
    workspace: Any,
    scaled: Callable[..., Body],
    seen: Callable[[Body], Any],
    staged: Callable[..., Any],
    under_load: Callable[[str], Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    # What routers count: they are there while no model server is.
    query = 'sum(rate(router_requests_total{resource_name="llm-fallback"}[20s]))'
    trigger = {"serverAddress": workspace.url, "query": query, "targetValue": 1, "activationTargetValue": 0.1}
    endpoint = scaled(maxReplicaCount=3, prometheusTrigger=trigger)
    await client.apply(endpoint, "test")
    watched = seen(endpoint)
    await wait_for("KEDA's consent", watched.taken, WITHIN)
    await workspace.scrape()
    await watched.until(0)

    service = names.routing_service_name(watched.name, watched.namespace)
    url = f"{local_cluster.front_door}/{names.OPERATOR_NAMESPACE}/{service}/v1/chat/completions"

    async def counted() -> bool:
        return await workspace.value(query) > 0.1

    stages: dict[str, Any] = {"the metric is in Prometheus": counted, "KEDA sees it": watched.active}
    for replicas, who in ((1, "KEDA"), (2, "the autoscaler")):
        stages |= {
            f"{who} asks for replica {replicas}": lambda n=replicas: _at_least(n, watched.wanted()),
            f"replica {replicas} has a node": lambda n=replicas: _at_least(n, watched.pods("PodScheduled")),
            f"replica {replicas} is ready": lambda n=replicas: _at_least(n, watched.pods("Ready")),
        }
    async with under_load(url) as answers:
        async with staged(stages) as reached:
            await watched.until(3)
        with capsys.disabled():
            print(f"\n{_table(reached)}")  # noqa: T201 - for who runs it
        assert sum(answers.values()) > 0
        live = await client.get(tryout.ENDPOINTS, watched.name, watched.namespace)
        rows = await tryout.placements_of(client, live)
        assert sorted(row.instance_type for row in rows) == sorted(endpoint["spec"]["instanceTypes"])
        scaler = await client.get(
            HORIZONTAL_POD_AUTOSCALERS, f"keda-hpa-{watched.scaled_object}", watched.namespace
        )
        assert "external" in {key for each in scaler["status"]["currentMetrics"] for key in each}
    await _to_none(url, watched)


async def _at_least(wanted: int, found: Any) -> bool:
    return bool(await found >= wanted)


async def _to_none(url: str, watched: Any) -> None:
    """Back to none, with a long request in work all the while: too few to be load, and none is lost."""
    asked: list[tuple[float, float, int | str]] = []
    there = time.monotonic()

    async def one_after_the_other() -> None:
        while True:
            begun = time.monotonic()
            said = await _long(url)
            asked.append((begun, time.monotonic(), said))
            if begun > there:
                return

    async def wanted() -> str | None:
        nonlocal there
        found = await watched.wanted()
        there = time.monotonic() if found else there
        return f"{found} replicas" if found else None

    asking = asyncio.create_task(one_after_the_other())
    try:
        await wait_for("no replica to be wanted", wanted, WITHIN)
        await asking  # the last one finds nobody
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    meant = [each for each in asked if each[0] < there]
    assert [said for _, _, said in meant if said != TOKENS] == []
    assert meant[-1][1] > there, "a request was in work when the replicas went"
    await watched.until(0)


async def _long(url: str) -> int | str:
    """How many tokens the answer has; what was answered instead of one."""
    asked = {"model": "default", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": TOKENS}
    try:
        async with aiohttp.ClientSession() as session, session.post(url, json=asked) as answer:
            text = await answer.text()
            return int(json.loads(text)["usage"]["completion_tokens"]) if answer.status == 200 else text
    except aiohttp.ClientError as error:
        return repr(error)


def _table(reached: dict[str, float]) -> str:
    """As in docs/autoscaling.md."""
    rows = sorted(reached.items(), key=lambda each: each[1])
    head = ["| stage | seconds after the load began |", "| --- | --- |"]
    return "\n".join([*head, *(f"| {name} | {seconds:.1f} |" for name, seconds in rows)])
