"""Trust policies for roles that pods assume through the cluster's OIDC provider (IRSA).

The condition keys of such a policy hold the issuer's host, which CloudFormation learns only when the cluster
exists, and a key of a JSON object cannot be a token. So the policy is written as text, and `Fn::Sub` puts the
host in: no custom resource and no Lambda.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from aws_cdk import Aws, Fn
from aws_cdk import aws_iam as iam
from constructs import Construct


@dataclass(frozen=True, kw_only=True)
class ServiceAccount:
    """The Kubernetes service account that may take a role."""

    namespace: str
    name: str

    @property
    def subject(self) -> str:
        """`sub` of its tokens."""
        return f"system:serviceaccount:{self.namespace}:{self.name}"

    @property
    def operator(self) -> Literal["StringEquals", "StringLike"]:
        """How IAM compares the subject: a `*` asks for a pattern."""
        return "StringLike" if "*" in self.subject else "StringEquals"


@dataclass(frozen=True, kw_only=True)
class OidcIssuer:
    """The OIDC issuer of an EKS cluster, as its roles see it.

    Attributes:
        host: the issuer without its scheme, `oidc.eks.REGION.amazonaws.com/id/ID`.
        provider_arn: the IAM OIDC provider for it.
    """

    host: str
    provider_arn: str

    @staticmethod
    def from_url(url: str, provider_arn: str | None = None) -> "OidcIssuer":
        """The issuer with `https://`; the provider's ARN follows from it unless given."""
        host = Fn.select(1, Fn.split("https://", url))
        arn = provider_arn or f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:oidc-provider/{host}"
        return OidcIssuer(host=host, provider_arn=arn)


def irsa_role(
    scope: Construct,
    construct_id: str,
    *,
    issuer: OidcIssuer,
    account: ServiceAccount,
    services: Sequence[str] = (),
    role_name: str | None = None,
    description: str,
    managed_policies: Sequence[iam.IManagedPolicy] = (),
) -> iam.Role:
    """A role that `account` may assume with its token, and that the AWS `services` may assume too."""
    role = iam.Role(
        scope,
        construct_id,
        assumed_by=iam.FederatedPrincipal(issuer.provider_arn, {}, "sts:AssumeRoleWithWebIdentity"),
        role_name=role_name,
        description=description,
        managed_policies=list(managed_policies),
    )
    resource = cast(iam.CfnRole, role.node.default_child)
    resource.assume_role_policy_document = Fn.sub(
        json.dumps(_document(account, services)), {"Issuer": issuer.host, "Provider": issuer.provider_arn}
    )
    return role


def _document(account: ServiceAccount, services: Sequence[str]) -> dict[str, Any]:
    audience = {"${Issuer}:aud": "sts.amazonaws.com"}
    subject = {"${Issuer}:sub": account.subject}
    condition = (
        {"StringEquals": audience | subject}
        if account.operator == "StringEquals"
        else {"StringEquals": audience, "StringLike": subject}
    )
    pods = {
        "Effect": "Allow",
        "Principal": {"Federated": "${Provider}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition,
    }
    callers = [
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        for service in services
    ]
    return {"Version": "2012-10-17", "Statement": [pods, *callers]}
