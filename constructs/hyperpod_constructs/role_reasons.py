"""Why the findings of the rule packs on the roles are accepted: exact finding to reason, for `roles.py`."""

from collections.abc import Mapping
from typing import Final

from hyperpod_inference.installation.roles import (
    ALB_CONTROLLER,
    EXECUTION,
    FSX_CSI_DRIVER,
    JUMPSTART_GATED_MODEL,
    KEDA_OPERATOR,
    TRAINING_OPERATOR,
)


def aws_policy(name: str) -> str:
    """The finding on an AWS managed policy."""
    return f"IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{name}]"


def resource(arn: str) -> str:
    """The finding on a resource with a `*` in it; `arn` without `arn:PARTITION:`."""
    return f"IAM5[Resource::arn:<AWS::Partition>:{arn}]"


ANY_RESOURCE: Final = "IAM5[Resource::*]"

_ALB_KINDS: Final = (
    "targetgroup/*/*",
    "loadbalancer/net/*/*",
    "loadbalancer/app/*/*",
    "listener/net/*/*/*",
    "listener/app/*/*/*",
    "listener-rule/net/*/*/*",
    "listener-rule/app/*/*/*",
)
_ALB_NAMES_LATER: Final = (
    "The controller names its own resources at run time; tags of its cluster limit what it may change."
)

REASONS: Final[Mapping[str, Mapping[str, str]]] = {
    EXECUTION.key: {
        aws_policy("AmazonSageMakerHyperPodInferenceAccess"): (
            "AWS keeps it in step with the operator that its add-on installs."
        )
    },
    JUMPSTART_GATED_MODEL.key: {
        aws_policy("AmazonSageMakerHyperPodGatedModelAccess"): (
            "AWS's policy for exactly this: signed addresses of public models."
        )
    },
    ALB_CONTROLLER.key: {
        ANY_RESOURCE: "Describe calls know no resources; the rest is limited by tags of its cluster.",
        resource("ec2:*:*:security-group/*"): _ALB_NAMES_LATER,
    }
    | {resource(f"elasticloadbalancing:*:*:{kind}"): _ALB_NAMES_LATER for kind in _ALB_KINDS},
    KEDA_OPERATOR.key: {ANY_RESOURCE: "It reads metrics; the metrics of CloudWatch are not resources."},
    FSX_CSI_DRIVER.key: {
        aws_policy("AmazonFSxFullAccess"): "The policy that the driver's add-on is documented with."
    },
    TRAINING_OPERATOR.key: {
        aws_policy("AmazonSageMakerHyperPodTrainingOperatorAccess"): (
            "AWS keeps it in step with the operator that its add-on installs."
        )
    },
}

CHECKOV: Final[Mapping[str, tuple[str, str]]] = {
    ALB_CONTROLLER.key: (
        "CKV_AWS_111",
        "The controller's published policy; tags of its cluster limit writes.",
    )
}
"""Findings of checkov: role to check and reason."""
