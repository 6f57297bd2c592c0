"""A cluster in memory that knows what a reconcile needs: apply, patch, delete, list, and who may do what."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from moto.acm.models import acm_backends
from moto.s3.models import s3_backends
from moto.sagemaker.models import sagemaker_backends

from hyperpod_inference.api import conditions, names
from hyperpod_inference.api.registration import RegistrationStatus
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.cloud.errors import CloudError
from hyperpod_inference.cloud.session import Session
from hyperpod_inference.controllers.authority import AuthorityKeeper
from hyperpod_inference.controllers.aws import services
from hyperpod_inference.controllers.caches import Caches
from hyperpod_inference.controllers.certificates import Certificates
from hyperpod_inference.controllers.endpoint import EndpointReconciler, Understand, as_it_is
from hyperpod_inference.controllers.kinds import ENDPOINTS, REGISTRATIONS
from hyperpod_inference.controllers.networks import OwnNetwork
from hyperpod_inference.controllers.records import Records
from hyperpod_inference.controllers.registrations import RegistrationReconciler
from hyperpod_inference.controllers.reporting import Reporter
from hyperpod_inference.controllers.statuses import StatusWriter
from hyperpod_inference.kube.apply import Applier
from hyperpod_inference.kube.client import ListResult
from hyperpod_inference.kube.errors import AlreadyExists, ApiError, Forbidden, NotFound
from hyperpod_inference.kube.events import EventRecorder
from hyperpod_inference.kube.resources import Resource, resource_for
from hyperpod_inference.kube.store import Key, key_of
from hyperpod_inference.local.aws import ACCOUNT
from hyperpod_inference.local.aws.double import AwsDouble
from hyperpod_inference.local.aws.sagemaker.endpoints import settle

Body = dict[str, Any]
TLS_BUCKET = "hyperpod-tls-111122223333"
REGISTERED = "fallback-chat"
SAGEMAKER_ROLE = "arn:aws:iam::111122223333:role/SageMakerHyperPodInference-example"
LOAD_BALANCER = "internal-k8s-default-albllmfa-0123456789-1111111111.us-west-2.elb.amazonaws.com"
EXAMPLE = ("default", "llm-fallback")
EXAMPLES = Path(__file__).parents[3] / "charts/hyperpod_charts/examples"


class MemoryCluster:
    """Objects by kind and key; every write is recorded as (verb, kind, name)."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[Key, Body]] = {}
        self.writes: list[tuple[str, str, str]] = []
        self.forbidden: set[tuple[str, str]] = set()
        self.refusals: dict[tuple[str, str], ApiError] = {}
        self.events: list[Body] = []
        self._version = 100

    def put(self, body: Mapping[str, Any]) -> Body:
        self._version += 1
        kind, key = body["kind"], key_of(body)
        before = self.objects.setdefault(kind, {}).get(key, {"metadata": {}})
        fixed = {"uid": before["metadata"].get("uid") or f"uid-{self._version}"}
        metadata = before["metadata"] | body["metadata"] | fixed | {"resourceVersion": str(self._version)}
        self.objects[kind][key] = before | dict(body) | {"metadata": metadata}
        return self.objects[kind][key]

    def _may(self, verb: str, kind: str, name: str) -> None:
        if verb != "get":
            self.writes.append((verb, kind, name))
        if (verb, kind) in self.forbidden:
            raise Forbidden(403, "Forbidden", f"cannot {verb} {kind}")
        if (verb, kind) in self.refusals:
            raise self.refusals[verb, kind]

    async def get(self, resource: Resource, name: str, namespace: str | None = None) -> Body:
        self._may("get", resource.kind, name)
        try:
            return self.objects[resource.kind][(namespace or "" if resource.namespaced else "", name)]
        except KeyError:
            raise NotFound(404) from None

    async def list(self, resource: Resource, *, label_selector: str) -> ListResult:
        wanted = dict(pair.split("=") for pair in label_selector.split(","))
        found = self.objects.get(resource.kind, {}).values()
        items = [each for each in found if wanted.items() <= (each["metadata"].get("labels") or {}).items()]
        return ListResult(items, "1")

    async def apply(self, body: Body, manager: str, *, subresource: str | None = None) -> Body:
        verb = f"apply/{subresource}" if subresource else "apply"
        self._may(verb, body["kind"], body["metadata"]["name"])
        assert manager == names.FIELD_MANAGER
        if subresource and key_of(body) not in self.objects.get(body["kind"], {}):
            raise NotFound(404)
        return self.put(self._with_notes(body))

    def _with_notes(self, body: Body) -> Body:
        """An apply leaves what was patched in besides."""
        known = self.objects.get(body["kind"], {}).get(key_of(body), {"metadata": {}})
        before = known["metadata"].get("annotations") or {}
        kept = {key: value for key, value in before.items() if key == names.ANNOTATION_MADE}
        if not kept:
            return body
        notes = kept | (body["metadata"].get("annotations") or {})
        return body | {"metadata": body["metadata"] | {"annotations": notes}}

    async def patch(
        self, resource: Resource, name: str, namespace: str, body: Any, kind: str, subresource: str = ""
    ) -> Body:
        self._may(f"patch/{subresource}" if subresource else "patch", resource.kind, name)
        known = self.objects[resource.kind][(namespace, name)]
        if subresource:
            (version, status) = body
            assert version["value"] == known["metadata"]["resourceVersion"]
            return self.put(known | {subresource: status["value"]})
        notes = (known["metadata"].get("annotations") or {}) | (body["metadata"].get("annotations") or {})
        kept = {"annotations": {key: value for key, value in notes.items() if value is not None}}
        merged = known | {"metadata": known["metadata"] | body["metadata"] | kept}
        if merged["metadata"].get("deletionTimestamp") and not merged["metadata"]["finalizers"]:
            del self.objects[resource.kind][(namespace, name)]
            return merged
        return self.put(merged)

    async def create(self, resource: Resource, body: Body) -> Body:
        self._may("create", resource.kind, body["metadata"]["name"])
        if key_of(body) in self.objects.get(resource.kind, {}):
            raise AlreadyExists(409)
        return self.put(body)

    async def replace(self, resource: Resource, body: Body) -> Body:
        self._may("replace", resource.kind, body["metadata"]["name"])
        return self.put(body)

    async def delete(self, resource: Resource, name: str, namespace: str | None, **_: str) -> None:
        self._may("delete", resource.kind, name)
        known = self.objects[resource.kind][(namespace or "", name)]
        if known["metadata"].get("finalizers"):
            leaving = {"deletionTimestamp": conditions.timestamp(datetime.now(UTC))}
            self.put(known | {"metadata": known["metadata"] | leaving})
            return
        del self.objects[resource.kind][(namespace or "", name)]

    async def request(self, method: str, path: str, *, body: Body, **_: float) -> None:
        if any(each["metadata"]["name"] == body["metadata"]["name"] for each in self.events):
            raise AlreadyExists(409)
        self.events.append(body)


