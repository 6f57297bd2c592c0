"""SageMaker endpoints of models: made, updated, renamed and removed, against SageMaker on loopback."""

import asyncio
import contextlib
import json
import os
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from botocore.exceptions import ClientError
from moto.eks.models import eks_backends

from hyperpod_inference.api import conditions, names
from hyperpod_inference.api.registration import RegistrationStatus
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.api.statuses import EndpointStatus
from hyperpod_inference.cloud.errors import CloudError
from hyperpod_inference.cloud.session import Session
from hyperpod_inference.controllers.authority import AuthorityKeeper
from hyperpod_inference.controllers.networks import OwnNetwork
from hyperpod_inference.controllers.serving import serving
from hyperpod_inference.local.aws import ACCOUNT
from hyperpod_inference.local.aws.faults import Fault, denied, outage, throttling
from hyperpod_inference.render.sagemaker_endpoint import TAG_OWNER, Seen, Step, Wanted, next_step
from hyperpod_inference.webhook.authority import Authority, new_authority, sign

Body = dict[str, Any]
NAME, KEY = "llm-fallback", ("default", "llm-fallback")
ENDPOINT = "fallback-chat"
BUCKET = "hyperpod-tls-111122223333"
ROLE = "arn:aws:iam::111122223333:role/SageMakerHyperPodInference-example"
IMAGE = "111122223333.dkr.ecr.us-west-2.amazonaws.com/hyperpod-inference/router:0.1.0"
ALB = "internal-k8s-default-albllmfa-0123456789-1111111111.us-west-2.elb.amazonaws.com"
SETTINGS = OperatorSettings(
    region="us-west-2",
    eks_cluster_name="hyperpod",
    execution_role_arn=ROLE,
    endpoint_image=IMAGE,
    hyperpod_cluster_arn="arn:aws:sagemaker:us-west-2:111122223333:cluster/example",
)
FIVE = timedelta(minutes=5)


@pytest.fixture
def registering(registering_of: Callable[[OperatorSettings], Any]) -> Any:
    return registering_of(SETTINGS)


@pytest.fixture
def account(registering: Any) -> Any:
    return registering.account


def told(registering: Any) -> Body:
    return dict(registering.world.condition(conditions.ENDPOINT_REGISTERED))


async def test_an_endpoint_is_made_under_exactly_its_name_and_told_on_both_resources(
    registering: Any, account: Any
) -> None:
    account.double.world.transition = FIVE
    await registering.balanced()
    assert await registering.register() == pytest.approx(15)
    assert registering.status()["state"] == "CreationInProgress"
    assert account.endpoint()["EndpointStatus"] == "Creating"
    registering.world.moment += FIVE
    assert await registering.register() == pytest.approx(600)
    (endpoints, configurations, models) = account.inventory()
    assert endpoints == [ENDPOINT]
    assert configurations == models
    assert len(models) == 1

    status, arns = registering.status(), "arn:aws:sagemaker:us-west-2:111122223333"
    assert status["state"] == "CreationCompleted"
    made = {key: value for key, value in status["endpoint"].items() if key != "lastModifiedTime"}
    assert made == {
        "arn": f"{arns}:endpoint/{ENDPOINT}",
        "configArn": f"{arns}:endpoint-config/{models[0]}",
        "modelArn": f"{arns}:model/{models[0]}",
    }
    assert status["loadBalancer"] == {"hostName": ALB}
    created = conditions.find(status["conditions"], "CreationCompleted")
    assert created is not None
    assert (created["status"], created["reason"]) == ("True", "Success")
    assert created["message"] == "Endpoint has been successfully created."

    await registering.world.reconcile()
    mine = registering.world.status()
    EndpointStatus.model_validate(mine)
    assert mine["endpoints"] == {
        "sagemaker": {
            "state": "CreationCompleted",
            "endpointArn": made["arn"],
            "configArn": made["configArn"],
            "modelArn": made["modelArn"],
        }
    }
    assert told(registering)["message"] == f"Endpoint {ENDPOINT} is in service in SageMaker."


