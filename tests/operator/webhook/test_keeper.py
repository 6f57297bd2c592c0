"""The keeper against an API server in memory: who writes the Secret, and who is to be trusted."""

import asyncio
import base64
import copy
from typing import Any

import pytest

from hyperpod_inference.api import names
from hyperpod_inference.api.crd import crds
from hyperpod_inference.kube.errors import AlreadyExists, Conflict, NotFound
from hyperpod_inference.kube.resources import Resource
from hyperpod_inference.webhook.certificates import BadMaterial, Material, issued
from hyperpod_inference.webhook.keeper import Keeper, hosts, is_ours, secret_of

Body = dict[str, Any]
Clock = Any
NAMESPACE = names.OPERATOR_NAMESPACE
SECRET = names.WEBHOOK_SECRET
DEFINITIONS = {each["metadata"]["name"]: each for each in crds()}
for each in DEFINITIONS.values():
    each["spec"]["versions"] = []  # large, and nothing to this test
SERVICE = {"name": names.WEBHOOK_SERVICE, "namespace": NAMESPACE}


def configuration(**annotations: str) -> Body:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": names.VALIDATING_WEBHOOK, "annotations": annotations},
        "webhooks": [{"name": "validate.example", "clientConfig": {"service": SERVICE}}],
    }


class Server:
    """Objects by name, and the names of those that were written."""

    def __init__(self) -> None:
        self.objects: dict[str, Body] = copy.deepcopy(DEFINITIONS)
        self.objects[names.VALIDATING_WEBHOOK] = configuration()
        self.writes: list[str] = []

    async def get(self, resource: Resource, name: str) -> Body:
        if name not in self.objects:
            raise NotFound(404)
        return copy.deepcopy(self.objects[name])

    async def create(self, resource: Resource, body: Body) -> None:
        if body["metadata"]["name"] in self.objects:
            raise AlreadyExists(409)
        self._put(body)

    async def replace(self, resource: Resource, body: Body) -> None:
        now = self.objects[body["metadata"]["name"]]["metadata"]
        if body["metadata"]["resourceVersion"] != now["resourceVersion"]:
            raise Conflict(409)
        self._put(body)

    async def apply(self, body: Body, manager: str) -> None:
        assert manager == names.FIELD_MANAGER
        name = body["metadata"]["name"]
        self.writes.append(name)
        if "webhooks" in body:
            self.objects[name]["webhooks"][0]["clientConfig"] |= body["webhooks"][0]["clientConfig"]
        else:
            client_config = body["spec"]["conversion"]["webhook"]["clientConfig"]
            assert client_config.keys() == {"caBundle"}
            self.objects[name]["spec"]["conversion"]["webhook"]["clientConfig"] |= client_config

    def put(self, body: Body) -> None:
        """As another client."""
        self._put(body)
        self.writes.clear()

    def _put(self, body: Body) -> None:
        name = body["metadata"]["name"]
        self.writes.append(name)
        metadata = body["metadata"] | {"resourceVersion": str(len(self.writes)) + str(id(body))}
        self.objects[name] = body | {"metadata": metadata}

    def trusted(self) -> set[bytes]:
        """Every caBundle of the installation."""
        clients = [self.objects[names.VALIDATING_WEBHOOK]["webhooks"][0]["clientConfig"]]
        clients += [
            each["spec"]["conversion"]["webhook"]["clientConfig"]
            for each in self.objects.values()
            if "conversion" in each.get("spec", {})
        ]
        return {base64.b64decode(each.get("caBundle", "")) for each in clients}


class Replica:
    """One operator: a keeper whose store `look` fills first, as its reflector would."""

    def __init__(self, server: Any, clock: Clock) -> None:
        self._server = server
        self.keeper = Keeper(server, NAMESPACE, clock)

    def see(self) -> None:
        store = self.keeper.reflector.store
        if SECRET in self._server.objects:
            store.put(self._server.objects[SECRET])
        else:
            store.remove((NAMESPACE, SECRET))

    async def look(self) -> None:
        self.see()
        await self.keeper.look()

    @property
    def serves(self) -> bytes:
        return self.keeper.serving._loaded or b""


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def replica(server: Server, clock: Clock) -> Replica:
    return Replica(server, clock)


def held(server: Server) -> Material:
    data = server.objects[SECRET]["data"]
    return Material.of({key: base64.b64decode(each) for key, each in data.items()})


async def test_the_first_look_issues_serves_and_tells_whom_to_trust(server: Server, replica: Replica) -> None:
    await replica.look()
    assert is_ours(server.objects[SECRET])
    assert server.objects[SECRET]["type"] == "kubernetes.io/tls"
    assert held(server).certificate in replica.serves
    assert server.trusted() == {held(server).authorities}
    gateway = server.objects["inferencegatewayconfigs.inference.sagemaker.aws.amazon.com"]
    assert "conversion" not in gateway["spec"]


