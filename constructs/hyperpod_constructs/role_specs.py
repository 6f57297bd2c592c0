"""The roles of an installation as data: who takes each, and what it may do.

`roles.py` turns a :class:`RoleSpec` into a role. Permissions are managed policies: AWS's own where there is
one, else a file under `policies/`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hyperpod_constructs.naming import EXECUTION_ROLE_PREFIX, OPERATOR_NAMESPACE
from hyperpod_constructs.trust import ServiceAccount

_SAGEMAKER: Final = "sagemaker.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class RoleSpec:
    """One role as data: who takes it and what it may do.

    Attributes:
        account: the Kubernetes service account that takes it.
        services: AWS services that take it too.
        aws_policies: names of AWS managed policies.
        document: file under `policies/` with its own statements, without `.json`.
        name_prefix: fixed beginning of its name, where a policy or the add-on asks for one.
        reasons: exact IAM finding to the reason for which it is accepted.
    """

    description: str
    account: ServiceAccount
    services: tuple[str, ...] = ()
    aws_policies: tuple[str, ...] = ()
    document: str | None = None
    name_prefix: str | None = None
    reasons: Mapping[str, str]


def _operator_account(name: str) -> ServiceAccount:
    return ServiceAccount(namespace=OPERATOR_NAMESPACE, name=name)


def _aws_policy(name: str, reason: str) -> dict[str, str]:
    return {f"IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{name}]": reason}


def _elb(kind: str) -> str:
    return f"IAM5[Resource::arn:<AWS::Partition>:elasticloadbalancing:*:*:{kind}]"


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

EXECUTION: Final = RoleSpec(
    description="HyperPod inference operator",
    account=_operator_account("hyperpod-inference-controller-manager"),
    services=(_SAGEMAKER,),
    aws_policies=("AmazonSageMakerHyperPodInferenceAccess",),
    name_prefix=EXECUTION_ROLE_PREFIX,
    reasons=_aws_policy(
        "AmazonSageMakerHyperPodInferenceAccess",
        "AWS keeps it in step with the operator that its add-on installs.",
    ),
)
"""Taken by the operator's pod, and by SageMaker for the endpoints it registers."""

JUMPSTART_GATED_MODEL: Final = RoleSpec(
    description="Downloads gated JumpStart models for HyperPod inference",
    account=ServiceAccount(namespace="*", name="hyperpod-inference-service-account*"),
    services=(_SAGEMAKER,),
    aws_policies=("AmazonSageMakerHyperPodGatedModelAccess",),
    reasons=_aws_policy(
        "AmazonSageMakerHyperPodGatedModelAccess",
        "AWS's policy for exactly this: signed addresses of public models.",
    ),
)
"""Taken by the pods that download a gated model, in any namespace."""

ALB_CONTROLLER: Final = RoleSpec(
    description="AWS Load Balancer Controller of HyperPod inference",
    account=_operator_account("aws-load-balancer-controller"),
    document="alb_controller",
    reasons={
        "IAM5[Resource::*]": "Describe calls know no resources; the rest is limited by tags of its cluster.",
        "IAM5[Resource::arn:<AWS::Partition>:ec2:*:*:security-group/*]": _ALB_NAMES_LATER,
    }
    | {_elb(kind): _ALB_NAMES_LATER for kind in _ALB_KINDS},
)
"""Taken by the load balancer controller that the add-on brings."""

KEDA_OPERATOR: Final = RoleSpec(
    description="KEDA operator of HyperPod inference",
    account=_operator_account("keda-operator"),
    document="keda_operator",
    reasons={"IAM5[Resource::*]": "It reads metrics; the metrics of CloudWatch are not resources."},
)
"""Taken by KEDA to read the metrics that endpoints scale on."""

FSX_CSI_DRIVER: Final = RoleSpec(
    description="FSx for Lustre CSI driver",
    account=ServiceAccount(namespace="kube-system", name="fsx-csi-controller-sa"),
    aws_policies=("AmazonFSxFullAccess",),
    reasons=_aws_policy("AmazonFSxFullAccess", "The policy that the driver's add-on is documented with."),
)
"""Taken by the driver that mounts FSx models."""

S3_CSI_DRIVER: Final = RoleSpec(
    description="Mountpoint for Amazon S3 CSI driver",
    account=ServiceAccount(namespace="kube-system", name="s3-csi-driver-sa"),
    reasons={},
)
"""Taken by the driver that mounts S3 models; what it may read is in :class:`InferenceRoles`."""
