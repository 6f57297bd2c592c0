"""Instance groups of a HyperPod cluster as values, for `hyperpod_cluster.py` and the app's context."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from aws_cdk import aws_sagemaker as sagemaker

from hyperpod_constructs.errors import require

_INSTANCE_TYPE: Final = re.compile(r"ml\.[a-z][a-z0-9-]*\.[a-z0-9-]+")
_NAME: Final = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
_MAX_COUNT: Final = 6758
_MAX_VOLUME_GIB: Final = 16384
_MAX_LABELS: Final = 50


class DeepHealthCheck(StrEnum):
    """A stress test that a new instance passes before it takes work; it may last an hour and more."""

    INSTANCE_STRESS = "InstanceStress"
    INSTANCE_CONNECTIVITY = "InstanceConnectivity"


class Capacity(StrEnum):
    """How the instances of a group are bought."""

    ON_DEMAND = "OnDemand"
    SPOT = "Spot"


@dataclass(frozen=True, kw_only=True)
class LifecycleScript:
    """A script that HyperPod runs on each new instance.

    Args:
        source_s3_uri: folder of the script; the node role may read `s3://sagemaker-*` already.
        on_create: file that replaces AWS's own set-up; or
        on_init_complete: file that runs after AWS's own set-up. Exactly one of the two.
    """

    source_s3_uri: str
    on_create: str | None = None
    on_init_complete: str | None = None

    def __post_init__(self) -> None:
        where = type(self).__name__
        require(
            self.source_s3_uri.startswith("s3://"),
            where,
            "source_s3_uri",
            self.source_s3_uri,
            "an s3:// address",
        )
        given = (self.on_create, self.on_init_complete)
        require(given.count(None) == 1, where, "on_create, on_init_complete", given, "exactly one of the two")


@dataclass(frozen=True, kw_only=True)
class InstanceGroup:
    """Instances of one type that are grown, replaced and patched together.

    Args:
        name: letters, digits and hyphens, up to 63.
        instance_type: such as `ml.g5.8xlarge`.
        count: instances, 0 to 6758; default 1.
        threads_per_core: 1 or 2; default SageMaker's choice for the type.
        volume_gib: size of an extra EBS volume, 1 to 16384 GiB; default none.
        deep_health_checks: tests on start; default none, as each keeps the instance back for an hour or more.
        lifecycle_script: default none, AWS's own set-up.
        capacity: default on demand.
        training_plan_arn: reserved capacity; default none.
        labels: Kubernetes labels of the nodes; default none.
    """

    name: str
    instance_type: str
    count: int = 1
    threads_per_core: int | None = None
    volume_gib: int | None = None
    deep_health_checks: tuple[DeepHealthCheck, ...] = ()
    lifecycle_script: LifecycleScript | None = None
    capacity: Capacity | None = None
    training_plan_arn: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check("name", _NAME.fullmatch(self.name), "letters, digits and hyphens, at most 63")
        self._check(
            "instance_type",
            _INSTANCE_TYPE.fullmatch(self.instance_type),
            "a SageMaker instance type such as ml.g5.8xlarge",
            _with_prefix(self.instance_type),
        )
        self._check("count", 0 <= self.count <= _MAX_COUNT, f"0 to {_MAX_COUNT} instances")
        self._check("threads_per_core", self.threads_per_core in (None, 1, 2), "1 or 2")
        size = self.volume_gib
        self._check("volume_gib", size is None or 1 <= size <= _MAX_VOLUME_GIB, f"1 to {_MAX_VOLUME_GIB} GiB")
        self._check("labels", len(self.labels) <= _MAX_LABELS, f"at most {_MAX_LABELS} labels")

    def _check(self, prop: str, valid: object, allowed: str, fix: str = "") -> None:
        require(bool(valid), f"InstanceGroup {self.name}", prop, getattr(self, prop), allowed, fix)

    def render(self, execution_role_arn: str) -> sagemaker.CfnCluster.ClusterInstanceGroupProperty:
        """As CloudFormation takes it."""
        return sagemaker.CfnCluster.ClusterInstanceGroupProperty(
            instance_group_name=self.name,
            instance_type=self.instance_type,
            instance_count=self.count,
            execution_role=execution_role_arn,
            threads_per_core=self.threads_per_core,
            instance_storage_configs=self._storage(),
            on_start_deep_health_checks=[str(check) for check in self.deep_health_checks] or None,
            life_cycle_config=self._lifecycle(),
            capacity_requirements=self._capacity(),
            training_plan_arn=self.training_plan_arn,
            kubernetes_config=self._kubernetes(),
        )

    def _storage(self) -> list[sagemaker.CfnCluster.ClusterInstanceStorageConfigProperty] | None:
        if self.volume_gib is None:
            return None
        volume = sagemaker.CfnCluster.ClusterEbsVolumeConfigProperty(volume_size_in_gb=self.volume_gib)
        return [sagemaker.CfnCluster.ClusterInstanceStorageConfigProperty(ebs_volume_config=volume)]

    def _lifecycle(self) -> sagemaker.CfnCluster.ClusterLifeCycleConfigProperty | None:
        script = self.lifecycle_script
        if script is None:
            return None
        return sagemaker.CfnCluster.ClusterLifeCycleConfigProperty(
            source_s3_uri=script.source_s3_uri,
            on_create=script.on_create,
            on_init_complete=script.on_init_complete,
        )

    def _capacity(self) -> sagemaker.CfnCluster.ClusterCapacityRequirementsProperty | None:
        if self.capacity is None:
            return None
        spot = self.capacity is Capacity.SPOT
        return sagemaker.CfnCluster.ClusterCapacityRequirementsProperty(
            spot={} if spot else None, on_demand=None if spot else {}
        )

    def _kubernetes(self) -> sagemaker.CfnCluster.ClusterKubernetesConfigProperty | None:
        if not self.labels:
            return None
        return sagemaker.CfnCluster.ClusterKubernetesConfigProperty(labels=dict(self.labels))


def _with_prefix(instance_type: str) -> str:
    candidate = f"ml.{instance_type}"
    return f"Did you mean {candidate!r}?" if _INSTANCE_TYPE.fullmatch(candidate) else ""


DEFAULT_INSTANCE_GROUPS: Final = (
    InstanceGroup(name="system", instance_type="ml.c5.4xlarge"),
    InstanceGroup(name="accelerated", instance_type="ml.g5.8xlarge"),
)
"""Quick Install: the smallest instance with room for the add-on's pods, and one with an accelerator."""
