"""Instance groups as CloudFormation takes them. The values are `hyperpod_inference.installation`'s."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hyperpod_constructs.later import Bindings
from hyperpod_inference.installation.instance_groups import Capacity, InstanceGroup

if TYPE_CHECKING:
    from aws_cdk import aws_sagemaker as sagemaker
else:
    sagemaker = Bindings("aws_sagemaker")

_Cluster = sagemaker.CfnCluster


def render(
    group: InstanceGroup, execution_role_arn: str, security_group_ids: Sequence[str]
) -> sagemaker.CfnCluster.ClusterInstanceGroupProperty:
    """One group; the security groups are those of the cluster, for a group that is placed without its own."""
    return _Cluster.ClusterInstanceGroupProperty(
        instance_group_name=group.name,
        instance_type=group.instance_type,
        instance_requirements=_requirements(group),
        instance_count=group.count,
        min_instance_count=group.min_count,
        execution_role=execution_role_arn,
        threads_per_core=group.threads_per_core,
        instance_storage_configs=_storage(group),
        on_start_deep_health_checks=[str(check) for check in group.deep_health_checks] or None,
        life_cycle_config=_lifecycle(group),
        capacity_requirements=_capacity(group),
        training_plan_arn=group.training_plan_arn,
        override_vpc_config=_placed(group, security_group_ids),
        network_interface=_interface(group),
        kubernetes_config=_kubernetes(group),
    )


def _requirements(group: InstanceGroup) -> sagemaker.CfnCluster.InstanceRequirementsProperty | None:
    if not group.instance_types:
        return None
    return _Cluster.InstanceRequirementsProperty(instance_types=list(group.instance_types))


def _storage(group: InstanceGroup) -> list[sagemaker.CfnCluster.ClusterInstanceStorageConfigProperty] | None:
    if group.volume_gib is None:
        return None
    volume = _Cluster.ClusterEbsVolumeConfigProperty(
        volume_size_in_gb=group.volume_gib, volume_kms_key_id=group.volume_key_arn
    )
    return [_Cluster.ClusterInstanceStorageConfigProperty(ebs_volume_config=volume)]


def _lifecycle(group: InstanceGroup) -> sagemaker.CfnCluster.ClusterLifeCycleConfigProperty | None:
    script = group.lifecycle_script
    if script is None:
        return None
    return _Cluster.ClusterLifeCycleConfigProperty(
        source_s3_uri=script.source_s3_uri,
        on_create=script.on_create,
        on_init_complete=script.on_init_complete,
    )


def _capacity(group: InstanceGroup) -> sagemaker.CfnCluster.ClusterCapacityRequirementsProperty | None:
    if group.capacity is None:
        return None
    spot = group.capacity is Capacity.SPOT
    return _Cluster.ClusterCapacityRequirementsProperty(
        spot={} if spot else None, on_demand=None if spot else {}
    )


def _placed(
    group: InstanceGroup, security_group_ids: Sequence[str]
) -> sagemaker.CfnCluster.VpcConfigProperty | None:
    if not group.subnet_ids:
        return None
    return _Cluster.VpcConfigProperty(
        subnets=list(group.subnet_ids),
        security_group_ids=list(group.security_group_ids or security_group_ids),
    )


def _interface(group: InstanceGroup) -> sagemaker.CfnCluster.ClusterNetworkInterfaceProperty | None:
    if group.network_interface is None:
        return None
    return _Cluster.ClusterNetworkInterfaceProperty(interface_type=str(group.network_interface))


def _kubernetes(group: InstanceGroup) -> sagemaker.CfnCluster.ClusterKubernetesConfigProperty | None:
    if not group.labels and not group.taints:
        return None
    taints = [
        _Cluster.ClusterKubernetesTaintProperty(key=each.key, value=each.value, effect=each.effect)
        for each in group.taints
    ]
    return _Cluster.ClusterKubernetesConfigProperty(labels=dict(group.labels) or None, taints=taints or None)