async def test_a_look_at_what_is_well_writes_nothing(server: Server, replica: Replica) -> None:
    await replica.look()
    server.writes.clear()
    await replica.look()
    assert server.writes == []


async def test_a_removed_bundle_comes_back(server: Server, replica: Replica) -> None:
    await replica.look()
    del server.objects[names.VALIDATING_WEBHOOK]["webhooks"][0]["clientConfig"]["caBundle"]
    await replica.look()
    assert server.trusted() == {held(server).authorities}


async def test_the_certificate_is_renewed_when_it_is_due(
    server: Server, replica: Replica, clock: Clock
) -> None:
    await replica.look()
    first = held(server)
    clock.forward(days=61)
    await replica.look()
    assert held(server).certificate != first.certificate
    assert held(server).certificate in replica.serves
    assert server.trusted() == {first.authorities}


async def test_replicas_that_start_at_once_agree_on_one_certificate(server: Server, clock: Clock) -> None:
    replicas = [Replica(server, clock) for _ in range(3)]
    for each in replicas:
        each.see()
    await asyncio.gather(*(each.keeper.look() for each in replicas))
    for each in replicas:
        await each.look()
    assert {each.serves for each in replicas} == {replicas[0].serves}
    assert held(server).certificate in replicas[0].serves


async def test_a_renewal_based_on_an_old_secret_gives_way_to_the_newer_one(
    server: Server, clock: Clock
) -> None:
    one, two = Replica(server, clock), Replica(server, clock)
    await one.look()
    await two.look()
    clock.forward(days=61)
    await one.look()
    renewed = held(server)
    await two.keeper.look()  # has not seen it yet
    assert held(server) == renewed
    await two.look()
    assert one.serves == two.serves


async def test_a_deleted_secret_comes_back_with_what_is_served(server: Server, replica: Replica) -> None:
    await replica.look()
    before = server.objects.pop(SECRET)["data"]
    await replica.look()
    assert server.objects[SECRET]["data"] == before


async def test_an_unreadable_secret_of_ours_is_written_anew(server: Server, replica: Replica) -> None:
    await replica.look()
    server.put(server.objects[SECRET] | {"data": {"tls.crt": "AAAA"}})
    await replica.look()
    assert held(server).certificate in replica.serves


async def test_a_secret_of_somebody_else_is_served_and_never_written(
    server: Server, replica: Replica, clock: Clock
) -> None:
    theirs = secret_of(issued(hosts(NAMESPACE), clock()), NAMESPACE)
    theirs["metadata"].pop("labels")
    del theirs["data"]["ca.key"]
    server.put(theirs)
    clock.forward(days=80)
    await replica.look()
    assert SECRET not in server.writes
    assert held(server).certificate in replica.serves
    assert server.trusted() == {held(server).authorities}


async def test_an_unusable_secret_of_somebody_else_is_said_and_the_former_certificate_stays(
    server: Server, replica: Replica
) -> None:
    await replica.look()
    before = replica.serves
    server.put({"metadata": {"name": SECRET, "namespace": NAMESPACE}, "data": {}})
    with pytest.raises(BadMaterial, match="is missing"):
        await replica.look()
    assert replica.serves == before


async def test_where_cert_manager_injects_nothing_is_issued_and_no_bundle_written(
    server: Server, replica: Replica, clock: Clock
) -> None:
    marked = {names.CERT_MANAGER_INJECT: f"{NAMESPACE}/{names.WEBHOOK_CERTIFICATE}"}
    server.objects[names.VALIDATING_WEBHOOK] = configuration(**marked)
    for definition in server.objects.values():
        definition["metadata"]["annotations"] = marked
    await replica.look()
    assert SECRET not in server.objects
    assert not replica.keeper.serving.is_loaded
    theirs = secret_of(issued(hosts(NAMESPACE), clock()), NAMESPACE)
    theirs["metadata"].pop("labels")
    server.put(theirs)
    await replica.look()
    assert held(server).certificate in replica.serves
    assert server.writes == []


async def test_the_webhook_of_another_installation_is_left_alone(server: Server, clock: Clock) -> None:
    keeper = Keeper(server, "elsewhere", clock)  # type: ignore[arg-type]
    await keeper.look()
    assert server.trusted() == {b""}


async def test_without_a_validating_webhook_conversion_is_trusted_all_the_same(
    server: Server, replica: Replica
) -> None:
    del server.objects[names.VALIDATING_WEBHOOK]
    await replica.look()
    definition = server.objects["jumpstartmodels.inference.sagemaker.aws.amazon.com"]
    assert definition["spec"]["conversion"]["webhook"]["clientConfig"]["caBundle"]
