"""Two endpoints and a user share one gateway on a real API server: each keeps what is its own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import pytest
import yaml

from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.parse import parse
from hyperpod_inference.controllers.gateway_link import GATEWAYS, GatewayLink
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.config import load
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.install import install

pytestmark = pytest.mark.cluster
Body = dict[str, Any]
NAMESPACE = "gateway-test"
USERS = """
apiVersion: inference.sagemaker.aws.amazon.com/v1alpha1
kind: InferenceGatewayConfig
metadata: {name: shared, namespace: gateway-test}
spec:
  bbr: {enabled: false}
  schedulers:
    - name: mine
      modelName: mine
      modelSelector: {matchLabels: {app: mine}}
      weights: {queue: 5}
"""


@pytest.fixture
async def client(
    control_plane: LocalCluster, with_crds: Callable[[Client], Awaitable[None]]
) -> AsyncIterator[Client]:
    async with Client(load(control_plane.kubeconfig)) as connected:
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        await with_crds(connected)
        await install(connected, [namespace])
        yield connected
        for each in (await connected.list(GATEWAYS, NAMESPACE)).items:
            await connected.delete(GATEWAYS, each["metadata"]["name"], NAMESPACE)


def endpoint(example: Body, name: str, gateway: str | None) -> InferenceEndpointConfig:
    metadata = example["metadata"] | {"name": name, "namespace": NAMESPACE, "uid": f"uid-of-{name}"}
    spec = example["spec"] | {"modelName": name}
    spec |= {"inferenceGateway": {"enabled": True, "name": gateway}} if gateway else {}
    return cast(InferenceEndpointConfig, parse(example | {"metadata": metadata, "spec": spec}))


async def schedulers(client: Client, gateway: str = "shared") -> dict[str, Body]:
    live = await client.get(GATEWAYS, gateway, NAMESPACE)
    return {each["name"]: each for each in live["spec"]["schedulers"]}


async def test_endpoints_join_and_leave_a_gateway_of_a_users(client: Client, example: Body) -> None:
    link = GatewayLink(client)
    await client.apply(yaml.safe_load(USERS), "kubectl")
    one, two = (endpoint(example, name, "shared") for name in ("one", "two"))

    for each in (one, two):
        gateway, failures = await link.keep(each, {})
        assert failures == []
        assert gateway is not None
    found = await schedulers(client)
    assert set(found) == {"mine", "one", "two"}
    assert found["mine"]["weights"]["queue"] == 5
    assert (await client.get(GATEWAYS, "shared", NAMESPACE))["spec"]["bbr"]["enabled"] is True

    added = {"name": "one", "weights": {"prefix": 9}}
    users = yaml.safe_load(USERS)
    users["spec"]["schedulers"] = [*users["spec"]["schedulers"], added]
    users["spec"].pop("bbr")
    await client.apply(users, "kubectl")
    before = await client.get(GATEWAYS, "shared", NAMESPACE)
    await link.keep(one, {"inferenceGateway": {"name": "shared"}})
    after = await client.get(GATEWAYS, "shared", NAMESPACE)
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"], "nothing to write"
    assert (await schedulers(client))["one"]["weights"]["prefix"] == 9

    await link.keep(endpoint(example, "one", None), {"inferenceGateway": {"name": "shared"}})
    assert set(await schedulers(client)) == {"mine", "two"}

    await link.keep(endpoint(example, "two", "another"), {"inferenceGateway": {"name": "shared"}})
    assert set(await schedulers(client)) == {"mine"}
    assert set(await schedulers(client, "another")) == {"two"}


async def test_a_gateway_that_does_not_exist_is_made_and_one_that_is_gone_is_left(
    client: Client, example: Body
) -> None:
    link = GatewayLink(client)
    made, failures = await link.keep(endpoint(example, "one", "fresh"), {})
    assert failures == []
    assert made is not None
    assert made["spec"]["bbr"]["enabled"] is False
    await link.leave(NAMESPACE, "fresh", "one")
    assert set(await schedulers(client, "fresh")) == {"one"}, "a gateway cannot be without schedulers"
    await link.leave(NAMESPACE, "never-there", "one")
    with pytest.raises(NotFound):
        await client.get(GATEWAYS, "never-there", NAMESPACE)
