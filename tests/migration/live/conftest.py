"""A cluster with the operator from Helm, and an account, in which migrations really run.

The API server, scheduler and nodes are those of `local`, AWS is its double. AWS's operator is closed, so
Deployments that wait stand for the old and the new one; what EKS does in a cluster when an add-on is made,
`ActingEks` does.
"""

import asyncio
import contextlib
import copy
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hyperpod_inference.api import names
from hyperpod_inference.api.crd import crds
from hyperpod_inference.cloud.addons import Eks
from hyperpod_inference.cloud.roles import Iam, Role
from hyperpod_inference.cloud.session import Session
from hyperpod_inference.cloud.tagging import Tagging
from hyperpod_inference.kube.apply import covers
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.config import load
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.kube.resources import (
    CRDS,
    DAEMON_SETS,
    DEPLOYMENTS,
    SECRETS,
    Resource,
    resource_for,
)
from hyperpod_inference.local.aws.double import AwsDouble
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.install import install, wait_for
from hyperpod_inference.migration.endpoints import ENDPOINTS
from hyperpod_inference.migration.engine import forward
from hyperpod_inference.migration.journal import Journal
from hyperpod_inference.migration.steps.owned import CLUSTER_WIDE, EKS_MANAGER, NAMESPACED, identity
from hyperpod_inference.migration.world import World

Body = dict[str, Any]
INFERENCE = "amazon-sagemaker-hyperpod-inference"
DRIVER = "aws-mountpoint-s3-csi-driver"
HELM_SERVICE = "hyperpod-inference-operator-conversion-webhook"
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
CSI_DRIVERS = Resource("storage.k8s.io", "v1", "csidrivers", "CSIDriver", namespaced=False)


class HandClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class ActingEks:
    """What EKS does in the cluster: an add-on that is made or updated gets its objects, under EKS's manager.

    The operator's pods carry the version, so a new one replaces them.
    """

    def __init__(self, client: Client, eks: Eks, clock: HandClock, objects: list[Body]) -> None:
        self._client, self._eks, self._clock, self._objects = client, eks, clock, objects

    async def pause(self, _seconds: float) -> None:
        """A minute of AWS's time, and a moment of the cluster's."""
        addon = await asyncio.to_thread(self._eks.addon, INFERENCE)
        if addon is not None and addon.status in ("CREATING", "UPDATING"):
            await self.bring(addon.version)
        driver = await asyncio.to_thread(self._eks.addon, DRIVER)
        if driver is not None and driver.status == "CREATING":
            await self._client.apply(daemon_set({"app.kubernetes.io/name": DRIVER}), EKS_MANAGER)
        if driver is not None and driver.status == "DELETING":
            await gone(self._client, DAEMON_SETS, daemon_set({}))
        self._clock.now += timedelta(minutes=1)
        await asyncio.sleep(0.1)

    async def bring(self, version: str) -> None:
        """The objects of a version are applied."""
        for body in copy.deepcopy(self._objects):
            if body["kind"] == "Deployment":
                body["spec"]["template"]["metadata"]["annotations"] = {"version": version}
            await put(self._client, body, EKS_MANAGER)


async def put(client: Client, body: Body, manager: str) -> None:
    """Apply; a CRD that says so already stays as it is: each write of one costs the server a second."""
    if body["kind"] == "CustomResourceDefinition":
        with contextlib.suppress(NotFound):
            if covers(await client.get(CRDS, body["metadata"]["name"]), body):
                return
    await client.apply(body, manager)


def daemon_set(labels: Mapping[str, str]) -> Body:
    """The S3 driver's, which the chart and the add-on both call so, with selectors of their own."""
    pod = {
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "driver", "image": "hyperpod-local/sleep:1", "args": ["infinity"]}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "s3-csi-node", "namespace": "kube-system"},
        "spec": {
            "selector": {"matchLabels": dict(labels)},
            "template": {"metadata": {"labels": dict(labels)}, "spec": pod},
        },
    }


def whole(release: Any) -> list[tuple[str, Body]]:
    """What the chart installs, its S3 driver included."""
    objects = [
        (source.partition("/")[2].removesuffix("templates/all.yaml"), body)
        for source, body in release.sourced()
    ]
    return [*objects, ("charts/s3/", daemon_set({"app": "s3-csi-node"}))]


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A cluster for these tests: other tests' operators carry the names that matter here."""
    cluster = LocalCluster(tmp_path_factory.mktemp("migration"))
    cluster.up(stay=False)
    yield cluster
    cluster.down()


