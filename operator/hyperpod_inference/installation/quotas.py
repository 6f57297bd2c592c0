"""Compute quotas of HyperPod task governance, as values: what a team may use of a cluster, and borrow.

CloudFormation has no type for them: `to_cli` is the input of `aws sagemaker create-compute-quota`.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from hyperpod_inference.installation.errors import PropertyError, require
from hyperpod_inference.installation.values import CLUSTER_ARN, NAMESPACE, check, check_instance_type

_MAX_WEIGHT: Final = 100
_MAX_BORROW_PERCENT: Final = 500


class Sharing(StrEnum):
    """What happens to compute that a team does not use."""

    LEND = "Lend"
    DONT_LEND = "DontLend"
    LEND_AND_BORROW = "LendAndBorrow"


class Preemption(StrEnum):
    """Whether a task of the team may stop another one of the same team."""

    NEVER = "Never"
    LOWER_PRIORITY = "LowerPriority"


@dataclass(frozen=True, kw_only=True)
class QuotaResource:
    """Compute of one instance type: whole instances, or parts of them; at least one of the amounts.

    Args:
        instance_type: such as ml.g5.8xlarge.
        count: whole instances.
        accelerators: GPUs or Neuron devices.
        vcpu: virtual CPUs.
        memory_gib: GiB of memory.
    """

    instance_type: str
    count: int | None = None
    accelerators: int | None = None
    vcpu: float | None = None
    memory_gib: float | None = None

    def __post_init__(self) -> None:
        where = f"QuotaResource {self.instance_type}"
        check_instance_type(where, "instance_type", self.instance_type)
        amounts = {name: getattr(self, name) for name in ("count", "accelerators", "vcpu", "memory_gib")}
        for name, value in amounts.items():
            require(value is None or value >= 0, where, name, value, "0 or more")
        if all(value is None for value in amounts.values()):
            allowed = "count, accelerators, vcpu or memory_gib"
            raise PropertyError(
                where, "amounts", None, allowed, "A quota without an amount reserves nothing."
            )

    def to_cli(self) -> dict[str, Any]:
        """As the API takes it."""
        values = {
            "InstanceType": self.instance_type,
            "Count": self.count,
            "Accelerators": self.accelerators,
            "VCpu": self.vcpu,
            "MemoryInGiB": self.memory_gib,
        }
        return {key: value for key, value in values.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class ComputeQuota:
    """What one team may use.

    Args:
        name: of the quota.
        team: whose; its namespace is `hyperpod-ns-TEAM`.
        resources: one or more, each of another instance type.
        fair_share_weight: its share of what is idle, 0 to 100; default 0.
        sharing: default lend and borrow.
        borrow_percent: how much it may borrow, 1 to 500 percent of its own; default 50. Only with borrowing.
        preemption: default lower priority.
        enabled: default True.
    """

    name: str
    team: str
    resources: tuple[QuotaResource, ...] = field(default_factory=tuple)
    fair_share_weight: int = 0
    sharing: Sharing = Sharing.LEND_AND_BORROW
    borrow_percent: int = 50
    preemption: Preemption = Preemption.LOWER_PRIORITY
    enabled: bool = True

    def __post_init__(self) -> None:
        where = f"ComputeQuota {self.name}"
        check(where, "team", self.team, NAMESPACE)
        types = [each.instance_type for each in self.resources]
        require(types, where, "resources", types, "one or more, each with an instance type and an amount")
        twice = sorted({name for name in types if types.count(name) > 1})
        require(not twice, where, "resources", twice, "each instance type once")
        weight, borrow = self.fair_share_weight, self.borrow_percent
        require(0 <= weight <= _MAX_WEIGHT, where, "fair_share_weight", weight, f"0 to {_MAX_WEIGHT}")
        allowed = f"1 to {_MAX_BORROW_PERCENT} percent"
        require(1 <= borrow <= _MAX_BORROW_PERCENT, where, "borrow_percent", borrow, allowed)

    def to_cli(self, cluster_arn: str) -> dict[str, Any]:
        """The input of `aws sagemaker create-compute-quota --cli-input-json`."""
        check(f"ComputeQuota {self.name}", "cluster_arn", cluster_arn, CLUSTER_ARN)
        sharing: dict[str, Any] = {"Strategy": str(self.sharing)}
        if self.sharing is Sharing.LEND_AND_BORROW:
            sharing["BorrowLimit"] = self.borrow_percent
        return {
            "Name": self.name,
            "ClusterArn": cluster_arn,
            "ComputeQuotaConfig": {
                "ComputeQuotaResources": [each.to_cli() for each in self.resources],
                "ResourceSharingConfig": sharing,
                "PreemptTeamTasks": str(self.preemption),
            },
            "ComputeQuotaTarget": {"TeamName": self.team, "FairShareWeight": self.fair_share_weight},
            "ActivationState": "Enabled" if self.enabled else "Disabled",
        }