class World:
    """A reconciler over the cluster in memory; `settle` fills its caches as reflectors would.

    Of InferenceEndpointConfigs, or of another kind with what makes endpoints of it.
    """

    def __init__(self, resource: Resource = ENDPOINTS, understand: Understand = as_it_is) -> None:
        self.resource, self.understand = resource, understand
        self.certificates: Callable[[Any], Certificates | None] = lambda client: None
        self.records: Records | None = None
        self.network: OwnNetwork | None = None
        self.settings = OperatorSettings()
        self.cluster = MemoryCluster()
        self.moment = datetime(2026, 1, 1, tzinfo=UTC)
        self.restart()

    def restart(self) -> None:
        """A new process: it remembers nothing."""
        client: Any = self.cluster
        self.caches = Caches().of(self.resource.kind)
        self.recorder = EventRecorder(client, "test", now=lambda: self.moment)
        self.statuses = StatusWriter(client, self.recorder)
        self.reconciler = EndpointReconciler(
            client=client,
            caches=self.caches,
            settings=self.settings,
            resource=self.resource,
            understand=self.understand,
            certificates=self.certificates(client),
            records=self.records,
            network=self.network,
            applier=Applier(client, names.FIELD_MANAGER, names.ANNOTATION_SPEC_HASH),
            reporter=Reporter(
                caches=self.caches, statuses=self.statuses, recorder=self.recorder, now=lambda: self.moment
            ),
        )

    def settle(self) -> None:
        stores = {self.resource: self.caches.endpoints, **self.caches.children}
        for resource, store in stores.items():
            for key in store.keys() - self.cluster.objects.get(resource.kind, {}).keys():
                store.remove(key)
            for obj in self.cluster.objects.get(resource.kind, {}).values():
                store.put(obj)

    async def reconcile(self, key: Key = ("default", "llm-fallback")) -> list[tuple[str, str, str]]:
        """Settle, reconcile once, and tell the writes."""
        self.settle()
        self.cluster.writes.clear()
        try:
            await self.reconciler(key)
        finally:
            self.settle()
        return [*self.cluster.writes]

    def status(self, kind: str | None = None, name: str = "llm-fallback") -> Body:
        return dict(self.cluster.objects[kind or self.resource.kind][("default", name)]["status"])

    def condition(self, type: str, name: str = "llm-fallback") -> Body:
        (found,) = [each for each in self.status(name=name)["conditions"] if each["type"] == type]
        return dict(found)

    def names_of(self, kind: str) -> set[str]:
        return {name for _, name in self.cluster.objects.get(kind, {})}