@pytest.fixture(scope="module")
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(scope="module")
def server(clock: HandClock) -> Iterator[AwsDouble]:
    with AwsDouble(clock=clock, transition=timedelta(minutes=1)) as running:
        yield running


@pytest.fixture(scope="module")
def session(server: AwsDouble) -> Iterator[Session]:
    environment = server.environment()
    with pytest.MonkeyPatch.context() as patched:
        for name, value in environment.items():
            patched.setenv(name, value)
        yield Session("us-west-2")


@pytest.fixture
def aws(server: AwsDouble, session: Session, values: Body) -> AwsDouble:
    """An account with the cluster, the roles of the release, a certificate and an object of an endpoint."""
    server.reset()
    eks, iam = session.client("eks"), Iam(session)
    eks.create_cluster(
        name="example", version="1.33", roleArn="arn:aws:iam::111122223333:role/eks",
        resourcesVpcConfig={"subnetIds": ["subnet-11111111"]},
    )  # fmt: skip
    issuer = Eks(session, "example").cluster().issuer
    session.client("iam").create_open_id_connect_provider(
        Url=f"https://{issuer}", ClientIDList=["sts.amazonaws.com"], ThumbprintList=["0" * 40]
    )
    query = {"Effect": "Allow", "Action": "aps:QueryMetrics", "Resource": "*"}
    inline = {"metrics": {"Version": "2012-10-17", "Statement": [query]}}
    trust = {"Version": "2012-10-17", "Statement": []}
    for name in ("SageMakerHyperPodInference-old", "alb", "keda"):
        iam.create(Role(arn="", name=name, trust=trust, inline=inline if name == "keda" else {}))
    s3 = session.client("s3")
    s3.create_bucket(
        Bucket="hyperpod-tls-example", CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
    )
    s3.put_object(Bucket="hyperpod-tls-example", Key="chat.pem", Body=b"PEM", Tagging="team=a")
    return server


@pytest.fixture
async def client(cluster: LocalCluster) -> AsyncIterator[Client]:
    async with Client(load(cluster.kubeconfig)) as connected:
        yield connected


@pytest.fixture
async def helm_installed(
    client: Client, release_secret: Callable[..., Body], release: Callable[..., Any], values: Body
) -> AsyncIterator[None]:
    """The release in the cluster, as Helm leaves it, and an endpoint that serves."""
    given = values | {"executionRoleArn": "arn:aws:iam::111122223333:role/SageMakerHyperPodInference-old"}
    await beside(client, HELM_SERVICE)
    objects = whole(release())
    for _, body in objects:
        await client.apply(body, "helm")
    for version in (1, 2):
        await client.create(SECRETS, release_secret(given, version=version, objects=objects))
    try:
        await serve(client)
        yield
    finally:
        await remove_all(client)


@pytest.fixture
async def addon_installed(
    client: Client, world: World, addon_objects: list[Body], clock: HandClock
) -> AsyncIterator[ActingEks]:
    """The add-on v1.4.0 in the cluster, and an endpoint that serves; what EKS does goes on."""
    await beside(client, names.WEBHOOK_SERVICE)
    configuration = {
        "executionRoleArn": "arn:aws:iam::111122223333:role/SageMakerHyperPodInference-old",
        "tlsCertificateS3Bucket": "hyperpod-tls-example",
        "hyperpodClusterArn": "arn:aws:sagemaker:us-west-2:111122223333:cluster/abcdefgh1234",
    }
    world.eks.create(INFERENCE, "v1.4.0-eksbuild.1", configuration)
    acting = ActingEks(client, world.eks, clock, addon_objects)
    await acting.pause(0)
    try:
        await serve(client)
        yield acting
    finally:
        await remove_all(client)


async def beside(client: Client, converter: str) -> None:
    """What is there whoever installed the operator: namespaces, our CRDs, drivers and cert-manager."""
    for namespace in ("team", names.OPERATOR_NAMESPACE):
        await client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}, "test")
    definitions = converted_by(converter)
    if not await crds_are_there(client, definitions):
        await install(client, definitions)
    for driver in ("s3.csi.aws.com", "fsx.csi.aws.com"):
        body = {
            "apiVersion": CSI_DRIVERS.api_version,
            "kind": "CSIDriver",
            "metadata": {"name": driver},
            "spec": {},
        }
        await client.apply(body, "test")
    await client.apply(sign_of_cert_manager(), "test")


