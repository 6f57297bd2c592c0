"""Roles that pods take: by the cluster's OIDC provider (IRSA) or by EKS Pod Identity.

The policies are `hyperpod_inference.installation.trust`'s; an IRSA policy is text that `Fn::Sub` fills in, so
that it needs no custom resource and no Lambda.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from aws_cdk import Aws, Fn
from aws_cdk import aws_iam as iam
from constructs import Construct

from hyperpod_constructs.later import Bindings
from hyperpod_inference.installation.trust import POD_IDENTITY_SERVICE, ServiceAccount, irsa_trust
from hyperpod_inference.installation.values import OIDC_PROVIDER_ARN, check

if TYPE_CHECKING:
    from aws_cdk import aws_eks as eks
else:
    eks = Bindings("aws_eks")


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
        check("OidcIssuer", "provider_arn", provider_arn, OIDC_PROVIDER_ARN)
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
        irsa_trust(account, services), {"Issuer": issuer.host, "Provider": issuer.provider_arn}
    )
    return role


def pod_identity_role(
    scope: Construct,
    construct_id: str,
    *,
    services: Sequence[str] = (),
    role_name: str | None = None,
    path: str | None = None,
    description: str,
    managed_policies: Sequence[iam.IManagedPolicy] = (),
) -> iam.Role:
    """A role that EKS takes for the pods of associations in this account, and the AWS `services` take too."""
    own = {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
    pods = iam.ServicePrincipal(POD_IDENTITY_SERVICE, conditions=own)
    role = iam.Role(
        scope,
        construct_id,
        assumed_by=iam.SessionTagsPrincipal(pods),
        role_name=role_name,
        path=path,
        description=description,
        managed_policies=list(managed_policies),
    )
    for service in services:
        assert role.assume_role_policy is not None  # noqa: S101 - a role made here has one
        role.assume_role_policy.add_statements(
            iam.PolicyStatement(actions=["sts:AssumeRole"], principals=[iam.ServicePrincipal(service)])
        )
    return role


def associate(
    scope: Construct, construct_id: str, *, cluster_name: str, account: ServiceAccount, role: iam.IRole
) -> eks.CfnPodIdentityAssociation:
    """Give the pods of `account` the role. Standalone: not every add-on takes associations of its own."""
    return eks.CfnPodIdentityAssociation(
        scope,
        construct_id,
        cluster_name=cluster_name,
        namespace=account.namespace,
        service_account=account.name,
        role_arn=role.role_arn,
    )
