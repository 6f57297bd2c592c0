"""Load balancers in the AWS account: what `aws elbv2` shows, what AWS refuses, and who reaches them."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from aiohttp import web
from botocore.exceptions import ClientError

from hyperpod_inference.api import names as api
from hyperpod_inference.cloud.balancers import LoadBalancers
from hyperpod_inference.cloud.session import Session
from hyperpod_inference.installation.roles import statements
from hyperpod_inference.local.alb import names, proxy
from hyperpod_inference.local.alb.__main__ import lookup
from hyperpod_inference.local.alb.account import furnish
from hyperpod_inference.local.alb.annotations import Settings
from hyperpod_inference.local.alb.elb import DeployError, Elb
from hyperpod_inference.local.alb.fleet import Fleet, Here
from hyperpod_inference.local.alb.front import Front
from hyperpod_inference.local.alb.wanted import Backend, Rule, Wanted
from hyperpod_inference.local.aws.double import AwsDouble
from hyperpod_inference.local.install import wait_for
from hyperpod_inference.local.network import ISSUER

BACKEND = Backend("chat", 80)
CA_KEY = "llm/ca.pem"


def wanted(settings: Settings) -> Wanted:
    return Wanted("default", "alb-chat", "uid-1", settings, (Rule("", "/", "Prefix", BACKEND),))


@pytest.fixture(scope="module")
def session(double: AwsDouble) -> Iterator[Session]:
    """Makes each client once: that takes longer than any test."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in double.environment().items():
            patch.setenv(name, value)
        yield Session()


@pytest.fixture
def account(double: AwsDouble, session: Session) -> Session:
    """An account as the local cluster's."""
    double.reset()
    return session


@pytest.fixture
def elb(account: Session) -> Elb:
    network = furnish(account)
    return Elb(account, account, network.subnets, network.vpc)


@pytest.fixture
def as_controller(double: AwsDouble, account: Session) -> Iterator[Callable[..., Elb]]:
    """as_controller(action): under the role that the constructs give the controller, but for that action."""

    def taken(without: str = "") -> Elb:
        network = furnish(account)
        name, iam = names.CONTROLLER_ROLE.rpartition("/")[2], account.client("iam")
        kept = [
            each | {"Action": [one for one in each["Action"] if one != without]}
            for each in statements("alb_controller")
        ]
        document = {"Version": "2012-10-17", "Statement": [each for each in kept if each["Action"]]}
        iam.put_role_policy(RoleName=name, PolicyName="policy", PolicyDocument=json.dumps(document))
        keys = account.client("sts").assume_role(RoleArn=names.CONTROLLER_ROLE, RoleSessionName="alb")
        role = Session(
            aws_access_key_id=keys["Credentials"]["AccessKeyId"],
            aws_secret_access_key=keys["Credentials"]["SecretAccessKey"],
            aws_session_token=keys["Credentials"]["SessionToken"],
        )
        double.app.enforcing = True
        return Elb(role, account, network.subnets, network.vpc)

    yield taken
    double.app.enforcing = False


ASKED: dict[str, Any] = {
    "attributes": {"idle_timeout.timeout_seconds": "900"},
    "target_attributes": {"load_balancing.algorithm.type": "least_outstanding_requests"},
    "tags": {"CreatedBy": "HyperPodInference"},
}


def test_the_controllers_role_is_enough_for_the_life_of_a_load_balancer(
    as_controller: Callable[..., Elb], account: Session, imported: Settings
) -> None:
    elb, asked = as_controller(), wanted(replace(imported, **ASKED))
    elb.deploy(asked)
    elb.deploy(wanted(replace(asked.settings, health=replace(asked.settings.health, path="/ready"))))
    elb.delete(asked)
    assert account.client("elbv2").describe_load_balancers()["LoadBalancers"] == []
    assert account.client("elbv2").describe_target_groups()["TargetGroups"] == []


ARN = "arn:aws:elasticloadbalancing:us-west-2:111122223333:"


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("DescribeLoadBalancers", "*"),
        ("CreateLoadBalancer", f"{ARN}loadbalancer/app/k8s-default-albchat-"),
        ("AddTags", f"{ARN}loadbalancer/app/k8s-default-albchat-"),
        ("ModifyLoadBalancerAttributes", f"{ARN}loadbalancer/app/k8s-default-albchat-"),
        ("CreateTargetGroup", f"{ARN}targetgroup/k8s-default-chat-"),
        ("ModifyTargetGroupAttributes", f"{ARN}targetgroup/k8s-default-chat-"),
        ("CreateListener", f"{ARN}loadbalancer/app/k8s-default-albchat-"),
    ],
)
def test_what_the_controllers_role_lacks_is_told_with_role_action_and_resource(
    as_controller: Callable[..., Elb], imported: Settings, action: str, resource: str
) -> None:
    elb = as_controller(f"elasticloadbalancing:{action}")
    with pytest.raises(DeployError) as refused:
        elb.deploy(wanted(replace(imported, **ASKED)))
    name = names.CONTROLLER_ROLE.rpartition("/")[2]
    assert f"Role {name} lacks action elasticloadbalancing:{action} on {resource}" in str(refused.value)


