"""The HyperPod cluster: the instances that SageMaker keeps healthy and joins to the EKS cluster.

Made on an EKS cluster from `eks_cluster.py` from the groups in `instance_groups.py`, or described by
:class:`ExistingHyperPodCluster`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from aws_cdk import Tags
from aws_cdk import aws_iam as iam
from constructs import Construct

from hyperpod_constructs.acknowledge import REGULATORY, acknowledge
from hyperpod_constructs.eks_cluster import EksClusterLike
from hyperpod_constructs.endpoints import VpcLike
from hyperpod_constructs.instance_groups import render
from hyperpod_constructs.later import Bindings
from hyperpod_constructs.node_roles import cluster_role, node_role
from hyperpod_inference.installation.errors import PropertyError, require
from hyperpod_inference.installation.instance_groups import DEFAULT_INSTANCE_GROUPS, InstanceGroup
from hyperpod_inference.installation.values import CLUSTER_ARN, CLUSTER_NAME, SUBNET_ID, check, check_all

if TYPE_CHECKING:
    from aws_cdk import aws_ec2 as ec2
    from aws_cdk import aws_sagemaker as sagemaker
else:
    ec2, sagemaker = Bindings("aws_ec2"), Bindings("aws_sagemaker")


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


@dataclass(frozen=True, kw_only=True)
class Autoscaling:
    """HyperPod runs Karpenter, which grows and shrinks the instance groups that its NodeClasses name.

    Args:
        cluster_role: what HyperPod takes to add and remove instances; default a new one.
    """

    cluster_role: iam.IRole | None = None


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
        check(type(self).__name__, "cluster_arn", self.cluster_arn, CLUSTER_ARN)


@dataclass(frozen=True, kw_only=True)
class HyperPodClusterProps:
    """How a new :class:`HyperPodCluster` is made.

    Args:
        instance_groups: default one ml.c5.4xlarge for the add-on's pods and one ml.g5.8xlarge.
        cluster_name: up to 63 letters, digits and hyphens; default CloudFormation makes one.
        node_recovery: default automatic.
        tiered_storage: default off.
        autoscaling: instances come and go as pods ask for them; default off.
        continuous_provisioning: start with the instances that there are, and go on asking for the rest,
            instead of all or nothing; default only with autoscaling, which needs it. It cannot be changed
            later.
        node_role: of the instances; default a new one.
    """

    instance_groups: Sequence[InstanceGroup] = DEFAULT_INSTANCE_GROUPS
    cluster_name: str | None = None
    node_recovery: NodeRecovery = NodeRecovery.AUTOMATIC
    tiered_storage: TieredStorage | None = None
    autoscaling: Autoscaling | None = None
    continuous_provisioning: bool = False
    node_role: iam.IRole | None = None


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
        cluster_role: what HyperPod may do for autoscaling; None without.
        resource: the L1 cluster.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        props: HyperPodClusterProps = _DEFAULTS,
        *,
        eks_cluster: EksClusterLike,
        vpc: VpcLike,
        subnet_ids: Sequence[str],
    ) -> None:
        super().__init__(scope, construct_id)
        _check_groups(self, props.instance_groups)
        check(self, "cluster_name", props.cluster_name, CLUSTER_NAME)
        require(1 <= len(subnet_ids) <= 16, self, "subnet_ids", len(subnet_ids), "1 to 16 subnets")
        check_all(self, "subnet_ids", subnet_ids, SUBNET_ID)
        self._permissions: list[iam.ManagedPolicy] = []
        self.node_role = props.node_role or self._node_role(props, eks_cluster, subnet_ids)
        self.cluster_role = self._cluster_role(props.autoscaling)
        groups = [_security_group_of(self, eks_cluster), self._between_nodes(vpc.vpc_id)]
        role = self.node_role.role_arn
        self.resource = sagemaker.CfnCluster(
            self,
            "Cluster",
            cluster_name=props.cluster_name,
            orchestrator=_orchestrated_by(eks_cluster),
            vpc_config=sagemaker.CfnCluster.VpcConfigProperty(
                security_group_ids=groups, subnets=list(subnet_ids)
            ),
            instance_groups=[render(group, role, groups) for group in props.instance_groups],
            node_recovery=str(props.node_recovery),
            node_provisioning_mode=_provisioning(props),
            tiered_storage_config=_tiered(props.tiered_storage),
            auto_scaling=_autoscaling(props.autoscaling),
            cluster_role=self.cluster_role.role_arn if self.cluster_role else None,
        )
        self.resource.node.add_dependency(*self._permissions)

    @property
    def cluster_arn(self) -> str:
        """Known when the cluster exists. (`Ref` is not relied upon.)"""
        return self.resource.attr_cluster_arn

    def _node_role(
        self, props: HyperPodClusterProps, eks_cluster: EksClusterLike, subnet_ids: Sequence[str]
    ) -> iam.Role:
        scripts = [group.lifecycle_script for group in props.instance_groups if group.lifecycle_script]
        role, policy = node_role(
            self,
            eks_cluster=eks_cluster,
            subnet_ids=[*subnet_ids, *(each for group in props.instance_groups for each in group.subnet_ids)],
            script_folders=sorted({script.source_s3_uri for script in scripts}),
        )
        self._permissions.append(policy)
        return role

    def _cluster_role(self, autoscaling: Autoscaling | None) -> iam.IRole | None:
        if autoscaling is None:
            return None
        if autoscaling.cluster_role is not None:
            return autoscaling.cluster_role
        role, policy = cluster_role(self)
        self._permissions.append(policy)
        return role

    def _between_nodes(self, vpc_id: str) -> str:
        """EFA asks for rules to and from the group itself; the cluster's own group lacks the outgoing one."""
        anywhere = ec2.CfnSecurityGroup.EgressProperty(
            cidr_ip="0.0.0.0/0", description="Allow all outbound traffic by default", ip_protocol="-1"
        )
        group = ec2.CfnSecurityGroup(
            Construct(self, "NodeSecurityGroup"),
            "Resource",
            vpc_id=vpc_id,
            group_description="HyperPod instances among themselves",
            security_group_egress=[anywhere],
        )
        itself = group.attr_group_id
        incoming = ec2.CfnSecurityGroupIngress(
            self,
            "FromNodes",
            group_id=itself,
            source_security_group_id=itself,
            ip_protocol="-1",
            description="EFA between instances",
        )
        ec2.CfnSecurityGroupEgress(
            self,
            "ToNodes",
            group_id=itself,
            destination_security_group_id=itself,
            ip_protocol="-1",
            description="EFA between instances",
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


def _provisioning(props: HyperPodClusterProps) -> str | None:
    return "Continuous" if props.continuous_provisioning or props.autoscaling else None


def _autoscaling(
    autoscaling: Autoscaling | None,
) -> sagemaker.CfnCluster.ClusterAutoScalingConfigProperty | None:
    if autoscaling is None:
        return None
    return sagemaker.CfnCluster.ClusterAutoScalingConfigProperty(mode="Enable", auto_scaler_type="Karpenter")


def _tiered(storage: TieredStorage | None) -> sagemaker.CfnCluster.TieredStorageConfigProperty | None:
    if storage is None:
        return None
    return sagemaker.CfnCluster.TieredStorageConfigProperty(
        mode="Enable", instance_memory_allocation_percentage=storage.memory_percent
    )
