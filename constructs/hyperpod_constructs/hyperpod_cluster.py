"""The HyperPod cluster: the instances that SageMaker keeps healthy and joins to the EKS cluster.

Made on an EKS cluster from `eks_cluster.py` from the groups in `instance_groups.py`, or described by
:class:`ExistingHyperPodCluster`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from aws_cdk import Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from hyperpod_constructs.acknowledge import REGULATORY, acknowledge
from hyperpod_constructs.eks_cluster import EksClusterLike
from hyperpod_constructs.errors import PropertyError, require
from hyperpod_constructs.instance_groups import DEFAULT_INSTANCE_GROUPS, InstanceGroup
from hyperpod_constructs.policy_documents import statements

_NODE_POLICY: Final = "AmazonSageMakerClusterInstanceRolePolicy"
_NODE_FINDINGS: Final = {
    f"IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{_NODE_POLICY}]": (
        "AWS's policy for HyperPod instances; it changes with their agents."
    ),
    "IAM5[Resource::*]": "Describe calls and the registry's token know no resources.",
    "IAM5[Resource::arn:<AWS::Partition>:ecr:*:*:repository/*]": (
        "Images of models and add-ons lie in registries of several accounts."
    ),
} | {
    f"IAM5[Resource::arn:<AWS::Partition>:ec2:*:*:{kind}/*]": (
        "Instances come and go, and SageMaker owns them; their network interfaces have no fixed names."
    )
    for kind in ("instance", "network-interface", "security-group", "subnet")
}


class NodeRecovery(StrEnum):
    """What HyperPod does with an instance that fails a health check."""

    AUTOMATIC = "Automatic"
    NONE = "None"


@dataclass(frozen=True, kw_only=True)
class TieredStorage:
    """Node memory that HyperPod manages as a shared second tier of the KV cache.

    Args:
        memory_percent: share of each instance's memory, 20 to 100 as the console offers; 0 to 100 is valid.
    """

    memory_percent: int = 20

    def __post_init__(self) -> None:
        require(
            0 <= self.memory_percent <= 100,
            type(self).__name__,
            "memory_percent",
            self.memory_percent,
            "a percentage from 0 to 100",
        )


class HyperPodClusterLike(Protocol):
    """What the other parts need to know of a HyperPod cluster."""

    @property
    def cluster_arn(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class ExistingHyperPodCluster:
    """A HyperPod cluster that this installation does not own.

    Args:
        cluster_arn: `arn:aws:sagemaker:REGION:ACCOUNT:cluster/ID`.
    """

    cluster_arn: str

    def __post_init__(self) -> None:
        where, allowed = type(self).__name__, "arn:aws:sagemaker:REGION:ACCOUNT:cluster/ID"
        require(":cluster/" in self.cluster_arn, where, "cluster_arn", self.cluster_arn, allowed)


@dataclass(frozen=True, kw_only=True)
class HyperPodClusterProps:
    """How a new :class:`HyperPodCluster` is made.

    Args:
        instance_groups: default one ml.c5.4xlarge for the add-on's pods and one ml.g5.8xlarge.
        cluster_name: up to 63 letters, digits and hyphens; default CloudFormation makes one.
        node_recovery: default automatic.
        tiered_storage: default off.
    """

    instance_groups: Sequence[InstanceGroup] = DEFAULT_INSTANCE_GROUPS
    cluster_name: str | None = None
    node_recovery: NodeRecovery = NodeRecovery.AUTOMATIC
    tiered_storage: TieredStorage | None = None


_DEFAULTS: Final = HyperPodClusterProps()


class HyperPodCluster(Construct):
    """A HyperPod cluster orchestrated by EKS.

    Args:
        props: default two small instance groups.
        eks_cluster: the orchestrator; must know its security group.
        vpc: where the instances run.
        subnet_ids: private subnets, at most 16.

    Attributes:
        cluster_arn: a token.
        node_role: what the instances may do.
        resource: the L1 cluster.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        props: HyperPodClusterProps = _DEFAULTS,
        *,
        eks_cluster: EksClusterLike,
        vpc: ec2.IVpc,
        subnet_ids: Sequence[str],
    ) -> None:
        super().__init__(scope, construct_id)
        _check_groups(self, props.instance_groups)
        require(1 <= len(subnet_ids) <= 16, self, "subnet_ids", len(subnet_ids), "1 to 16 subnets")
        self.node_role, permissions = self._node_role()
        security_groups = [_security_group_of(self, eks_cluster), self._between_nodes(vpc)]
        self.resource = sagemaker.CfnCluster(
            self,
            "Cluster",
            cluster_name=props.cluster_name,
            orchestrator=_orchestrated_by(eks_cluster),
            vpc_config=sagemaker.CfnCluster.VpcConfigProperty(
                security_group_ids=security_groups, subnets=list(subnet_ids)
            ),
            instance_groups=[group.render(self.node_role.role_arn) for group in props.instance_groups],
            node_recovery=str(props.node_recovery),
            tiered_storage_config=_tiered(props.tiered_storage),
        )
        self.resource.node.add_dependency(permissions)

    @property
    def cluster_arn(self) -> str:
        """Known when the cluster exists. (`Ref` is not relied upon.)"""
        return self.resource.attr_cluster_arn

    def _node_role(self) -> tuple[iam.Role, iam.ManagedPolicy]:
        role = iam.Role(
            self,
            "NodeRole",
            assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"),
            description="HyperPod instances",
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(_NODE_POLICY)],
        )
        policy = iam.ManagedPolicy(role, "NodePolicy", statements=statements("hyperpod_node"), roles=[role])
        for finding, reason in _NODE_FINDINGS.items():
            acknowledge(role, finding, reason)
        return role, policy

    def _between_nodes(self, vpc: ec2.IVpc) -> str:
        """EFA asks for rules to and from the group itself; the cluster's own group lacks the outgoing one."""
        group = ec2.SecurityGroup(
            self, "NodeSecurityGroup", vpc=vpc, description="HyperPod instances among themselves"
        )
        itself = group.security_group_id
        incoming = ec2.CfnSecurityGroupIngress(
            self, "FromNodes", group_id=itself, source_security_group_id=itself, ip_protocol="-1"
        )
        ec2.CfnSecurityGroupEgress(
            self, "ToNodes", group_id=itself, destination_security_group_id=itself, ip_protocol="-1"
        )
        acknowledge(
            incoming,
            "EC2RestrictedCommonPorts",
            "From the group itself only: EFA does not work with less than all ports between instances.",
            *REGULATORY,
        )
        Tags.of(group).add("Name", f"{self.node.path}/Nodes")
        return itself