class SageMakerAccount:
    """What SageMaker holds; an EKS cluster and the bucket are there."""

    def __init__(self, double: AwsDouble, session: Session) -> None:
        double.reset()
        self.double, self.faults = double, double.faults
        self.most = (0, 0)
        self.aws = services(session)
        self.sagemaker: Any = session.client("sagemaker")
        s3: Any = session.client("s3")
        s3.create_bucket(Bucket=TLS_BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        eks: Any = session.client("eks")
        eks.create_cluster(
            name="hyperpod",
            roleArn="arn:aws:iam::111122223333:role/eks",
            resourcesVpcConfig={"subnetIds": ["subnet-1a", "subnet-2b"], "securityGroupIds": ["sg-1a"]},
        )

    def inventory(self) -> tuple[list[str], list[str], list[str]]:
        """Names of endpoints, configurations and models; without a call that a fault could strike."""
        settle(self.double.world)
        backend: Any = sagemaker_backends[ACCOUNT]["us-west-2"]
        return sorted(backend.endpoints), sorted(backend.endpoint_configs), sorted(backend._models)

    def certificates(self) -> list[str]:
        """ARNs of all certificates."""
        known = acm_backends[ACCOUNT]["us-west-2"]._certificates
        return sorted(known)

    def objects(self) -> list[str]:
        """Keys of all objects in the bucket."""
        return sorted(s3_backends[ACCOUNT]["aws"].buckets[TLS_BUCKET].keys)

    def count(self) -> None:
        """Remember how many endpoints and certificates there were at most; without a call to strike."""
        now = len(sagemaker_backends[ACCOUNT]["us-west-2"].endpoints), len(self.certificates())
        self.most = max(self.most[0], now[0]), max(self.most[1], now[1])

    def endpoint(self, name: str = REGISTERED) -> Body:
        return dict(self.sagemaker.describe_endpoint(EndpointName=name))

    def model(self, name: str = REGISTERED) -> Body:
        resource = self.endpoint(name)["EndpointConfigName"]
        return dict(self.sagemaker.describe_model(ModelName=resource))

    def tags(self, arn: str) -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in self.sagemaker.list_tags(ResourceArn=arn)["Tags"]}

    def foreign(self, name: str = REGISTERED, tags: Body | None = None) -> None:
        """An endpoint that somebody else made."""
        self.sagemaker.create_model(ModelName="theirs", ExecutionRoleArn=SAGEMAKER_ROLE)
        variant = {"VariantName": "a", "ModelName": "theirs", "InstanceType": "ml.m5.large"}
        variants = [variant | {"InitialInstanceCount": 1}]
        self.sagemaker.create_endpoint_config(EndpointConfigName="theirs", ProductionVariants=variants)
        pairs = [{"Key": key, "Value": value} for key, value in (tags or {}).items()]
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName="theirs", Tags=pairs)


