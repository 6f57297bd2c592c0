"""Changes that replace every pod of an endpoint, under load: another model source; roles that come and go."""

from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from hyperpod_inference.api import conditions, names
from hyperpod_inference.kube.client import MERGE_PATCH, Client
from hyperpod_inference.kube.resources import DEPLOYMENTS, PERSISTENT_VOLUME_CLAIMS
from hyperpod_inference.local import tryout
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.install import wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]
WITHIN = 300.0
HUGGING_FACE = {
    "modelSourceType": "huggingface",
    "huggingFaceModel": {"modelId": "org/model"},
    "s3Storage": None,
    "modelLocation": None,
}
ROLES = {"prefillSpec": {}, "decodingSpec": {}, "routingThreshold": 1}
# A quarter of a second for each answer of the simulator's.
REQUEST = {"model": "default", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 10}


@pytest.fixture
def simulated(endpoint: dict[str, Any]) -> dict[str, Any]:
    """The example with one replica of the light server."""
    dropped = ("autoScalingSpec", "metrics", "tlsConfig")
    spec = {key: value for key, value in endpoint["spec"].items() if key not in dropped}
    worker = spec["worker"] | {"image": "hyperpod-local/simulator:1"}
    endpoint["spec"] = spec | {"replicas": 1, "worker": worker}
    return endpoint


async def test_no_answer_is_lost_while_the_source_changes_and_roles_come_and_go(
    local_cluster: LocalCluster, client: Client, simulated: dict[str, Any], asking: Callable[..., Any]
) -> None:
    await client.apply(simulated, "test")
    name, namespace = simulated["metadata"]["name"], simulated["metadata"]["namespace"]
    url = f"{local_cluster.front_door}/{namespace}"

    async def change(**spec: Any) -> None:
        await client.patch(tryout.ENDPOINTS, name, namespace, {"spec": spec}, MERGE_PATCH)

    async def settled(*deployments: str) -> None:
        """Ready for the newest spec, with these Deployments in the endpoint's namespace and no other."""

        async def missing() -> str | None:
            found = await client.list(DEPLOYMENTS, namespace, label_selector=f"{names.LABEL_APP}={name}")
            there = sorted(each["metadata"]["name"] for each in found.items)
            body = await client.get(tryout.ENDPOINTS, name, namespace)
            status = body.get("status") or {}
            ready = conditions.find(status.get("conditions") or (), conditions.READY) or {}
            current = ready.get("observedGeneration") == body["metadata"]["generation"]
            if there == sorted(deployments) and current and ready.get("status") == "True":
                return None
            return f"{there}; {ready.get('message')}"

        await wait_for(f"{', '.join(deployments)} and nothing else", missing, WITHIN)

    async def claims_gone() -> str | None:
        found = await client.list(PERSISTENT_VOLUME_CLAIMS, namespace, label_selector=f"app={name}")
        return f"{len(found.items)} claims left" if found.items else None

    async def nothing_lost() -> None:
        await load.underway()
        assert load.answers == {200: load.answers.total()}

    await settled(name)
    async with asking(f"{url}/{name}/v1/chat/completions", REQUEST) as load:
        await load.underway()
        await change(modelSourceConfig=HUGGING_FACE)
        await wait_for("the old source's claim to go, after the pods that mounted it", claims_gone, WITHIN)
        await settled(name)
        await nothing_lost()

        await change(pdSpec=ROLES)
        await settled(f"prefill-{name}", f"decode-{name}")
        await nothing_lost()
        before = await prompts(f"{url}/prefill-{name}")
        router = names.routing_service_name(name, namespace)
        through = f"{local_cluster.front_door}/{names.OPERATOR_NAMESPACE}/{router}"
        assert (await tryout.ask(through, "word " * 200)).completion_tokens > 0
        assert await prompts(f"{url}/prefill-{name}") > before

        await change(pdSpec=None)
        await settled(name)
        await nothing_lost()
    assert load.answers == {200: load.answers.total()}


async def prompts(server: str) -> float:
    """How many tokens of prompts a server has read."""
    async with aiohttp.ClientSession() as session, session.get(f"{server}/metrics") as response:
        lines = (await response.text()).splitlines()
    return sum(
        float(line.rpartition(" ")[2]) for line in lines if line.startswith("vllm:prompt_tokens_total")
    )
