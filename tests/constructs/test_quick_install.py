"""The installation with nothing passed: what is in it, what is not, and that it is always the same."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from aws_cdk.assertions import Match, Template

LOGICAL_IDS = Path(__file__).with_name("logical_ids.txt")


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("AWS::EC2::VPC", 1),
        ("AWS::EC2::Subnet", 4),
        ("AWS::EC2::NatGateway", 1),
        ("AWS::EKS::Cluster", 1),
        ("AWS::SageMaker::Cluster", 1),
        ("AWS::IAM::OIDCProvider", 1),
        ("AWS::S3::Bucket", 2),
        ("AWS::EKS::Addon", 9),
        ("AWS::KMS::Key", 1),
    ],
)
def test_it_makes(quick: Template, kind: str, number: int) -> None:
    quick.resource_count_is(kind, number)


def test_it_has_no_lambda_and_no_custom_resource(quick: Template) -> None:
    kinds = {resource["Type"] for resource in quick.to_json()["Resources"].values()}
    assert not [kind for kind in kinds if kind.startswith(("AWS::Lambda", "Custom::", "AWS::CloudFormation"))]


def test_it_has_no_inline_policy(quick: Template) -> None:
    quick.resource_count_is("AWS::IAM::Policy", 0)
    roles = quick.find_resources("AWS::IAM::Role").values()
    assert not [role for role in roles if "Policies" in role["Properties"]]


def test_every_taggable_resource_says_who_made_it(quick: Template) -> None:
    tag = {"Key": "CreatedBy", "Value": "HyperPodInference"}
    for kind in (
        "AWS::EKS::Addon",
        "AWS::EKS::Cluster",
        "AWS::S3::Bucket",
        "AWS::IAM::Role",
        "AWS::EC2::VPC",
    ):
        quick.all_resources_properties(kind, {"Tags": Match.array_with([tag])})


def test_its_template_is_the_same_each_time(install: Callable[..., Template], quick: Template) -> None:
    assert json.dumps(install().to_json()) == json.dumps(quick.to_json())


def test_its_logical_ids_do_not_change(quick: Template) -> None:
    """A changed id replaces the resource in every installation: change the file only with that in mind."""
    assert sorted(quick.to_json()["Resources"]) == LOGICAL_IDS.read_text().splitlines()


@pytest.mark.parametrize(
    "name",
    [
        "KubectlCommand",
        "EksClusterName",
        "HyperPodClusterArn",
        "ExecutionRoleArn",
        "TlsBucketName",
        "AddonConfiguration",
    ],
)
def test_it_puts_out(quick: Template, name: str) -> None:
    quick.has_output(name, {"Value": Match.any_value()})
