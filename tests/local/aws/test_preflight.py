"""`install preflight` with AWS's real client against AWS on loopback: an account that lacks things."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from hyperpod_inference.cli.main import main
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