async def test_what_sagemaker_runs_knows_the_way_whom_to_trust_and_the_network(
    registering: Any, account: Any
) -> None:
    await registering.balanced()
    await registering.register()
    model = account.model()
    folder = "llm/hyperpod/default/inferenceendpointconfigs/llm-fallback"
    assert model["PrimaryContainer"]["Image"] == IMAGE
    assert model["PrimaryContainer"]["Environment"] == {
        "HYPERPOD_FORWARD_TO": f"https://{ALB}/v1/chat/completions",
        "HYPERPOD_FORWARD_TRUST": f"s3://{BUCKET}/{folder}/ca.pem",
    }
    assert model["VpcConfig"]["Subnets"] == ["subnet-1a", "subnet-2b"]
    assert "sg-1a" in model["VpcConfig"]["SecurityGroupIds"]
    assert model["ExecutionRoleArn"] == ROLE
    resource = account.endpoint()["EndpointConfigName"]
    configuration = account.sagemaker.describe_endpoint_config(EndpointConfigName=resource)
    (variant,) = configuration["ProductionVariants"]
    assert (variant["VariantName"], variant["ModelName"]) == ("AllTraffic", resource)
    assert (variant["InstanceType"], variant["InitialInstanceCount"]) == ("ml.c5.large", 1)


async def test_all_that_is_made_carries_the_tags_of_the_user_and_those_that_policies_ask_for(
    registering: Any, account: Any
) -> None:
    await registering.balanced()
    await registering.register()
    endpoint = account.endpoint()
    resource = endpoint["EndpointConfigName"]
    arns = (
        endpoint["EndpointArn"],
        endpoint["EndpointArn"].replace(f"endpoint/{ENDPOINT}", f"endpoint-config/{resource}"),
        account.model()["ModelArn"],
    )
    for arn in arns:
        tags = account.tags(arn)
        assert tags["CreatedBy"] == "HyperPodInference"
        assert tags["team"] == "inference"
        assert tags[TAG_OWNER] == "hyperpod/default/llm-fallback"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (SETTINGS.model_copy(update={"execution_role_arn": ""}), "set the operator's EXECUTION_ROLE_ARN"),
        (SETTINGS.model_copy(update={"endpoint_image": ""}), "operator's SAGEMAKER_ENDPOINT_IMAGE"),
        (SETTINGS.model_copy(update={"eks_cluster_name": ""}), "set EKS_CLUSTER_NAME and AWS_REGION"),
        (SETTINGS.model_copy(update={"eks_cluster_name": "other"}), "eks:DescribeCluster"),
    ],
    ids=["role", "image", "cluster", "another cluster"],
)
async def test_what_is_missing_for_a_registration_is_said_and_the_model_is_deployed_all_the_same(
    registering: Any, settings: OperatorSettings, says: str
) -> None:
    registering.world.settings = settings
    registering.world.network = OwnNetwork(settings=settings, aws=lambda: registering.account.aws)
    registering.restart()
    await registering.balanced()
    assert registering.registration() is None
    condition = told(registering)
    assert condition["status"] == "False"
    assert condition["message"].startswith(f"SageMaker has no endpoint {ENDPOINT} yet. ")
    assert says in condition["message"]
    assert "endpoints" not in registering.world.status()
    assert registering.world.names_of("Deployment") == {NAME}


@pytest.mark.parametrize(
    ("network", "says"),
    [
        ({"subnetIds": ["subnet-1a"], "securityGroupIds": []}, "EKS names no security group of"),
        ({"subnetIds": [], "securityGroupIds": ["sg-1a"]}, "EKS names no subnet of"),
    ],
)
async def test_a_network_that_sagemaker_cannot_use_is_told_and_asked_for_again(
    registering: Any, account: Any, network: Body, says: str
) -> None:
    world = registering.world
    clock: Any = {"clock": lambda: world.moment.timestamp()}
    world.network = OwnNetwork(settings=SETTINGS, aws=lambda: account.aws, **clock)
    registering.restart()
    eks = eks_backends[ACCOUNT]["us-west-2"].clusters["hyperpod"]
    whole, eks.resources_vpc_config = eks.resources_vpc_config, network
    await registering.balanced()
    assert registering.registration() is None
    assert f"{says} cluster hyperpod" in told(registering)["message"]
    eks.resources_vpc_config = whole
    world.moment += timedelta(minutes=10)
    await world.reconcile()
    assert registering.registration() is not None


