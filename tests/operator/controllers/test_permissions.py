"""The operator under the roles that the constructs make, with IAM enforced: what is missing is told by name.

Credentials come as on EKS: a token of a service account, exchanged at STS for those of a role.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hyperpod_inference.api import conditions, names
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.cloud.cloudwatch import MOST, CloudWatch
from hyperpod_inference.cloud.errors import CloudError, Denied, lacking, translated
from hyperpod_inference.cloud.presigned import GatedFiles
from hyperpod_inference.cloud.session import Session
from hyperpod_inference.controllers.aws import services
from hyperpod_inference.installation.roles import (
    EXECUTION,
    JUMPSTART_GATED_MODEL,
    KEDA_OPERATOR,
    RoleSpec,
    statements,
)
from hyperpod_inference.installation.trust import ServiceAccount, irsa_trust
from hyperpod_inference.local.aws.double import AwsDouble
from hyperpod_inference.local.aws.iam.policy import permits
from hyperpod_inference.local.aws.sagemaker.hub_catalogue import CATALOGUE

Body = dict[str, Any]
ISSUER = "oidc.eks.us-west-2.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"
PROVIDER = f"arn:aws:iam::111122223333:oidc-provider/{ISSUER}"
BUCKET = "hyperpod-tls-111122223333"
GATED = CATALOGUE["meta-textgeneration-llama-3-1-8b-instruct"]


class Iam:
    """The account's roles, and sessions of pods that take them."""

    def __init__(
        self,
        double: AwsDouble,
        session: Session,
        folder: Path,
        patch: pytest.MonkeyPatch,
        token: Callable[..., str],
    ) -> None:
        double.app.enforcing = False
        self.double, self._folder, self._patch, self._token = double, folder, patch, token
        self.iam: Any = session.client("iam")

    def provider(self) -> None:
        self.iam.create_open_id_connect_provider(
            Url=f"https://{ISSUER}", ClientIDList=["sts.amazonaws.com"], ThumbprintList=["0" * 40]
        )

    def role(self, spec: RoleSpec, name: str, policy: list[Body] | None = None) -> str:
        """A role as the constructs make it, or with other statements than its managed policy's."""
        trust = irsa_trust(spec.account, spec.services)
        filled = trust.replace("${Issuer}", ISSUER).replace("${Provider}", PROVIDER)
        made = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=filled)["Role"]
        if policy is None:
            arn = f"arn:aws:iam::aws:policy/{spec.aws_policy}"
            self.iam.attach_role_policy(RoleName=name, PolicyArn=arn)
        else:
            document = json.dumps({"Version": "2012-10-17", "Statement": policy})
            self.iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document)
        return str(made["Arn"])

    def pod(self, role: str, account: ServiceAccount, issuer: str = ISSUER) -> Session:
        """The session of a pod under a service account; IAM is enforced from here on."""
        file = self._folder / "token"
        file.write_text(self._token(account.subject, issuer=issuer))
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            self._patch.delenv(name, raising=False)
        self._patch.setenv("AWS_ROLE_ARN", role)
        self._patch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(file))
        self.double.app.enforcing = True
        return Session("us-west-2")


OPERATOR = EXECUTION.account
ROLE = "SageMakerHyperPodInference-example"


SETTINGS = OperatorSettings(
    region="us-west-2",
    eks_cluster_name="hyperpod",
    execution_role_arn=f"arn:aws:iam::111122223333:role/{ROLE}",
    endpoint_image="111122223333.dkr.ecr.us-west-2.amazonaws.com/hyperpod-inference/router:0.1.0",
)


@pytest.fixture
def registering(registering_of: Callable[[OperatorSettings], Any], double: AwsDouble) -> Any:
    double.app.enforcing = False
    return registering_of(SETTINGS)


@pytest.fixture
def account(
    registering: Any,
    double: AwsDouble,
    session: Session,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pod_token: Callable[..., str],
) -> Iterator[Iam]:
    made = Iam(double, session, tmp_path, monkeypatch, pod_token)
    made.provider()
    yield made
    double.app.enforcing = False


def without(action: str) -> list[Body]:
    """The execution role's statements but for one action."""
    kept = [each | {"Action": [a for a in each["Action"] if a != action]} for each in statements("execution")]
    return [each for each in kept if each["Action"]]