async def crds_are_there(client: Client, definitions: list[Body]) -> bool:
    live = {each["metadata"]["name"]: each for each in (await client.list(CRDS)).items}
    return all(
        each["metadata"]["name"] in live and covers(live[each["metadata"]["name"]], each)
        for each in definitions
    )


async def serve(client: Client) -> None:
    """An endpoint, until it serves."""
    for body in endpoint():
        await client.apply(body, "test")
    await wait_for("the endpoint", lambda: serving(client), 90.0)


@pytest.fixture
def world(
    client: Client, session: Session, clock: HandClock, aws: AwsDouble, addon_objects: list[Body]
) -> World:
    """What a migration acts on."""
    eks = Eks(session, "example")
    acting = ActingEks(client, eks, clock, addon_objects)
    return World(
        client=client,
        eks=eks,
        iam=Iam(session),
        tagging=Tagging(session),
        now=time.monotonic,
        pause=acting.pause,
    )


class Killed(BaseException):
    """The process ends here."""


class Deadly(Journal):
    """A journal whose process ends right after a step begins, or right before it counts as done."""

    point: tuple[str, str] = ("", "")

    def begin(self, step: str, before: Any) -> None:
        super().begin(step, before)
        if self.point == ("begun", step):
            raise Killed

    def end(self, step: str) -> None:
        if self.point == ("done", step):
            raise Killed
        super().end(step)


async def _run_until(root: Path, point: tuple[str, str], world: World) -> None:
    """Go on until the process ends at the point."""
    journal = Deadly.load(root)
    journal.point = point
    with pytest.raises(Killed):
        await forward(journal, world)


@pytest.fixture
def run_until() -> Callable[..., Any]:
    """await run_until(directory, point, world): go on until the process ends at the point."""
    return _run_until


@pytest.fixture
def addon_objects(release: Callable[..., Any]) -> list[Body]:
    """What the add-on brings: an operator, its account, its webhook's Service, and the CRDs."""
    old = "hyperpod-inference-operator-controller-manager"
    deployments = (each for each in release().objects() if each["kind"] == "Deployment")
    (operator,) = (each for each in deployments if each["metadata"]["name"] == old)
    operator = json.loads(json.dumps(operator).replace("hyperpod-inference-operator-", "hyperpod-inference-"))
    operator["metadata"].pop("annotations")
    place = {"namespace": names.OPERATOR_NAMESPACE}
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": place
        | {
            "name": names.OPERATOR_SERVICE_ACCOUNT,
            "annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/made"},
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": place | {"name": names.WEBHOOK_SERVICE},
        "spec": {"ports": [{"port": 443}], "selector": {"app.kubernetes.io/name": "x"}},
    }
    return [account, service, operator, *converted_by(names.WEBHOOK_SERVICE)]


@pytest.fixture
def state(client: Client, session: Session) -> Callable[[], Any]:
    """await state(): everything that a migration may change, comparable."""

    async def look() -> Body:
        iam, found = Iam(session), {}
        for name in [each["RoleName"] for each in session.client("iam").list_roles()["Roles"]]:
            found[name] = iam.role(name)
        return {
            "roles": found,
            "addons": {
                name: (found.version, found.configuration)
                for name, found in Eks(session, "example").addons().items()
            },
            "tags": Tagging(session).read("s3://hyperpod-tls-example/chat.pem"),
            "releases": sorted(
                each["metadata"]["name"]
                for each in (await client.list(SECRETS, label_selector="owner=helm")).items
            ),
            "deployments": sorted(
                (each["metadata"]["namespace"], each["metadata"]["name"], each["spec"]["replicas"])
                for each in (await client.list(DEPLOYMENTS)).items
            ),
            "objects": sorted([identity(each) for each in await everything(client)]),
            "selectors": sorted(
                str(each["spec"]["selector"]) for each in (await client.list(DEPLOYMENTS)).items
            ),
            "finalizers": [
                each["metadata"].get("finalizers") for each in (await client.list(ENDPOINTS)).items
            ],
            "conversion": sorted(
                each["spec"]["conversion"]["webhook"]["clientConfig"]["service"]["name"]
                for each in (await client.list(CRDS)).items
                if each["spec"].get("conversion", {}).get("strategy") == "Webhook"
            ),
            "drivers": [str(each["spec"]["selector"]) for each in (await client.list(DAEMON_SETS)).items],
            "endpoints": [each["metadata"]["uid"] for each in (await client.list(ENDPOINTS)).items],
        }

    return look


