"""Trust policies of roles that pods take: through the cluster's OIDC provider (IRSA), or by EKS Pod Identity.

The condition keys of an IRSA policy hold the issuer's host, which is known only when the cluster exists,
and a key of a JSON object can be no CDK token and no Terraform reference. So the policy is text with
`${Issuer}` and `${Provider}` in it: `Fn::Sub` fills it in CloudFormation, `replace` in Terraform. No Lambda
is needed.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal

POD_IDENTITY_SERVICE: Final = "pods.eks.amazonaws.com"
AUDIENCE: Final = "sts.amazonaws.com"


class Identity(StrEnum):
    """How pods get the credentials of a role."""

    IRSA = "irsa"
    """A token of the service account, checked against the cluster's OIDC provider."""
    POD_IDENTITY = "pod-identity"
    """An association in EKS, and the add-on eks-pod-identity-agent on the nodes."""


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


def irsa_trust(account: ServiceAccount, services: Sequence[str] = ()) -> str:
    """The policy as JSON text with `${Issuer}` and `${Provider}` to fill in."""
    audience = {"${Issuer}:aud": AUDIENCE}
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
    return json.dumps(_document([pods, *_callers(services)]))


def pod_identity_trust(services: Sequence[str] = (), account_id: str = "${Account}") -> str:
    """The policy as JSON text; EKS takes the role for pods of clusters in `account_id` only."""
    pods = {
        "Effect": "Allow",
        "Principal": {"Service": POD_IDENTITY_SERVICE},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {"StringEquals": {"aws:SourceAccount": account_id}},
    }
    return json.dumps(_document([pods, *_callers(services)]))


def _callers(services: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        for service in services
    ]


def _document(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}