async def test_without_a_load_balancer_or_a_certificate_it_waits(registering: Any) -> None:
    await registering.world.reconcile()
    assert "as soon as the load balancer has an address" in told(registering)["message"]
    registering.edit(tlsConfig=None)
    await registering.world.reconcile()
    assert "set spec.tlsConfig.tlsCertificateOutputS3Uri" in told(registering)["message"]


async def test_a_changed_path_updates_the_endpoint_in_place_and_the_old_revision_goes(
    registering: Any, account: Any
) -> None:
    await registering.balanced()
    await registering.register()
    await registering.register()
    before = account.inventory()
    account.double.world.transition = FIVE
    registering.edit(invocationEndpoint="///v1/completions")
    await registering.world.reconcile()
    found = registering.registration()
    assert found is not None
    assert found["spec"]["invocationEndpoint"] == "v1/completions"

    await registering.register()
    assert registering.status()["state"] == "UpdateInProgress"
    assert "serves as before meanwhile" in registering.ready()["message"]
    assert len(account.inventory()[1]) == 2, "the old configuration serves until the new one does"
    registering.world.moment += FIVE
    await registering.register()
    after = account.inventory()
    assert after[0] == before[0] == [ENDPOINT]
    assert after[1] == after[2]
    assert len(after[1]) == 1
    assert after[1] != before[1]
    target = account.model()["PrimaryContainer"]["Environment"]["HYPERPOD_FORWARD_TO"]
    assert target == f"https://{ALB}/v1/completions"
    assert registering.status()["state"] == "UpdateCompleted"


async def test_another_name_is_made_first_and_the_old_endpoint_goes_then(
    registering: Any, account: Any
) -> None:
    await registering.balanced()
    await registering.register()
    await registering.register()
    account.double.world.transition = FIVE
    registering.edit(endpointName="talk")
    await registering.world.reconcile()
    await registering.register()
    assert account.inventory()[0] == [ENDPOINT, "talk"]
    await registering.until_steady()
    endpoints, configurations, models = account.inventory()
    assert endpoints == ["talk"]
    assert len(configurations) == len(models) == 1


async def test_an_endpoint_of_somebody_elses_is_left_alone_and_told(registering: Any, account: Any) -> None:
    account.foreign(tags={TAG_OWNER: "other/default/llm"})
    await registering.balanced()
    assert await registering.register() == pytest.approx(600)
    assert registering.status()["state"] == "CreationFailed"
    ready = registering.ready()
    assert ready["reason"] == "EndpointConflict"
    assert "an endpoint fallback-chat of other/default/llm (configuration theirs)" in ready["message"]
    assert account.inventory() == ([ENDPOINT], ["theirs"], ["theirs"])
    registering.delete()
    await registering.register()
    assert account.inventory() == ([ENDPOINT], ["theirs"], ["theirs"])


async def test_an_endpoint_that_others_gave_another_configuration_is_known_by_its_tags_and_put_right(
    registering: Any, account: Any
) -> None:
    account.foreign(tags={TAG_OWNER: "hyperpod/default/llm-fallback"})
    await registering.balanced()
    await registering.until_steady()
    assert account.endpoint()["EndpointConfigName"] != "theirs"
    assert account.inventory()[1].count("theirs") == 1, "what others made is theirs to remove"


async def test_without_the_right_to_read_tags_the_name_of_its_configuration_tells(
    registering: Any, account: Any
) -> None:
    account.faults.add(denied("sagemaker:ListTags"))
    await registering.balanced()
    await registering.until_steady()
    registering.edit(invocationEndpoint="v1/completions")
    await registering.until_steady()
    assert registering.status()["state"] == "UpdateCompleted"


