"""The CustomResourceDefinitions in a real API server: it takes them, and says what `parse` says offline."""

import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from hyperpod_inference.api.kinds import KINDS
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.config import load
from hyperpod_inference.kube.errors import Invalid
from hyperpod_inference.local.cluster import LocalCluster

pytestmark = pytest.mark.cluster
Body = dict[str, Any]
MakeBody = Callable[..., Body]
CaseBody = Callable[[Body, str], Body]
PATHS = {kind.kind: f"/apis/{kind.api_version}/namespaces/default/{kind.plural}" for kind in KINDS}
CONTRADICTIONS = yaml.safe_load((Path(__file__).parent / "contradictions.yaml").read_text())
ROUTED = {"intelligentRoutingSpec": {"enabled": True}}


@pytest.fixture
async def client(defined: LocalCluster) -> AsyncIterator[Client]:
    async with Client(load(defined.kubeconfig)) as connected:
        yield connected


async def create(client: Client, body: Body, **params: str) -> Body:
    """Create `body` in the namespace default, unknown fields refused."""
    given = body | {"metadata": body["metadata"] | {"namespace": "default"}}
    return await client.request(
        "POST", PATHS[body["kind"]], params={"fieldValidation": "Strict"} | params, body=given
    )


@pytest.fixture
def admit(client: Client) -> Callable[[Body], Any]:
    """await admit(body): what the server would store; raises Invalid as it would, and stores nothing."""
    return lambda body: create(client, body, dryRun="All")


async def test_a_valid_object_of_each_kind_is_admitted(
    admit: Callable[[Body], Any], bodies: dict[str, Body]
) -> None:
    for body in bodies.values():
        assert (await admit(body))["kind"] == body["kind"]


async def test_fields_that_contradict_each_other_are_refused_with_the_way_out(
    admit: Callable[[Body], Any], case_body: CaseBody
) -> None:
    for case in CONTRADICTIONS:
        if case.get("offline"):
            await admit(case_body(case, "bad"))  # the server cannot tell: the webhook and the operator do
            continue
        with pytest.raises(Invalid) as caught:
            await admit(case_body(case, "bad"))
        if case.get("native"):
            continue
        assert case["remedy"] in caught.value.message
        assert case["field"] in caught.value.message or case["field"] == "metadata.name"


async def test_the_nearest_right_spec_of_each_is_admitted(
    admit: Callable[[Body], Any], case_body: CaseBody
) -> None:
    for case in CONTRADICTIONS:
        await admit(case_body(case, "good"))


async def test_what_aws_own_client_sends_by_itself_is_admitted(
    admit: Callable[[Body], Any], body: MakeBody, sent_by_client: Body
) -> None:
    stored = await admit(body(**sent_by_client))
    assert stored["spec"]["autoScalingSpec"]["cloudWatchTrigger"]["metricCollectionPeriod"] == 300


async def test_the_server_fills_in_no_field_that_clients_do_not_know(
    admit: Callable[[Body], Any], body: MakeBody
) -> None:
    stored = await admit(body(loadBalancer={}, modelCacheConfig={"weightsCache": {}}))
    assert stored["spec"]["loadBalancer"] == {
        "healthCheckPath": "/ping",
        "routingAlgorithm": "least_outstanding_requests",
    }
    assert stored["spec"]["modelCacheConfig"] == {"weightsCache": {}}


async def test_routing_cannot_be_switched_on_a_live_endpoint(client: Client, body: MakeBody) -> None:
    given = body() | {"metadata": {"name": "routing-is-immutable"}}
    path = f"{PATHS[given['kind']]}/{given['metadata']['name']}"
    await create(client, given)
    try:
        with pytest.raises(Invalid, match="delete it and create it again"):
            await client.request(
                "PATCH", path, body={"spec": ROUTED}, content_type="application/merge-patch+json"
            )
    finally:
        await client.request("DELETE", path)


STATUS = {
    "state": "DeploymentComplete",
    "replicas": 3,
    "selector": "app=shown",
    "deploymentStatus": {
        "name": "shown",
        "lastUpdated": "2026-01-01T00:00:00Z",
        "status": {"readyReplicas": 2},
    },
    "conditions": [
        {
            "type": "Ready",
            "status": "False",
            "reason": "WorkloadNotReady",
            "message": "2 of 3 replicas are ready",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
    ],
}


@pytest.fixture
async def shown(client: Client, body: MakeBody) -> AsyncIterator[None]:
    """An endpoint with a status, as the operator would write it."""
    given = body(instanceTypes=["ml.p5.48xlarge", "ml.g5.8xlarge"], endpointName="chat-prod", replicas=3)
    path = f"{PATHS[given['kind']]}/shown"
    await create(client, given | {"metadata": {"name": "shown"}})
    try:
        merge = "application/merge-patch+json"
        await client.request("PATCH", f"{path}/status", body={"status": STATUS}, content_type=merge)
        yield
    finally:
        await client.request("DELETE", path)


def kubectl(cluster: LocalCluster, *arguments: str) -> str:
    command = [cluster.kubectl, f"--kubeconfig={cluster.kubeconfig}", "-n", "default", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


async def test_kubectl_get_shows_state_replicas_types_and_endpoint_and_more_when_wide(
    defined: LocalCluster, shown: None
) -> None:
    head, row = kubectl(defined, "get", "iec", "shown").splitlines()
    assert head.split() == ["NAME", "STATE", "READY", "DESIRED", "INSTANCE-TYPES", "ENDPOINT", "AGE"]
    types = '["ml.p5.48xlarge","ml.g5.8xlarge"]'
    assert row.split()[:-1] == ["shown", "DeploymentComplete", "2", "3", types, "chat-prod"]
    head, row = kubectl(defined, "get", "iec", "shown", "-o", "wide").splitlines()
    assert head.split()[-2:] == ["SOURCE", "MESSAGE"]
    assert row.endswith("2 of 3 replicas are ready")
    assert "inferenceendpointconfig.inference.sagemaker.aws.amazon.com/shown" in kubectl(
        defined, "get", "hyperpod", "-o", "name"
    )


async def test_kubectl_scale_changes_the_replicas_and_a_scaler_finds_the_pods(
    defined: LocalCluster, client: Client, shown: None
) -> None:
    kubectl(defined, "scale", "iec/shown", "--replicas=5")
    path = f"{PATHS['InferenceEndpointConfig']}/shown"
    assert (await client.request("GET", path))["spec"]["replicas"] == 5
    scale = await client.request("GET", f"{path}/scale")
    assert scale["status"] == {"replicas": 3, "selector": "app=shown"}


async def test_kubectl_explain_says_what_a_block_and_its_fields_mean(defined: LocalCluster) -> None:
    told = kubectl(defined, "explain", "iec.spec.kvCacheSpec")
    assert "Keeping attention keys and values" in told
    for name in ("cacheConfigFile", "enableL1Cache", "enableL2Cache", "l2CacheSpec"):
        assert name in told
    assert "no description" not in told
    kubernetes_own = kubectl(defined, "explain", "iec.spec.worker.environmentVariables")
    assert "Name of the variable." in kubernetes_own
    assert "no description" not in kubernetes_own
