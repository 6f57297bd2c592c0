"""Instance groups of a HyperPod cluster as values; the constructs render them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from hyperpod_inference.installation.errors import PropertyError, require, require_one_of
from hyperpod_inference.installation.values import (
    CLUSTER_NAME,
    KEY_ARN,
    LABEL,
    S3_URI,
    SECURITY_GROUP_ID,
    SUBNET_ID,
    TRAINING_PLAN_ARN,
    check,
    check_all,
    check_instance_type,
)

_MAX_COUNT: Final = 6758
_MAX_VOLUME_GIB: Final = 16384
_MAX_LABELS: Final = 50
_MAX_TYPES: Final = 20


class DeepHealthCheck(StrEnum):
    """A stress test that a new instance passes before it takes work; it may last an hour and more."""

    INSTANCE_STRESS = "InstanceStress"
    INSTANCE_CONNECTIVITY = "InstanceConnectivity"


class Capacity(StrEnum):
    """How the instances of a group are bought."""

    ON_DEMAND = "OnDemand"
    SPOT = "Spot"


class NetworkInterface(StrEnum):
    """The kind of network interface of instances that have EFA."""

    EFA = "efa"
    EFA_ONLY = "efa-only"


@dataclass(frozen=True, kw_only=True)
class LifecycleScript:
    """A script that HyperPod runs on each new instance.

    Args:
        source_s3_uri: folder of the script. AWS's node policy reads `s3://sagemaker-*`; for another bucket
            the node role that is made here gets read access to the folder.
        on_create: file that replaces AWS's own set-up; or
        on_init_complete: file that runs after AWS's own set-up. Exactly one of the two.
    """

    source_s3_uri: str
    on_create: str | None = None
    on_init_complete: str | None = None

    def __post_init__(self) -> None:
        where = type(self).__name__
        check(where, "source_s3_uri", self.source_s3_uri, S3_URI)
        given = (self.on_create, self.on_init_complete)
        require(given.count(None) == 1, where, "on_create, on_init_complete", given, "exactly one of the two")


@dataclass(frozen=True, kw_only=True)
class Taint:
    """A Kubernetes taint of every node of a group.

    Args:
        key, value: as on a node; the value may be empty.
        effect: NoSchedule, PreferNoSchedule or NoExecute.
    """

    key: str
    value: str = ""
    effect: str = "NoSchedule"

    def __post_init__(self) -> None:
        check("Taint", "key", self.key, LABEL)
        require_one_of("Taint", "effect", self.effect, ("NoSchedule", "PreferNoSchedule", "NoExecute"))


@dataclass(frozen=True, kw_only=True)
class InstanceGroup:
    """Instances that are grown, replaced and patched together.

    Args:
        name: letters, digits and hyphens, up to 63.
        instance_type: such as `ml.g5.8xlarge`; None with `instance_types`.
        instance_types: up to 20 types that the group may take, in the order of preference; default one type.
        unlisted_type: accept a type that is newer than the table in `values.py`; default False.
        count: instances, 0 to 6758; default 1.
        min_count: how many must be there for the group to be in service, up to `count`; default SageMaker's.
        threads_per_core: 1 or 2; default SageMaker's choice for the type.
        volume_gib: size of an extra EBS volume, 1 to 16384 GiB; default none.
        volume_key_arn: KMS key of that volume; default the key of AWS.
        deep_health_checks: tests on start; default none, as each keeps the instance back for an hour or more.
        lifecycle_script: default none, AWS's own set-up.
        capacity: default on demand.
        training_plan_arn: reserved capacity; default none.
        subnet_ids, security_group_ids: other than the cluster's, for capacity in one zone; default the
            cluster's.
        network_interface: of instances with EFA; default SageMaker's.
        labels: Kubernetes labels of the nodes, at most 50; default none.
        taints: Kubernetes taints of the nodes; default none.
    """

    name: str
    instance_type: str | None = None
    instance_types: tuple[str, ...] = ()
    unlisted_type: bool = False
    count: int = 1
    min_count: int | None = None
    threads_per_core: int | None = None
    volume_gib: int | None = None
    volume_key_arn: str | None = None
    deep_health_checks: tuple[DeepHealthCheck, ...] = ()
    lifecycle_script: LifecycleScript | None = None
    capacity: Capacity | None = None
    training_plan_arn: str | None = None
    subnet_ids: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()
    network_interface: NetworkInterface | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()

    def __post_init__(self) -> None:
        where = f"InstanceGroup {self.name}"
        check(where, "name", self.name, CLUSTER_NAME)
        self._check_types(where)
        self._check("count", _whole(self.count, 0, _MAX_COUNT), f"0 to {_MAX_COUNT} instances")
        self._check(
            "min_count", self.min_count is None or _whole(self.min_count, 0, self.count), f"0 to {self.count}"
        )
        self._check("threads_per_core", self.threads_per_core in (None, 1, 2), "1 or 2")
        size = self.volume_gib
        self._check(
            "volume_gib", size is None or _whole(size, 1, _MAX_VOLUME_GIB), f"1 to {_MAX_VOLUME_GIB} GiB"
        )
        check(where, "volume_key_arn", self.volume_key_arn, KEY_ARN)
        check(where, "training_plan_arn", self.training_plan_arn, TRAINING_PLAN_ARN)
        check_all(where, "subnet_ids", self.subnet_ids, SUBNET_ID)
        check_all(where, "security_group_ids", self.security_group_ids, SECURITY_GROUP_ID)
        self._check("labels", len(self.labels) <= _MAX_LABELS, f"at most {_MAX_LABELS} labels")
        check_all(where, "labels", list(self.labels), LABEL)

    @property
    def types(self) -> tuple[str, ...]:
        """The instance types, most preferred first."""
        return (self.instance_type,) if self.instance_type else self.instance_types

    def _check_types(self, where: str) -> None:
        given = (self.instance_type, self.instance_types)
        if bool(self.instance_type) == bool(self.instance_types):
            raise PropertyError(where, "instance_type, instance_types", given, "exactly one of the two")
        self._check("instance_types", len(self.instance_types) <= _MAX_TYPES, f"at most {_MAX_TYPES} types")
        for name in self.types:
            prop = "instance_type" if self.instance_type else "instance_types"
            check_instance_type(where, prop, name, unlisted=self.unlisted_type)

    def _check(self, prop: str, valid: object, allowed: str) -> None:
        require(valid, f"InstanceGroup {self.name}", prop, getattr(self, prop), allowed)


def _whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


DEFAULT_INSTANCE_GROUPS: Final = (
    InstanceGroup(name="system", instance_type="ml.c5.4xlarge"),
    InstanceGroup(name="accelerated", instance_type="ml.g5.8xlarge"),
)
"""Quick Install: the smallest instance with room for the add-on's pods, and one with an accelerator."""
