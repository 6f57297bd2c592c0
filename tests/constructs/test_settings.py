"""Context in, settings out."""

from typing import Any

import pytest

from hyperpod_constructs import InstanceGroup, PropertyError, StackSettings

P = "hyperpod-inference:"


@pytest.mark.parametrize(
    ("key", "value", "field", "expected"),
    [
        ("stackName", "Mine", "stack_name", "Mine"),
        ("natGateways", "2", "nat_gateways", 2),
        ("natGateways", 0, "nat_gateways", 0),
        ("zones", "us-west-2a, us-west-2b", "zones", ("us-west-2a", "us-west-2b")),
        ("zones", ["us-west-2a"], "zones", ("us-west-2a",)),
        ("zones", '["us-west-2a"]', "zones", ("us-west-2a",)),
        (
            "instanceGroups",
            "gpu=ml.g5.8xlarge:2,system=ml.c5.4xlarge",
            "instance_groups",
            (
                InstanceGroup(name="gpu", instance_type="ml.g5.8xlarge", count=2),
                InstanceGroup(name="system", instance_type="ml.c5.4xlarge"),
            ),
        ),
        (
            "instanceGroups",
            [{"name": "gpu", "instanceType": "ml.g5.8xlarge", "volumeGib": 500}],
            "instance_groups",
            (InstanceGroup(name="gpu", instance_type="ml.g5.8xlarge", volume_gib=500),),
        ),
    ],
)
def test_a_context_key_sets_a_field(key: str, value: Any, field: str, expected: Any) -> None:
    assert getattr(StackSettings.from_context({P + key: value}), field) == expected


def test_nothing_set_is_quick_install() -> None:
    foreign = {"@aws-cdk/core:checkSecretUsage": True, P + "destroyData": "true"}
    assert StackSettings.from_context(foreign) == StackSettings()


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ({"kubernetesVersoin": "1.33"}, "got 'kubernetesVersoin'.*Did you mean 'kubernetesVersion'"),
        ({"natGateways": "two"}, "natGateways: got 'two', expected a whole number"),
        ({"stackName": 7}, "stackName: got 7, expected text"),
        ({"zones": 7}, "zones: got 7, expected a list"),
        ({"zones": "[1"}, "zones: .*expected a JSON array"),
        ({"instanceGroups": "gpu"}, "instanceGroups: got 'gpu'.*For example: accelerated=ml.g5.8xlarge:2"),
        ({"instanceGroups": [{"name": "gpu"}]}, "instanceGroups: .*an object with name, instanceType"),
        ({"instanceGroups": [{"nam": "gpu"}]}, "instanceGroups: got 'nam'.*Did you mean 'name'"),
        ({"instanceGroups": "gpu=g5.8xlarge"}, "instance_type: got 'g5.8xlarge'"),
        ({"vpcId": "vpc-1"}, "subnetIds: got None, expected a value beside vpcId"),
        ({"oidcIssuerUrl": "https://x"}, "eksClusterName: got None, expected a value beside oidcIssuer"),
    ],
)
def test_a_wrong_context_value_is_named(context: dict[str, Any], message: str) -> None:
    with pytest.raises(PropertyError, match=message):
        StackSettings.from_context({P + key: value for key, value in context.items()})