async def everything(client: Client) -> list[Body]:
    """Whatever an installation may have put into the operator's namespace or cluster-wide."""
    found: list[Body] = []
    for resource in NAMESPACED:
        found += (await client.list(resource, names.OPERATOR_NAMESPACE)).items
    for resource in CLUSTER_WIDE:
        found += [
            each
            for each in (await client.list(resource)).items
            if each["metadata"]["name"].startswith("hyperpod-inference")
        ]
    return found


def converted_by(service: str) -> list[Body]:
    """The CRDs with this Service as the converter."""
    made = copy.deepcopy(crds())
    for crd in made:
        if len(crd["spec"]["versions"]) > 1:
            where = {"namespace": names.OPERATOR_NAMESPACE, "name": service, "path": names.CONVERT_PATH}
            webhook = {"clientConfig": {"service": where}, "conversionReviewVersions": ["v1"]}
            crd["spec"]["conversion"] = {"strategy": "Webhook", "webhook": webhook}
    return made


@pytest.fixture(name="beside")
def beside_of_all() -> Callable[..., Any]:
    """await beside(client, converter)."""
    return beside


@pytest.fixture(name="serve")
def serve_for_all() -> Callable[..., Any]:
    """await serve(client)."""
    return serve


@pytest.fixture(name="remove_all")
def remove_all_of_all() -> Callable[..., Any]:
    """await remove_all(client)."""
    return remove_all


def sign_of_cert_manager() -> Body:
    """A CRD by which cert-manager is known to be there."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "certificates.cert-manager.io"},
        "spec": {
            "group": "cert-manager.io",
            "scope": "Namespaced",
            "names": {"plural": "certificates", "kind": "Certificate"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }


def endpoint() -> list[Body]:
    """An endpoint, and the Deployment that serves it, as the old operator left them."""
    labels = {"app": "chat"}
    container = {
        "name": "chat",
        "image": "hyperpod-local/http-echo:1",
        "args": ["--port", "8000"],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8000}, "periodSeconds": 1},
    }
    metadata = {"name": "chat", "namespace": "team"}
    return [
        {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND_ENDPOINT,
            "metadata": metadata,
            "spec": {
                "modelName": "chat",
                "modelSourceConfig": {
                    "modelSourceType": "s3",
                    "s3Storage": {"bucketName": "weights", "region": "us-west-2"},
                },
                "worker": {
                    "image": "hyperpod-local/http-echo:1",
                    "modelInvocationPort": {"containerPort": 8000},
                    "modelVolumeMount": {"name": "model-weights"},
                    "resources": {"limits": {"nvidia.com/gpu": 1}},
                },
            },
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8000}]},
        },
    ]


async def serving(client: Client) -> str | None:
    """None when the endpoint has a ready replica."""
    live = await client.get(DEPLOYMENTS, "chat", "team")
    return None if live.get("status", {}).get("readyReplicas") else "no ready replica"


async def remove_all(client: Client) -> None:
    """A cluster as if nothing had been installed."""
    for body in endpoint():
        if body["kind"] == names.KIND_ENDPOINT:
            with contextlib.suppress(NotFound):
                await client.patch(ENDPOINTS, "chat", "team", {"metadata": {"finalizers": None}})
        await gone(client, resource_for(body) if body["kind"] != names.KIND_ENDPOINT else ENDPOINTS, body)
    for secret in (await client.list(SECRETS, label_selector="owner=helm")).items:
        await gone(client, SECRETS, secret)
    await gone(client, DAEMON_SETS, daemon_set({}))
    for live in (await client.list(DEPLOYMENTS)).items:
        await gone(client, DEPLOYMENTS, live)
    for obj in await everything(client):
        if obj["metadata"]["name"] not in ("default", "kube-root-ca.crt"):
            await gone(client, await client.resource_of(obj), obj)


async def gone(client: Client, resource: Resource, body: Body) -> None:
    try:
        await client.delete(resource, body["metadata"]["name"], body["metadata"].get("namespace"))
    except NotFound:
        return