async def life(registering: Any, aws: Any) -> None:
    """From creation over an update to deletion, with the operator's own calls as `aws`."""
    owner = registering.account.aws
    registering.account.aws = aws
    await registering.balanced()
    await registering.until_steady()
    registering.edit(invocationEndpoint="v1/completions")
    await registering.until_steady()
    assert registering.status()["state"] == "UpdateCompleted"
    registering.delete()
    await registering.register()
    assert registering.account.inventory() == ([], [], [])
    registering.account.aws = owner


async def test_awss_managed_policy_is_enough_for_certificates_and_sagemaker_endpoints(
    registering: Any, account: Iam
) -> None:
    aws = services(account.pod(account.role(EXECUTION, ROLE), OPERATOR))
    await life(registering, aws)


async def test_a_certificate_is_replaced_although_the_policy_lets_nobody_import_over_an_arn(
    registering: Any, account: Iam, session: Session
) -> None:
    acm: Any = session.client("acm")
    registering.account.aws = services(account.pod(account.role(EXECUTION, ROLE), OPERATOR))
    await registering.balanced()
    first = registering.world.status()["tlsCertificate"]["certificateARN"]
    tags = acm.list_tags_for_certificate(CertificateArn=first)["Tags"]
    assert tags == [{"Key": "CreatedBy", "Value": "HyperPodInference"}]
    certificates = registering.world.reconciler.certificates
    aws, wanted = certificates.aws(), next(iter(certificates.known.values()))[0]
    aws.s3.delete(wanted.bucket, wanted.key("certificate.pem"))
    registering.restart()
    await registering.world.reconcile()
    arns = [each["CertificateArn"] for each in acm.list_certificates()["CertificateSummaryList"]]
    assert arns == [registering.world.status()["tlsCertificate"]["certificateARN"]]
    assert arns != [first]


@pytest.mark.parametrize(
    ("action", "condition", "resource"),
    [
        ("s3:PutObject", conditions.TLS_READY, f"arn:aws:s3:::{BUCKET}/llm/"),
        ("acm:ImportCertificate", conditions.TLS_READY, "arn:aws:acm:us-west-2:111122223333:certificate/"),
        ("sagemaker:CreateModel", conditions.ENDPOINT_REGISTERED, "arn:aws:sagemaker:us-west-2:"),
        ("iam:PassRole", conditions.ENDPOINT_REGISTERED, "arn:aws:iam::111122223333:role/"),
        ("sagemaker:CreateEndpoint", conditions.ENDPOINT_REGISTERED, ":endpoint/fallback-chat"),
        ("eks:DescribeCluster", conditions.ENDPOINT_REGISTERED, "arn:aws:eks:us-west-2:"),
    ],
)
async def test_what_the_role_lacks_is_told_with_role_action_and_resource(
    registering: Any, account: Iam, action: str, condition: str, resource: str
) -> None:
    role = account.role(EXECUTION, ROLE, without(action))
    registering.account.aws = services(account.pod(role, OPERATOR))
    await registering.balanced()
    if registering.registration() is not None:
        await registering.register()
        await registering.world.reconcile()
    told = registering.world.condition(condition)
    assert told["status"] == "False"
    assert f"Role {role} lacks action {action} on " in told["message"]
    assert resource in told["message"]


@pytest.mark.parametrize(
    ("subject", "issuer"),
    [
        (ServiceAccount(namespace="default", name=OPERATOR.name), ISSUER),
        (ServiceAccount(namespace=OPERATOR.namespace, name="default"), ISSUER),
        (OPERATOR, "oidc.eks.us-west-2.amazonaws.com/id/ANOTHER"),
    ],
    ids=["namespace", "account", "cluster"],
)
def test_only_the_operators_account_of_this_cluster_may_take_its_role(
    account: Iam, subject: ServiceAccount, issuer: str
) -> None:
    session = account.pod(account.role(EXECUTION, ROLE), subject, issuer)
    with pytest.raises(CloudError, match="Not authorized to perform sts:AssumeRoleWithWebIdentity"):
        services(session).sagemaker.describe("any")


