"""Who may use the API server of an EKS cluster, as values; `eks_cluster.py` makes the access entries."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from aws_cdk import Aws
from constructs import Construct

from hyperpod_constructs.later import Bindings
from hyperpod_inference.installation.errors import require
from hyperpod_inference.installation.values import NAMESPACE, PRINCIPAL_ARN, check, check_all

if TYPE_CHECKING:
    from aws_cdk import aws_eks as eks
else:
    eks = Bindings("aws_eks")


class AccessPolicy(StrEnum):
    """AWS's cluster access policies."""

    CLUSTER_ADMIN = "AmazonEKSClusterAdminPolicy"
    ADMIN = "AmazonEKSAdminPolicy"
    EDIT = "AmazonEKSEditPolicy"
    VIEW = "AmazonEKSViewPolicy"


CLUSTER_WIDE_ONLY: Final = (AccessPolicy.CLUSTER_ADMIN,)


@dataclass(frozen=True, kw_only=True)
class AccessEntry:
    """One IAM role or user, and what it may do in the cluster.

    Args:
        principal_arn: the role or user.
        policy: one of AWS's; None with `kubernetes_groups`, whose rights are your RBAC's. Default view.
        namespaces: where the policy holds; default the whole cluster.
        kubernetes_groups: groups for your own role bindings, such as
            `hyperpod-scientist-user-namespace-level`; default none.
    """

    principal_arn: str
    policy: AccessPolicy | None = AccessPolicy.VIEW
    namespaces: tuple[str, ...] = ()
    kubernetes_groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        where = type(self).__name__
        check(where, "principal_arn", self.principal_arn, PRINCIPAL_ARN)
        check_all(where, "namespaces", self.namespaces, NAMESPACE)
        limited = self.policy in CLUSTER_WIDE_ONLY and self.namespaces
        require(not limited, where, "namespaces", self.namespaces, f"none with {self.policy}")
        useless = self.policy is None and not self.kubernetes_groups
        require(not useless, where, "policy", None, "a policy, or kubernetes_groups")


def make_entry(
    scope: Construct, construct_id: str, cluster_name: str, entry: AccessEntry
) -> eks.CfnAccessEntry:
    """The entry in EKS."""
    return eks.CfnAccessEntry(
        scope,
        construct_id,
        cluster_name=cluster_name,
        principal_arn=entry.principal_arn,
        kubernetes_groups=list(entry.kubernetes_groups) or None,
        access_policies=[_policy(entry, entry.policy)] if entry.policy else None,
    )


def _policy(entry: AccessEntry, policy: AccessPolicy) -> eks.CfnAccessEntry.AccessPolicyProperty:
    scope = eks.CfnAccessEntry.AccessScopeProperty(
        type="namespace" if entry.namespaces else "cluster", namespaces=list(entry.namespaces) or None
    )
    arn = f"arn:{Aws.PARTITION}:eks::aws:cluster-access-policy/{policy}"
    return eks.CfnAccessEntry.AccessPolicyProperty(policy_arn=arn, access_scope=scope)