class Registering:
    """A model that names a SageMaker endpoint, with both reconcilers that are concerned."""

    def __init__(
        self, world: World, account: SageMakerAccount, example: Body, settings: OperatorSettings
    ) -> None:
        self.world, self.account = world, account
        self.tick = timedelta(minutes=1)
        world.moment = datetime.now(UTC).replace(microsecond=0)
        account.double.world.clock = lambda: world.moment
        world.settings = settings
        world.network = OwnNetwork(settings=settings, aws=lambda: account.aws)
        world.certificates = lambda client: Certificates(
            settings=settings,
            authority=AuthorityKeeper(client, names.OPERATOR_NAMESPACE, lambda: world.moment),
            now=lambda: world.moment - timedelta(hours=1),  # ACM goes by its own clock
            aws=lambda: account.aws,
        )
        example["spec"]["tlsConfig"] = {"tlsCertificateOutputS3Uri": f"s3://{TLS_BUCKET}/llm"}
        example["spec"]["endpointName"] = REGISTERED
        example["spec"].pop("autoScalingSpec", None)
        self.restart()
        world.cluster.put(example)

    def restart(self) -> None:
        """A new process: it remembers nothing."""
        self.world.restart()
        self.reconciler = RegistrationReconciler(
            client=self.world.cluster,
            store=self.world.caches.children[REGISTRATIONS],
            settings=self.world.settings,
            statuses=self.world.statuses,
            recorder=self.world.recorder,
            aws=lambda: self.account.aws,
            now=lambda: self.world.moment,
        )

    async def balanced(self) -> None:
        """The load balancer has an address, so the registration is made."""
        await self.world.reconcile()
        ingress = self.world.cluster.objects["Ingress"][("default", "alb-llm-fallback")]
        self.world.cluster.put(
            ingress | {"status": {"loadBalancer": {"ingress": [{"hostname": LOAD_BALANCER}]}}}
        )
        await self.world.reconcile()

    async def balanced_through_failures(self) -> None:
        """`balanced`, in as many tries as it takes."""
        for _ in range(20):
            with contextlib.suppress(CloudError):
                await self.balanced()
            if self.registration() is not None:
                return
            self.world.moment += self.tick
        raise AssertionError("no registration was made")

    def is_there(self) -> bool:
        """Whether the model or its registration is still in the cluster."""
        kinds = (names.KIND_ENDPOINT, names.KIND_REGISTRATION)
        return any(EXAMPLE in self.world.cluster.objects.get(kind, {}) for kind in kinds)

    async def register(self, key: tuple[str, str] = EXAMPLE) -> float | None:
        """Reconcile the registration once; seconds until it wants to be looked at again."""
        self.world.settle()
        try:
            result = await self.reconciler(key)
        finally:
            self.account.count()
            self.world.settle()
        return result.requeue_after

    async def until_steady(self, tries: int = 30) -> None:
        """Both reconcile, through failures, while SageMaker's time passes, until nothing is to be done."""
        for _ in range(tries):
            self.world.moment += self.tick
            wait: float | None = 0.0
            with contextlib.suppress(CloudError):
                await self.world.reconcile()
            with contextlib.suppress(CloudError):
                wait = await self.register()
            if self.registration() is None or wait == pytest.approx(600):
                return
        raise AssertionError(f"not steady: {self.registration()}")

    def registration(self) -> Body | None:
        found = self.world.cluster.objects.get(names.KIND_REGISTRATION, {}).get(EXAMPLE)
        return None if found is None else dict(found)

    def status(self) -> Body:
        found = self.registration()
        assert found is not None
        RegistrationStatus.model_validate(found["status"])
        return dict(found["status"])

    def ready(self) -> Body:
        (found,) = [each for each in self.status()["conditions"] if each["type"] == "Ready"]
        return dict(found)

    def edit(self, **spec: Any) -> None:
        known = self.world.cluster.objects[names.KIND_ENDPOINT][EXAMPLE]
        metadata = known["metadata"] | {"generation": known["metadata"]["generation"] + 1}
        kept = {key: value for key, value in (known["spec"] | spec).items() if value is not None}
        self.world.cluster.put(known | {"spec": kept, "metadata": metadata})

    def delete(self, kind: str = names.KIND_REGISTRATION) -> None:
        known = self.world.cluster.objects[kind][EXAMPLE]
        moment = conditions.timestamp(self.world.moment)
        self.world.cluster.put(known | {"metadata": known["metadata"] | {"deletionTimestamp": moment}})


@pytest.fixture(scope="module")
def session(double: AwsDouble) -> Iterator[Session]:
    """Of the double, with the clients of `services` made, and without retries."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in double.environment().items():
            patch.setenv(name, value)
        patch.setattr("hyperpod_inference.cloud.session.ATTEMPTS", 1)  # a failure is to be seen
        made = Session("us-west-2")
        services(made)
        yield made


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def example() -> Body:
    """The packaged example, as the API server returns it after creation."""
    path = EXAMPLES / "llm-fallback.yaml"
    body: Body = yaml.safe_load(path.read_text())
    body["metadata"] |= {"generation": 1}
    assert resource_for(body) == ENDPOINTS
    return body


@pytest.fixture
def edited(world: World) -> Callable[..., None]:
    """Changes fields of the example's spec in the cluster, as a user would."""

    def edit(**spec: Any) -> None:
        known = world.cluster.objects[names.KIND_ENDPOINT][("default", "llm-fallback")]
        metadata = known["metadata"] | {"generation": known["metadata"]["generation"] + 1}
        world.cluster.put(known | {"spec": known["spec"] | spec, "metadata": metadata})

    return edit


@pytest.fixture
def registering_of(
    world: World, double: AwsDouble, session: Session, example: Body
) -> Callable[[OperatorSettings], Registering]:
    """A model that names a SageMaker endpoint, under an operator with these settings."""
    return lambda settings: Registering(world, SageMakerAccount(double, session), example, settings)
