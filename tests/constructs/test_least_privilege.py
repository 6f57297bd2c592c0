"""The four roles of the add-on against what AWS publishes of them: who takes each, and every statement."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Stack
from aws_cdk.assertions import Template

from hyperpod_constructs import Identity, InferenceRoles, Pods, TlsBucket
from hyperpod_constructs.trust import OidcIssuer
from hyperpod_inference.installation.roles import ADDON_ROLES, RoleSpec, statements

PUBLISHED = Path(__file__).parent / "published" / "roles.txt"
PODS = Pods(
    cluster_name="mine", issuer=OidcIssuer.from_url("https://oidc.eks.us-west-2.amazonaws.com/id/EXAMPLE")
)


def _published(role: str, kind: str) -> list[list[str]]:
    rows = [line.split(" | ") for line in PUBLISHED.read_text().splitlines() if not line.startswith("#")]
    return [[field.removesuffix(" |") for field in row[2:]] for row in rows if row[:2] == [role, kind]]


def _statements(role: str) -> list[Any]:
    return [
        (set(actions.split()), set(resources.split()), json.loads(condition[0]) if condition else None)
        for actions, resources, *condition in _published(role, "statement")
    ]


def _as_set(value: Any) -> set[str]:
    return {_text(each) for each in (value if isinstance(value, list) else [value])}


def _text(value: Any) -> str:
    """A template's ARN in the partition `aws`."""
    if isinstance(value, str):
        return value
    return "".join("aws" if part == {"Ref": "AWS::Partition"} else part for part in value["Fn::Join"][1])


@pytest.fixture(scope="module")
def templates(synthesize: Callable[..., Template]) -> dict[Identity, Template]:
    def build(stack: Stack, identity: Identity) -> None:
        bucket = TlsBucket(stack, "Tls").bucket
        InferenceRoles(
            stack, "Roles", pods=PODS, tls_bucket=bucket, identity=identity, namespaces=("chat", "search")
        )

    return {each: synthesize(lambda stack, each=each: build(stack, each)) for each in Identity}


def _role(template: Template, spec: RoleSpec) -> dict[str, Any]:
    wanted = {"Properties": {"Description": spec.description}}
    (role,) = template.find_resources("AWS::IAM::Role", wanted).values()
    properties: dict[str, Any] = role["Properties"]
    return properties


@pytest.mark.parametrize("spec", ADDON_ROLES, ids=lambda spec: spec.key)
def test_a_roles_statements_are_the_published_ones(spec: RoleSpec) -> None:
    assert spec.document is not None
    ours = [
        (set(each["Action"]), set(each["Resource"]), each.get("Condition"))
        for each in statements(spec.document)
    ]
    assert ours == _statements(spec.key)
    assert ours


@pytest.mark.parametrize("identity", Identity)
@pytest.mark.parametrize("spec", ADDON_ROLES, ids=lambda spec: spec.key)
def test_a_role_gets_aws_policy_or_exactly_those_statements(
    templates: dict[Identity, Template], spec: RoleSpec, identity: Identity
) -> None:
    template = templates[identity]
    role = _role(template, spec)
    attached = [_text(arn).rpartition("/")[2] for arn in role.get("ManagedPolicyArns", ())]
    assert attached == [name for (name,) in _published(spec.key, "policy")]
    policies = template.find_resources("AWS::IAM::ManagedPolicy")
    own = [
        entry
        for name, entry in policies.items()
        if name.lower().startswith(f"roles{spec.key}".replace("_", ""))
    ]
    made = [
        (_as_set(each["Action"]), _as_set(each["Resource"]), each.get("Condition"))
        for entry in own
        for each in entry["Properties"]["PolicyDocument"]["Statement"]
    ]
    assert made == ([] if attached else _statements(spec.key))
    assert "Policies" not in role


@pytest.mark.parametrize("spec", ADDON_ROLES, ids=lambda spec: spec.key)
def test_by_irsa_exactly_the_published_service_account_and_services_take_it(
    templates: dict[Identity, Template], spec: RoleSpec
) -> None:
    ((services, subject),) = _published(spec.key, "trust")
    text, _ = _role(templates[Identity.IRSA], spec)["AssumeRolePolicyDocument"]["Fn::Sub"]
    pods, *callers = json.loads(text)["Statement"]
    condition = pods["Condition"]
    assert {value for keys in condition.values() for value in keys.values()} == {"sts.amazonaws.com", subject}
    assert ("StringLike" in condition) == ("*" in subject)
    assert [each["Principal"]["Service"] for each in callers] == services.split()


@pytest.mark.parametrize("spec", ADDON_ROLES, ids=lambda spec: spec.key)
def test_by_pod_identity_eks_takes_it_for_this_account_and_for_that_service_account(
    templates: dict[Identity, Template], spec: RoleSpec
) -> None:
    ((services, subject),) = _published(spec.key, "trust")
    template = templates[Identity.POD_IDENTITY]
    pods, *callers = _role(template, spec)["AssumeRolePolicyDocument"]["Statement"]
    assert pods == {
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
    }
    assert [each["Principal"]["Service"] for each in callers] == services.split()
    associations = template.find_resources("AWS::EKS::PodIdentityAssociation").values()
    given = {(each["Properties"]["Namespace"], each["Properties"]["ServiceAccount"]) for each in associations}
    _, _, namespace, name = subject.split(":")
    spaces = ("chat", "search") if namespace == "*" else (namespace,)
    assert {(space, name.rstrip("*")) for space in spaces} <= given