def test_what_the_controllers_role_did_not_tag_is_not_its_to_change(
    as_controller: Callable[..., Elb], account: Session, imported: Settings
) -> None:
    elb, asked = as_controller(), wanted(replace(imported, **ASKED))
    arn = elb.deploy(asked).arn
    account.client("elbv2").remove_tags(ResourceArns=[arn], TagKeys=["elbv2.k8s.aws/cluster"])
    with pytest.raises(DeployError, match="lacks action elasticloadbalancing:ModifyLoadBalancerAttributes"):
        elb.deploy(asked)


@pytest.fixture
def imported(account: Session, rig: Any) -> Settings:
    """HTTPS with a certificate that ACM holds, whose authority lies in the bucket."""
    material = rig.acm.held[rig.certificate]
    arn = account.client("acm").import_certificate(
        Certificate=material.certificate, PrivateKey=material.key, CertificateChain=material.chain
    )["CertificateArn"]
    return replace(rig.secure, certificates=(arn,))


def test_aws_shows_the_load_balancer_its_listener_and_its_target_group(
    elb: Elb, account: Session, imported: Settings
) -> None:
    asked = replace(
        imported,
        attributes={"idle_timeout.timeout_seconds": "900"},
        target_attributes={"load_balancing.algorithm.type": "least_outstanding_requests"},
        tags={"CreatedBy": "HyperPodInference"},
    )
    deployed = elb.deploy(wanted(asked))
    assert elb.deploy(wanted(asked)) == deployed
    client = account.client("elbv2")
    (found,) = client.describe_load_balancers()["LoadBalancers"]
    assert found["Scheme"] == "internal"
    assert found["DNSName"] == deployed.dns_name
    assert deployed.dns_name.startswith(f"internal-{wanted(asked).name}-")
    assert deployed.dns_name.endswith(".us-west-2.elb.amazonaws.com")
    known = LoadBalancers(account).find(deployed.dns_name)
    assert known is not None
    assert known.arn == deployed.arn
    attributes = client.describe_load_balancer_attributes(LoadBalancerArn=deployed.arn)["Attributes"]
    assert {"Key": "idle_timeout.timeout_seconds", "Value": "900"} in attributes
    (listener,) = client.describe_listeners(LoadBalancerArn=deployed.arn)["Listeners"]
    assert (listener["Protocol"], listener["Port"]) == ("HTTPS", 443)
    assert listener["Certificates"][0]["CertificateArn"] == imported.certificates[0]
    (group,) = client.describe_target_groups()["TargetGroups"]
    assert group["TargetGroupArn"] == deployed.groups[BACKEND]
    assert (group["TargetType"], group["HealthCheckPath"]) == ("ip", "/")
    elb.delete(wanted(asked))
    assert client.describe_load_balancers()["LoadBalancers"] == []
    assert client.describe_target_groups()["TargetGroups"] == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"certificates": ("arn:aws:acm:us-west-2:111122223333:certificate/gone",)},
            "CreateListener, api error CertificateNotFound: ",
        ),
        (
            {"attributes": {"idle_timeout.seconds": "60"}},
            "ModifyLoadBalancerAttributes, api error InvalidConfigurationRequest: Key idle_timeout.seconds",
        ),
        (
            {"attributes": {"access_logs.s3.enabled": "true", "access_logs.s3.bucket": "nowhere"}},
            "Access Denied for bucket: nowhere. Please check S3bucket permission",
        ),
    ],
)
def test_what_aws_refuses_is_told_in_its_words(
    elb: Elb, account: Session, imported: Settings, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(DeployError) as refused:
        elb.deploy(wanted(replace(imported, **changes)))
    assert words in str(refused.value)
    elb.delete(wanted(replace(imported, **changes)))
    assert account.client("elbv2").describe_load_balancers()["LoadBalancers"] == [], "nothing is left of it"


def test_access_logs_begin_with_elbs_test_file(elb: Elb, account: Session, imported: Settings) -> None:
    logs = {
        "access_logs.s3.enabled": "true",
        "access_logs.s3.bucket": names.BUCKET,
        "access_logs.s3.prefix": "a/alb",
    }
    elb.deploy(wanted(replace(imported, attributes=logs)))
    found = account.client("s3").list_objects_v2(Bucket=names.BUCKET)["Contents"]
    assert [each["Key"] for each in found] == ["a/alb/AWSLogs/111122223333/ELBAccessLogTestFile"]


@pytest.fixture
async def fleet(double: AwsDouble, elb: Elb) -> AsyncIterator[Fleet]:
    """Load balancers at work in the account, where its own services find them."""
    async with proxy.session() as calls:
        here: list[Fleet] = []
        front = Front(lambda: here[0].balancers())
        port = await front.start("127.0.0.1")
        here.append(Fleet(elb, lookup, calls, double.world, Here("127.0.0.1", port, 3600.0)))
        yield here[0]
        await front.stop()
        await here[0].close()


async def test_invoke_endpoint_reaches_the_target_through_the_forwarder(
    fleet: Fleet, account: Session, imported: Settings, rig: Any, serving: Any
) -> None:
    async def answer(request: web.Request) -> web.Response:
        text = f"{request.path} {request.headers.get('X-Forwarded-Proto')} {await request.text()}"
        return web.Response(text=text)

    found = {BACKEND: (await serving(answer),)}
    assert await fleet.have(wanted(imported), found)
    assert not await fleet.have(wanted(imported), found)
    host = fleet.dns_name("uid-1")
    elb = account.client("elbv2")
    (group,) = elb.describe_target_groups()["TargetGroups"]

    async def healthy() -> str | None:
        found = await asyncio.to_thread(elb.describe_target_health, TargetGroupArn=group["TargetGroupArn"])
        (target,) = found["TargetHealthDescriptions"]
        return None if target["TargetHealth"]["State"] == "healthy" else str(target)

    await wait_for("the target to be healthy", healthy, 60.0)
    s3, sagemaker = account.client("s3"), account.client("sagemaker")
    s3.put_object(Bucket=names.BUCKET, Key=CA_KEY, Body=rig.acm.authority.certificates)
    environment = {
        api.FORWARD_TO: f"https://{host}/v1/chat/completions",
        api.FORWARD_TRUST: f"s3://{names.BUCKET}/{CA_KEY}",
    }
    image = {"Image": names.ENDPOINT_IMAGE, "Environment": environment}
    sagemaker.create_model(ModelName="chat", ExecutionRoleArn=names.ROLE, PrimaryContainer=image)
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": "chat",
        "InstanceType": "ml.c5.large",
        "InitialInstanceCount": 1,
    }
    sagemaker.create_endpoint_config(EndpointConfigName="chat", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="chat", EndpointConfigName="chat")
    runtime = account.client("sagemaker-runtime")

    def invoke() -> str:
        body = json.dumps({"messages": []})
        return str(runtime.invoke_endpoint(EndpointName="chat", Body=body)["Body"].read().decode())

    assert await asyncio.to_thread(invoke) == '/v1/chat/completions https {"messages": []}'
    await fleet.remove("uid-1")
    with pytest.raises(Exception, match="the load balancer cannot be reached"):
        await asyncio.to_thread(invoke)


