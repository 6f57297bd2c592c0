"""The roles: who may take each, under which name, with which permissions."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template

from hyperpod_constructs import ExistingRoles, InferenceRoles, Pods, PropertyError, TlsBucket
from hyperpod_constructs.trust import OidcIssuer

ISSUER = OidcIssuer.from_url("https://oidc.eks.us-west-2.amazonaws.com/id/EXAMPLE")
PODS = Pods(cluster_name="mine", issuer=ISSUER)
OPERATOR = "system:serviceaccount:hyperpod-inference-system:"


def _roles(stack: Stack, **arguments: Any) -> InferenceRoles:
    return InferenceRoles(stack, "Roles", pods=PODS, tls_bucket=TlsBucket(stack, "Tls").bucket, **arguments)


def _role(template: Template, description: str) -> dict[str, Any]:
    (role,) = template.find_resources("AWS::IAM::Role", {"Properties": {"Description": description}}).values()
    properties: dict[str, Any] = role["Properties"]
    return properties


@pytest.mark.parametrize(
    ("description", "operator", "subject", "services"),
    [
        (
            "HyperPod inference operator",
            "StringEquals",
            OPERATOR + "hyperpod-inference-controller-manager",
            ["sagemaker.amazonaws.com"],
        ),
        (
            "Downloads gated JumpStart models for HyperPod inference",
            "StringLike",
            "system:serviceaccount:*:hyperpod-inference-service-account*",
            ["sagemaker.amazonaws.com"],
        ),
        (
            "AWS Load Balancer Controller of HyperPod inference",
            "StringEquals",
            OPERATOR + "aws-load-balancer-controller",
            [],
        ),
        ("KEDA operator of HyperPod inference", "StringEquals", OPERATOR + "keda-operator", []),
        (
            "FSx for Lustre CSI driver",
            "StringEquals",
            "system:serviceaccount:kube-system:fsx-csi-controller-sa",
            [],
        ),
        (
            "Mountpoint for Amazon S3 CSI driver",
            "StringEquals",
            "system:serviceaccount:kube-system:s3-csi-driver-sa",
            [],
        ),
    ],
)
def test_a_role_is_taken_by(
    quick: Template, description: str, operator: str, subject: str, services: list[str]
) -> None:
    text, variables = _role(quick, description)["AssumeRolePolicyDocument"]["Fn::Sub"]
    assert sorted(variables) == ["Issuer", "Provider"]
    pods, *callers = json.loads(text)["Statement"]
    assert pods["Principal"] == {"Federated": "${Provider}"}
    assert pods["Condition"]["StringEquals"]["${Issuer}:aud"] == "sts.amazonaws.com"
    assert pods["Condition"][operator]["${Issuer}:sub"] == subject
    assert [caller["Principal"]["Service"] for caller in callers] == services


def test_the_operators_role_has_the_name_that_aws_policy_passes(quick: Template) -> None:
    name = _role(quick, "HyperPod inference operator")["RoleName"]
    assert name["Fn::Join"][1][0].startswith("SageMakerHyperPodInference-")


def test_two_installations_in_one_stack_have_names_of_their_own(synthesize: Callable[..., Template]) -> None:
    def build(stack: Stack) -> None:
        bucket = TlsBucket(stack, "Tls").bucket
        InferenceRoles(stack, "One", pods=PODS, tls_bucket=bucket)
        InferenceRoles(stack, "Two", pods=PODS, tls_bucket=bucket)

    roles = synthesize(build).find_resources(
        "AWS::IAM::Role", {"Properties": {"Description": "HyperPod inference operator"}}
    )
    assert len({json.dumps(role["Properties"]["RoleName"]) for role in roles.values()}) == 2


def test_the_load_balancer_policy_has_all_its_statements(quick: Template) -> None:
    policies = quick.find_resources("AWS::IAM::ManagedPolicy")
    (alb,) = [entry for name, entry in policies.items() if "AlbController" in name]
    actions: set[str] = set()
    for statement in alb["Properties"]["PolicyDocument"]["Statement"]:
        action = statement["Action"]
        actions.update([action] if isinstance(action, str) else action)
    assert len(actions) == 80
    assert "arn:aws:" not in json.dumps(alb)


def test_model_buckets_narrow_what_the_storage_driver_reads(synthesize: Callable[..., Template]) -> None:
    template = synthesize(lambda stack: _roles(stack, model_buckets=("models-a",)))
    policies = template.find_resources("AWS::IAM::ManagedPolicy")
    (driver,) = [entry for name, entry in policies.items() if "S3CsiDriver" in name]
    text = json.dumps(driver)
    assert ":s3:::models-a/*" in text
    assert ":s3:::*" not in text
    assert "PutObject" not in text


def test_an_operator_role_with_another_name_is_refused(synthesize: Callable[..., Template]) -> None:
    def build(stack: Stack) -> None:
        role = iam.Role.from_role_arn(stack, "R", "arn:aws:iam::111122223333:role/mine")
        _roles(stack, existing=ExistingRoles(execution=role))

    with pytest.raises(PropertyError, match=r"execution: got 'mine', expected a role whose name begins"):
        synthesize(build)