def _check_groups(where: Construct, groups: Sequence[InstanceGroup]) -> None:
    names = [group.name for group in groups]
    require(bool(names), where, "instance_groups", names, "one group or more")
    twice = sorted({name for name in names if names.count(name) > 1})
    require(not twice, where, "instance_groups", twice, "names that differ")


def _security_group_of(where: Construct, cluster: EksClusterLike) -> str:
    group = cluster.security_group_id
    if group is None:
        raise PropertyError(
            where,
            "eks_cluster.security_group_id",
            None,
            "the cluster security group of the EKS cluster",
            "Ask: aws eks describe-cluster --query cluster.resourcesVpcConfig.clusterSecurityGroupId",
        )
    return group


def _orchestrated_by(cluster: EksClusterLike) -> sagemaker.CfnCluster.OrchestratorProperty:
    eks = sagemaker.CfnCluster.ClusterOrchestratorEksConfigProperty(cluster_arn=cluster.cluster_arn)
    return sagemaker.CfnCluster.OrchestratorProperty(eks=eks)


def _tiered(storage: TieredStorage | None) -> sagemaker.CfnCluster.TieredStorageConfigProperty | None:
    if storage is None:
        return None
    return sagemaker.CfnCluster.TieredStorageConfigProperty(
        mode="Enable", instance_memory_allocation_percentage=storage.memory_percent
    )
