"""Intelligent routing through the real operator, the real router and real model servers."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hyperpod_inference.api import names
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.resources import DEPLOYMENTS, PODS
from hyperpod_inference.local import tryout
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.install import wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]
WITHIN = 300.0
REQUEST = {"model": "default", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}


@pytest.fixture
def routed(endpoint: dict[str, Any]) -> dict[str, Any]:
    """The example with two replicas behind a router."""
    dropped = ("autoScalingSpec", "metrics", "tlsConfig")
    spec = {key: value for key, value in endpoint["spec"].items() if key not in dropped}
    routing = {"enabled": True, "routingStrategy": "roundrobin"}
    endpoint["spec"] = spec | {"replicas": 2, "intelligentRoutingSpec": routing}
    return endpoint


async def test_answers_come_through_the_router_and_none_is_lost_while_replicas_are_killed_and_replaced(
    local_cluster: LocalCluster,
    client: Client,
    routed: dict[str, Any],
    kill_pod: Callable[[str], None],
    asking: Callable[..., Any],
) -> None:
    await client.apply(routed, "test")
    name, namespace = routed["metadata"]["name"], routed["metadata"]["namespace"]
    await _ready(client, namespace, name)
    service = names.routing_service_name(name, namespace)
    url = f"{local_cluster.front_door}/{names.OPERATOR_NAMESPACE}/{service}"
    answer = await tryout.ask(url, tryout.QUESTION)
    assert "Paris" in answer.text

    async with asking(f"{url}/v1/chat/completions", REQUEST) as load:
        killed, replaced = sorted(pod["metadata"]["name"] for pod in await _pods(client, namespace, name))
        await load.underway()
        kill_pod(killed)
        await _restarted(client, namespace, killed)
        await load.underway()
        await client.delete(PODS, replaced, namespace)
        await _gone(client, namespace, name, replaced)
        await load.underway()
    assert load.answers == {200: load.answers.total()}

    await client.delete(tryout.ENDPOINTS, name, namespace)
    await _router_gone(client, namespace)


async def _pods(client: Client, namespace: str, name: str) -> list[dict[str, Any]]:
    return (await client.list(PODS, namespace, label_selector=f"app={name}")).items


async def _eventually(what: str, holds: Callable[[], Awaitable[bool]]) -> None:
    async def missing() -> str | None:
        return None if await holds() else "not yet"

    await wait_for(what, missing, WITHIN)


async def _ready(client: Client, namespace: str, name: str) -> None:
    async def missing() -> str | None:
        found = await client.get(tryout.ENDPOINTS, name, namespace)
        told = {each["type"]: each for each in found.get("status", {}).get("conditions", ())}
        ready = [told.get(kind, {"status": "-", "message": "-"}) for kind in ("Ready", "RouterReady")]
        said = [each["message"] for each in ready if each["status"] != "True"]
        return said[0] if said else None

    await wait_for(f"endpoint {name}", missing, WITHIN)


async def _restarted(client: Client, namespace: str, pod: str) -> None:
    async def holds() -> bool:
        status = (await client.get(PODS, pod, namespace))["status"]["containerStatuses"][0]
        return bool(status["restartCount"] and status["ready"])

    await _eventually(f"pod {pod} to serve again", holds)


async def _gone(client: Client, namespace: str, name: str, pod: str) -> None:
    """The pod is no more, and two others serve."""

    async def holds() -> bool:
        pods = await _pods(client, namespace, name)
        ready = [each for each in pods if _is_ready(each)]
        return pod not in [each["metadata"]["name"] for each in pods] and len(ready) == 2

    await _eventually(f"pod {pod} to be replaced", holds)


def _is_ready(pod: dict[str, Any]) -> bool:
    told = {each["type"]: each["status"] for each in pod.get("status", {}).get("conditions", ())}
    return told.get("Ready") == "True"


async def _router_gone(client: Client, namespace: str) -> None:
    selector = f"{names.LABEL_OWNER_NAMESPACE}={namespace},{names.LABEL_COMPONENT}={names.COMPONENT_ROUTER}"

    async def holds() -> bool:
        found = await client.list(DEPLOYMENTS, names.OPERATOR_NAMESPACE, label_selector=selector)
        return not found.items

    await _eventually("the router to be removed", holds)