def test_a_gated_model_is_given_to_its_own_accounts_and_role_alone(account: Iam) -> None:
    pods = ServiceAccount(namespace="team-a", name=f"{names.GATED_MODEL_SERVICE_ACCOUNT}-chat")
    version = GATED.versions[-1]
    asked = ("SageMakerPublicHub", GATED.id, version, GATED.artifact("us-west-2", version))
    gated, execution = account.role(JUMPSTART_GATED_MODEL, "gated"), account.role(EXECUTION, ROLE)
    assert dict(GatedFiles(account.pod(gated, pods), *asked).urls())
    with pytest.raises(CloudError, match="is not authorized to perform: sagemaker:CreateHubContentPresigned"):
        dict(GatedFiles(account.pod(execution, OPERATOR), *asked).urls())
    with pytest.raises(CloudError, match="is not authorized to perform: sagemaker:DescribeEndpoint"):
        services(account.pod(gated, pods)).sagemaker.describe("any")


def test_awss_managed_policy_lets_metrics_into_one_namespace(account: Iam, session: Session) -> None:
    values = [{"MetricName": f"m{number}", "Value": 1.0} for number in range(MOST + 1)]
    cloudwatch = CloudWatch(account.pod(account.role(EXECUTION, ROLE), OPERATOR))
    cloudwatch.put(names.CLOUDWATCH_NAMESPACE, values)
    client: Any = session.client("cloudwatch")
    pages = client.get_paginator("list_metrics").paginate(Namespace=names.CLOUDWATCH_NAMESPACE)
    assert len({each["MetricName"] for page in pages for each in page["Metrics"]}) == MOST + 1
    with pytest.raises(Denied, match="is not authorized to perform: cloudwatch:PutMetricData"):
        cloudwatch.put("Another", values[:1])


def asked_by_keda(session: Session) -> None:
    """As its aws-cloudwatch scaler asks for the value of a trigger."""
    moment = datetime.now(UTC)
    metric = {"Namespace": "AWS/ApplicationELB", "MetricName": "RequestCount", "Dimensions": []}
    query = {"Id": "c1", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}, "ReturnData": True}
    with translated("cloudwatch:GetMetricData"):
        session.client("cloudwatch").get_metric_data(
            MetricDataQueries=[query], StartTime=moment - timedelta(minutes=5), EndTime=moment
        )


def test_kedas_role_reads_metrics_and_what_it_lacks_is_told(account: Iam) -> None:
    role = account.role(KEDA_OPERATOR, "keda", statements("keda_operator"))
    asked_by_keda(account.pod(role, KEDA_OPERATOR.account))
    account.double.app.enforcing = False
    kept = [each for each in statements("keda_operator") if each["Sid"] != "CloudWatch"]
    less = account.role(KEDA_OPERATOR, "less", kept)
    with pytest.raises(Denied) as refused:
        asked_by_keda(account.pod(less, KEDA_OPERATOR.account))
    assert lacking(refused.value.message, less) == f"Role {less} lacks action cloudwatch:GetMetricData on *"


ACCOUNT = {"aws:PrincipalAccount": ("1",), "aws:ResourceAccount": ("1",)}


@pytest.mark.parametrize(
    ("statement", "context", "allowed"),
    [
        ({"Action": "s3:Get*", "Resource": "arn:aws:s3:::a*/*"}, {}, True),
        ({"Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}, {}, False),
        ({"Action": "s3:PutObject", "Resource": "*"}, {}, False),
        ({"Condition": {"StringEquals": {"aws:ResourceAccount": "${aws:PrincipalAccount}"}}}, {}, True),
        ({"Condition": {"StringEquals": {"k": "v"}}}, {}, False),
        ({"Condition": {"StringEquals": {"k": ["v", "w"]}}}, {"k": ("w",)}, True),
        ({"Condition": {"StringLike": {"k": "v*"}}}, {"k": ("vw",)}, True),
        ({"Condition": {"ForAllValues:StringEquals": {"k": "v"}}}, {}, True),
        ({"Condition": {"ForAllValues:StringEquals": {"k": "v"}}}, {"k": ("v", "w")}, False),
        ({"Condition": {"DateGreaterThan": {"k": "v"}}}, {"k": ("v",)}, False),
        ({"Condition": {"Null": {"k": "false"}}}, {"k": ("v",)}, True),
        ({"Condition": {"Null": {"k": "false"}}}, {}, False),
        ({"Condition": {"Null": {"k": "true"}}}, {}, True),
    ],
)
def test_a_statement_means_what_iam_says(statement: Body, context: Body, allowed: bool) -> None:
    whole = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"} | statement
    assert permits([whole], "s3:GetObject", "arn:aws:s3:::ab/k", ACCOUNT | context) is allowed
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    assert not permits([whole, deny], "s3:GetObject", "arn:aws:s3:::ab/k", ACCOUNT | context)