async def test_one_that_sagemaker_could_not_create_says_why_and_is_tried_again_after_a_while(
    registering: Any, account: Any
) -> None:
    why = "The execution role for variant AllTraffic lacks permissions for a variant within a VPC."
    account.double.world.endpoint_failures[ENDPOINT] = why
    await registering.balanced()
    await registering.register()
    assert await registering.register() == pytest.approx(600)
    assert registering.status()["state"] == "CreationFailed"
    assert why.rstrip(".") in registering.ready()["message"]
    await registering.register()
    assert account.endpoint()["EndpointStatus"] == "Failed", "not in a hurry"
    registering.world.moment += timedelta(minutes=10)
    await registering.until_steady()
    assert registering.status()["state"] == "CreationCompleted"


async def test_an_update_that_sagemaker_rolled_back_serves_as_before_and_says_why(
    registering: Any, account: Any
) -> None:
    await registering.balanced()
    await registering.until_steady()
    before = account.endpoint()["EndpointConfigName"]
    account.double.world.endpoint_failures[ENDPOINT] = "No capacity"
    registering.edit(invocationEndpoint="v1/completions")
    await registering.world.reconcile()
    await registering.register()
    await registering.register()
    assert registering.status()["state"] == "UpdateFailed"
    assert "it says: No capacity." in registering.ready()["message"]
    assert account.endpoint()["EndpointConfigName"] == before
    registering.world.moment += timedelta(minutes=10)
    await registering.until_steady()
    assert account.endpoint()["EndpointConfigName"] != before
    assert len(account.inventory()[1]) == 1


# Every call by itself only when all faults are asked for: see tests/faults.
ALL = os.environ.get("HYPERPOD_FAULTS") == "all"


def each(*actions: str) -> list[tuple[str, ...]]:
    """Sets of calls that fail in one test."""
    return [(action,) for action in actions] if ALL else [actions]