async def test_a_change_that_aws_refuses_leaves_the_load_balancer_at_work(
    fleet: Fleet, imported: Settings
) -> None:
    await fleet.have(wanted(imported), {})
    before = fleet.balancers()
    with pytest.raises(DeployError):
        await fleet.have(
            wanted(replace(imported, certificates=("arn:aws:acm:us-west-2:111122223333:certificate/0",))), {}
        )
    assert fleet.balancers() == before
    await fleet.have(wanted(replace(imported, attributes={"idle_timeout.timeout_seconds": "5"})), {})
    (after,) = fleet.balancers()
    assert after is not before[0]
    assert after.deployed == before[0].deployed


def test_keda_takes_its_role_by_a_token_of_its_service_account_alone_and_may_only_read(
    double: AwsDouble, account: Session
) -> None:
    furnish(account)
    double.app.enforcing = True
    try:
        with pytest.raises(ClientError, match="Not authorized to perform sts:AssumeRoleWithWebIdentity"):
            taken(double, "system:serviceaccount:default:keda-operator")
        keda = taken(double, "system:serviceaccount:hyperpod-inference-system:keda-operator")
        assert keda.client("cloudwatch").list_metrics(Namespace="Example")["Metrics"] == []
        with pytest.raises(ClientError, match="not authorized to perform: cloudwatch:PutMetricData"):
            keda.client("cloudwatch").put_metric_data(Namespace="Example", MetricData=[{"MetricName": "X"}])
    finally:
        double.app.enforcing = False


def taken(double: AwsDouble, subject: str) -> boto3.Session:
    """KEDA's role, taken with a token as the cluster's API server signs one."""
    claims = {"iss": f"https://{ISSUER}", "sub": subject, "aud": ["sts.amazonaws.com"]}
    token = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "RS256"}, claims, {})
    )
    sts = boto3.client("sts", "us-west-2", endpoint_url=double.url)
    found = sts.assume_role_with_web_identity(
        RoleArn=names.KEDA_ROLE, RoleSessionName="KEDA", WebIdentityToken=token
    )["Credentials"]
    keys = (found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
    return boto3.Session(*keys, region_name="us-west-2")
