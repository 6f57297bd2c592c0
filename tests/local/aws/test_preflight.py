"""`install preflight` with AWS's real client against AWS on loopback: an account that lacks things."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from hyperpod_inference import diagnosis
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.cli.main import main
from hyperpod_inference.cloud.account import connected, read
from hyperpod_inference.diagnosis.account import installation_of
from hyperpod_inference.installation.roles import EXECUTION
from hyperpod_inference.installation.trust import irsa_trust
from hyperpod_inference.local.aws.double import AwsDouble

SETTINGS = (
    "region=us-west-2",
    "eksClusterName=inference",
    "hyperpodClusterArn=arn:aws:sagemaker:us-west-2:111122223333:cluster/abcdefgh1234",
    "tlsBucketName=hyperpod-tls-example",
    "executionRoleArn=arn:aws:iam::111122223333:role/SageMakerHyperPodInference-example",
    "kedaOperatorRoleArn=arn:aws:iam::111122223333:role/inference-keda",
)


@pytest.fixture
def account(double: AwsDouble, client: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """An EKS cluster, its OIDC provider, the operator's role and a bucket; nothing else."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in double.environment().items():
        monkeypatch.setenv(name, value)
    _fill(client)


def _fill(client: Callable[[str], Any]) -> None:
    ec2, eks, iam = client("ec2"), client("eks"), client("iam")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    eks.create_cluster(
        name="inference",
        version="1.33",
        roleArn="arn:aws:iam::111122223333:role/eks",
        resourcesVpcConfig={"subnetIds": [subnet]},
    )
    issuer = eks.describe_cluster(name="inference")["cluster"]["identity"]["oidc"]["issuer"]
    provider = iam.create_open_id_connect_provider(Url=issuer, ClientIDList=["sts.amazonaws.com"])
    trust = irsa_trust(EXECUTION.account, EXECUTION.services)
    trust = trust.replace("${Issuer}", issuer.removeprefix("https://"))
    iam.create_role(
        RoleName="SageMakerHyperPodInference-example",
        AssumeRolePolicyDocument=trust.replace("${Provider}", provider["OpenIDConnectProviderArn"]),
    )
    location = {"LocationConstraint": "us-west-2"}
    client("s3").create_bucket(Bucket="hyperpod-tls-example", CreateBucketConfiguration=location)


def test_what_is_there_is_found_and_what_is_not_is_named(account: None) -> None:
    options = [word for setting in SETTINGS for word in ("--set", setting)]
    result = CliRunner().invoke(main, ["install", "preflight", *options, "-o", "json"])
    assert result.exit_code == 1, result.output
    found = {each["check"]: each for each in json.loads(result.output)["findings"]}
    verdicts = {name: each["verdict"] for name, each in found.items()}
    expected = {
        "EKS cluster inference": "ok",
        "Kubernetes version": "ok",
        "OIDC provider": "ok",
        "role execution: trust": "ok",
        "role execution: service": "ok",
        "role execution: policy": "wrong",
        "role keda_operator": "missing",
        "TLS bucket hyperpod-tls-example": "ok",
        "S3 gateway endpoint": "missing",
        "add-on cert-manager": "missing",
        "version of the inference add-on": "ok",
    }
    assert {name: verdicts.get(name) for name in expected} == expected
    assert "unknown" not in verdicts.values()
    assert "--addon-name cert-manager" in found["add-on cert-manager"]["fix"]


def test_a_running_installation_is_judged_by_what_has_to_go_on_holding(
    account: None, client: Callable[[str], Any]
) -> None:
    role = "arn:aws:iam::111122223333:role/SageMakerHyperPodInference-example"
    operator = OperatorSettings(region="us-west-2", eks_cluster_name="inference", execution_role_arn=role)
    settings = installation_of(operator)
    session, why = connected(settings)
    assert session is not None, why
    findings = diagnosis.account(settings, read(settings, session))
    wrong = {each.check for each in findings if each.verdict != "ok"}
    # No bucket and no HyperPod cluster is named, and there is no add-on whose dependencies would count.
    assert wrong == {"authentication mode", "role execution: policy", "S3 gateway endpoint", "subnet tags"}

    trust = irsa_trust(EXECUTION.account).replace("${Issuer}", "oidc.example/id/OTHER")
    client("iam").update_assume_role_policy(RoleName=role.rpartition("/")[2], PolicyDocument=trust)
    findings = diagnosis.account(settings, read(settings, session))
    (told,) = [each for each in findings if each.check == "role execution: trust"]
    assert told.verdict == "wrong"
    assert "the service account cannot assume it" in told.fix


def test_an_aws_that_does_not_answer_is_said_after_one_call(
    double: AwsDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in double.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("hyperpod_inference.cloud.session.ATTEMPTS", 1)
    session, why = connected(installation_of(OperatorSettings(region="us-west-2")))
    assert session is None
    assert "sts:GetCallerIdentity" in why