CREATES = each("CreateModel", "CreateEndpointConfig", "CreateEndpoint", "DescribeEndpoint")
UPDATES = each("CreateModel", "CreateEndpointConfig", "UpdateEndpoint", "DeleteEndpointConfig", "DeleteModel")
DELETES = each("DescribeEndpoint", "DeleteEndpoint", "DeleteEndpointConfig", "DeleteModel")
KINDS: dict[str, Callable[[str], Fault]] = {
    "throttled": lambda action: throttling(action, times=2),
    "down": lambda action: Fault(action, times=2),
    "answer lost": lambda action: Fault(action, after=True, times=2),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("actions", CREATES, ids="+".join)
async def test_whatever_fails_while_it_is_made_there_is_one_endpoint_in_the_end(
    registering: Any, account: Any, actions: tuple[str, ...], kind: str
) -> None:
    account.double.world.transition = timedelta(minutes=2)
    await registering.balanced()
    for action in actions:
        account.faults.add(KINDS[kind](f"sagemaker:{action}"))
    await registering.until_steady()
    endpoints, configurations, models = account.inventory()
    assert endpoints == [ENDPOINT]
    assert configurations == models == [account.endpoint()["EndpointConfigName"]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("actions", UPDATES, ids="+".join)
async def test_whatever_fails_while_it_is_updated_only_the_new_revision_is_left(
    registering: Any, account: Any, actions: tuple[str, ...], kind: str
) -> None:
    await registering.balanced()
    await registering.until_steady()
    account.double.world.transition = timedelta(minutes=2)
    for action in actions:
        account.faults.add(KINDS[kind](f"sagemaker:{action}"))
    registering.edit(invocationEndpoint="v1/completions")
    await registering.until_steady()
    endpoints, configurations, models = account.inventory()
    assert endpoints == [ENDPOINT]
    assert configurations == models == [account.endpoint()["EndpointConfigName"]]
    assert account.model()["PrimaryContainer"]["Environment"]["HYPERPOD_FORWARD_TO"].endswith("/completions")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("actions", DELETES, ids="+".join)
async def test_whatever_fails_while_it_is_deleted_nothing_is_left(
    registering: Any, account: Any, actions: tuple[str, ...], kind: str
) -> None:
    await registering.balanced()
    await registering.until_steady()
    account.double.world.transition = timedelta(minutes=2)
    registering.delete()
    for action in actions:
        account.faults.add(KINDS[kind](f"sagemaker:{action}"))
    for _ in range(24):
        registering.world.moment += timedelta(minutes=1)
        try:
            await registering.register()
        except CloudError:
            assert registering.status()["state"] == "DeletionInProgress"
            assert "Not deleted yet. AWS:" in registering.ready()["message"]
    assert account.inventory() == ([], [], [])
    assert registering.registration() is None


async def whole_life(registering: Any) -> None:
    """From creation to deletion of the model, through whatever fails; nothing may be left."""
    await registering.balanced_through_failures()
    await registering.until_steady()
    registering.delete(names.KIND_ENDPOINT)
    for _ in range(60):
        registering.world.moment += registering.tick
        for step in (registering.world.reconcile, registering.register):
            with contextlib.suppress(CloudError):
                await step()
        if not registering.is_there():
            break
    assert not registering.is_there()
    assert registering.account.inventory() == ([], [], [])
    assert registering.account.certificates() == []
    assert registering.account.objects() == []


# A life makes 26 calls; the dear form strikes each of them.
STRUCK = range(26) if ALL else (2, 8, 14, 20)


@pytest.mark.parametrize("passing", STRUCK)
async def test_an_aws_that_is_down_for_a_minute_leaves_nothing_and_makes_nothing_twice(
    registering: Any, account: Any, passing: int
) -> None:
    account.double.world.transition = timedelta(minutes=2)
    registering.tick = timedelta(seconds=15)
    down = outage(timedelta(minutes=1), passing)
    account.faults.add(down)
    await whole_life(registering)
    assert down.ends is not None, "it struck"
    assert down.ends < registering.world.moment
    assert account.most == (1, 1), "one endpoint and one certificate at any time"


@pytest.mark.parametrize("passing", STRUCK)
async def test_an_answer_that_is_lost_leaves_nothing_and_makes_nothing_twice(
    registering: Any, account: Any, passing: int
) -> None:
    account.double.world.transition = timedelta(minutes=2)
    account.faults.add(Fault("*", after=True, passing=passing))
    await whole_life(registering)
    assert not account.faults, "it struck"
    assert account.most == (1, 1), "one endpoint and one certificate at any time"


async def test_a_model_that_is_deleted_while_its_endpoint_is_made_leaves_nothing(
    registering: Any, account: Any
) -> None:
    account.double.world.transition = FIVE
    await registering.balanced()
    await registering.register()
    registering.delete()
    await registering.register()
    assert account.endpoint()["EndpointStatus"] == "Deleting"
    registering.world.moment += FIVE
    await registering.register()
    assert account.inventory() == ([], [], [])
    assert registering.registration() is None


async def test_the_endpoint_goes_first_and_what_it_runs_after_it(registering: Any, account: Any) -> None:
    await registering.balanced()
    await registering.until_steady()
    account.double.world.transition = FIVE
    registering.delete()
    assert await registering.register() == pytest.approx(15)
    assert account.endpoint()["EndpointStatus"] == "Deleting"
    assert len(account.inventory()[1]) == len(account.inventory()[2]) == 1
    assert registering.status()["state"] == "DeletionInProgress"
    registering.world.moment += FIVE
    await registering.register()
    assert account.inventory() == ([], [], [])
    assert registering.registration() is None


async def test_revisions_that_were_begun_and_given_up_are_removed_too(registering: Any, account: Any) -> None:
    await registering.balanced()
    await registering.until_steady()
    account.faults.add(Fault("sagemaker:UpdateEndpoint", times=3))
    for path in ("a", "b", "c"):
        registering.edit(invocationEndpoint=path)
        await registering.world.reconcile()
        with pytest.raises(CloudError):
            await registering.register()
        registering.restart()
    assert len(account.inventory()[2]) == 4
    registering.edit(invocationEndpoint="v1/chat/completions")
    await registering.until_steady()
    assert len(account.inventory()[1]) == len(account.inventory()[2]) == 1


async def test_what_sagemaker_does_not_show_yet_is_not_made_twice_and_not_left_behind(
    registering: Any, account: Any
) -> None:
    unseen = Fault(
        "sagemaker:DescribeEndpoint", "ValidationException", 'Could not find endpoint "x".', 400, times=None
    )
    await registering.balanced()
    await registering.register()
    account.faults.add(replace(unseen))
    for _ in range(3):
        await registering.register()
    assert account.inventory()[0] == [ENDPOINT]
    registering.delete()
    await registering.register()
    assert registering.registration() is not None, "it may show any moment"
    account.faults.clear()
    await registering.register()
    assert account.inventory() == ([], [], [])
    registering.world.moment += timedelta(minutes=1)
    await registering.register()
    assert registering.registration() is None


async def test_an_endpoint_that_is_not_asked_for_any_more_goes(registering: Any, account: Any) -> None:
    await registering.balanced()
    await registering.until_steady()
    registering.edit(endpointName="")
    registering.world.settle()
    await registering.world.reconcile()
    assert ("delete", names.KIND_REGISTRATION, NAME) in registering.world.cluster.writes or (
        registering.registration() is None
    )


async def test_a_registration_stays_while_the_operator_does_not_know_all_of_it(
    registering: Any, account: Any
) -> None:
    await registering.balanced()
    await registering.until_steady()
    before = registering.registration()
    assert before is not None
    ingress = registering.world.cluster.objects["Ingress"][("default", "alb-llm-fallback")]
    registering.world.cluster.put(ingress | {"status": {}})
    registering.world.settings = OperatorSettings()
    registering.world.network = None
    registering.restart()
    await registering.world.reconcile()
    after = registering.registration()
    assert after is not None
    assert after["spec"] == before["spec"]


async def test_a_missing_permission_is_told_and_no_reason_to_hurry(registering: Any, account: Any) -> None:
    account.faults.add(denied("sagemaker:CreateModel"))
    await registering.balanced()
    assert await registering.register() == pytest.approx(600)
    assert registering.status()["state"] == "CreationFailed"
    assert "sagemaker:CreateModel" in registering.ready()["message"]
    await registering.world.reconcile()
    assert "sagemaker:CreateModel" in told(registering)["message"]


async def test_sagemakers_own_capture_goes_where_the_tier_says(registering: Any, account: Any) -> None:
    registering.edit(
        dataCapture={
            "s3Uri": f"s3://{BUCKET}/captured",
            "sagemakerEndpoint": {
                "enabled": True,
                "initialSamplingPercentage": 20,
                "captureContentTypeHeader": {"jsonContentTypes": ["application/json"]},
            },
        }
    )
    await registering.balanced()
    await registering.register()
    resource = account.endpoint()["EndpointConfigName"]
    capture = account.sagemaker.describe_endpoint_config(EndpointConfigName=resource)["DataCaptureConfig"]
    assert capture["EnableCapture"] is True
    assert capture["InitialSamplingPercentage"] == 20
    assert capture["CaptureOptions"] == [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}]
    assert capture["CaptureContentTypeHeader"] == {"JsonContentTypes": ["application/json"]}
    where = capture["DestinationS3Uri"]
    assert where.startswith(f"s3://{BUCKET}/captured/")
    assert where.endswith("/sme")
    await registering.world.reconcile()
    words = registering.world.condition("DataCaptureReady")["message"]
    assert f"SageMaker keeps 20 % of the calls of endpoint {ENDPOINT} in {where}." in words


async def test_a_registration_that_cannot_be_read_says_so(registering: Any) -> None:
    registering.world.cluster.put(
        {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND_REGISTRATION,
            "metadata": {"name": "own", "namespace": "default", "generation": 1},
            "spec": {"name": "own"},
        }
    )
    await registering.register(("default", "own"))
    status = registering.world.status(names.KIND_REGISTRATION, "own")
    RegistrationStatus.model_validate(status)
    assert status["state"] == "CreationFailed"
    assert "spec.executionRole" in status["conditions"][0]["message"]


NOW = datetime(2026, 1, 1, tzinfo=UTC)
WANTED = Wanted(
    endpoint="chat", resource="chat-1-2", prefix="-1-", owner="c/n/m", model={}, configuration={}, tags={}
)


def seen(status: str, configuration: str = "chat-1-2", minutes: int = 0, failure: str = "") -> Seen:
    modified = NOW - timedelta(minutes=minutes)
    return Seen(arn="a", status=status, configuration=configuration, modified=modified, failure=failure)


@pytest.mark.parametrize(
    ("found", "owned", "tried", "step"),
    [
        (None, True, False, Step.CREATE),
        (seen("InService", "theirs"), False, False, Step.LEAVE),
        (seen("Creating"), True, True, Step.WAIT),
        (seen("Deleting"), True, True, Step.WAIT),
        (seen("InService"), True, True, Step.TIDY),
        (seen("OutOfService"), True, True, Step.PAUSE),
        (seen("InService", "chat-1-1"), True, False, Step.UPDATE),
        (seen("InService", "chat-1-1"), True, True, Step.UPDATE),
        (seen("InService", "chat-1-1", failure="no"), True, True, Step.PAUSE),
        (seen("InService", "chat-1-1", failure="no"), True, False, Step.UPDATE),
        (seen("InService", "chat-1-1", 10, "no"), True, True, Step.UPDATE),
        (seen("Failed", failure="no"), True, True, Step.PAUSE),
        (seen("Failed", "chat-1-1", failure="no"), True, False, Step.REPLACE),
        (seen("Failed", minutes=10, failure="no"), True, True, Step.REPLACE),
    ],
)
def test_the_next_step_follows_from_what_sagemaker_says(
    found: Seen | None, owned: bool, tried: bool, step: Step
) -> None:
    assert next_step(WANTED, found, owned=owned, tried=tried, now=NOW) is step


@contextlib.asynccontextmanager
async def load_balancer(authority: Authority, host: str) -> AsyncIterator[tuple[int, list[Body]]]:
    """An HTTPS server with a certificate for `host`; its port, and what reached it."""
    calls: list[Body] = []

    async def answer(request: web.Request) -> web.Response:
        calls.append({"path": request.path, "type": request.content_type, "body": await request.text()})
        if request.path == "/fails":
            return web.Response(status=500, text="no")
        return web.json_response({"echo": len(calls)})

    leaf = sign(authority, [f"*.{host.partition('.')[2]}"], datetime.now(UTC), timedelta(days=1))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with tempfile.NamedTemporaryFile() as file:
        file.write(leaf.certificate + authority.certificates + leaf.key)
        file.flush()
        tls.load_cert_chain(file.name)
    application = web.Application()
    application.router.add_post("/{path:.*}", answer)
    async with serving(application, "127.0.0.1", 0, tls) as port:
        yield port, calls


async def test_an_invocation_of_the_endpoint_reaches_the_model_through_the_load_balancer(
    registering: Any, account: Any, session: Session
) -> None:
    await registering.balanced()
    await registering.until_steady()
    runtime: Any = session.client("sagemaker-runtime")

    async def invoke(**more: Any) -> Body:
        call = {"EndpointName": ENDPOINT, "Body": b'{"prompt": "a"}', "ContentType": "application/json"}
        return dict(await asyncio.to_thread(lambda: runtime.invoke_endpoint(**call | more)))

    with pytest.raises(ClientError, match=r"ModelError.*load balancer"):
        await invoke()
    keeper = AuthorityKeeper(
        registering.world.cluster, names.OPERATOR_NAMESPACE, lambda: registering.world.moment
    )
    async with load_balancer(await keeper.current(), ALB) as (port, calls):
        account.double.world.hosts[ALB] = ("127.0.0.1", port)
        answered = await invoke()
        assert json.loads(answered["Body"].read()) == {"echo": 1}
        assert answered["InvokedProductionVariant"] == "AllTraffic"
        assert calls == [
            {"path": "/v1/chat/completions", "type": "application/json", "body": '{"prompt": "a"}'}
        ]
        registering.edit(invocationEndpoint="fails")
        await registering.until_steady()
        with pytest.raises(ClientError, match=r"ModelError.*500"):
            await invoke()
    with pytest.raises(ClientError, match=r"ValidationError.*other"):
        await invoke(EndpointName="other")
    stranger = new_authority("stranger", datetime.now(UTC))
    async with load_balancer(stranger, ALB) as (port, calls):
        account.double.world.hosts[ALB] = ("127.0.0.1", port)
        with pytest.raises(ClientError, match=r"ModelError.*certificate"):
            await invoke()
        assert calls == []
