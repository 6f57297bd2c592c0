"""The roles of an installation as data: who takes each, and what it may do.

The constructs and the Terraform module make them, `preflight` looks for them. Permissions are AWS's managed
policy where there is one; `document` names the same statements under `policies/`, for a policy of your own.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from hyperpod_inference.api.names import (
    GATED_MODEL_SERVICE_ACCOUNT,
    OPERATOR_NAMESPACE,
    OPERATOR_SERVICE_ACCOUNT,
)
from hyperpod_inference.installation.trust import ServiceAccount

EXECUTION_ROLE_PREFIX: Final = "SageMakerHyperPodInference"
_SAGEMAKER: Final = "sagemaker.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class RoleSpec:
    """One role as data: who takes it and what it may do.

    Attributes:
        key: its name in settings, outputs and Terraform.
        description: for people; says whose role it is.
        account: the Kubernetes service account that takes it.
        more_accounts: others of the same program, which take it by Pod Identity only.
        services: AWS services that take it too.
        aws_policy: name of the AWS managed policy.
        document: file under `policies/` with its statements, without `.json`; None where they depend on the
            installation, as on the buckets that hold models.
        name_prefix: fixed beginning of its name, where a policy or the add-on asks for one.
    """

    key: str
    description: str
    account: ServiceAccount
    more_accounts: tuple[ServiceAccount, ...] = ()
    services: tuple[str, ...] = ()
    aws_policy: str | None = None
    document: str | None = None
    name_prefix: str | None = None


def statements(document: str) -> list[dict[str, Any]]:
    """The statements of `policies/<document>.json`, in file order; ARNs in the partition `aws`."""
    found: list[dict[str, Any]] = json.loads(_read(document))["Statement"]
    return found


@cache
def _read(document: str) -> str:
    return files(__package__).joinpath("policies", f"{document}.json").read_text(encoding="utf-8")


def _operator_account(name: str) -> ServiceAccount:
    return ServiceAccount(namespace=OPERATOR_NAMESPACE, name=name)


EXECUTION: Final = RoleSpec(
    key="execution",
    description="HyperPod inference operator",
    account=_operator_account(OPERATOR_SERVICE_ACCOUNT),
    services=(_SAGEMAKER,),
    aws_policy="AmazonSageMakerHyperPodInferenceAccess",
    document="execution",
    name_prefix=EXECUTION_ROLE_PREFIX,
)
"""Taken by the operator's pod, and by SageMaker for the endpoints it registers."""

JUMPSTART_GATED_MODEL: Final = RoleSpec(
    key="jumpstart_gated_model",
    description="Downloads gated JumpStart models for HyperPod inference",
    account=ServiceAccount(namespace="*", name=f"{GATED_MODEL_SERVICE_ACCOUNT}*"),
    services=(_SAGEMAKER,),
    aws_policy="AmazonSageMakerHyperPodGatedModelAccess",
    document="jumpstart_gated_model",
)
"""Taken by the pods that download a gated model, in any namespace."""

ALB_CONTROLLER: Final = RoleSpec(
    key="alb_controller",
    description="AWS Load Balancer Controller of HyperPod inference",
    account=_operator_account("aws-load-balancer-controller"),
    document="alb_controller",
)
"""Taken by the load balancer controller that the add-on brings."""

KEDA_OPERATOR: Final = RoleSpec(
    key="keda_operator",
    description="KEDA operator of HyperPod inference",
    account=_operator_account("keda-operator"),
    document="keda_operator",
)
"""Taken by KEDA to read the metrics that endpoints scale on."""

FSX_CSI_DRIVER: Final = RoleSpec(
    key="fsx_csi_driver",
    description="FSx for Lustre CSI driver",
    account=ServiceAccount(namespace="kube-system", name="fsx-csi-controller-sa"),
    aws_policy="AmazonFSxFullAccess",
)
"""Taken by the driver that mounts FSx models."""

S3_CSI_DRIVER: Final = RoleSpec(
    key="s3_csi_driver",
    description="Mountpoint for Amazon S3 CSI driver",
    account=ServiceAccount(namespace="kube-system", name="s3-csi-driver-sa"),
    # From version 2 on the driver mounts from pods of its own.
    more_accounts=(
        ServiceAccount(namespace="kube-system", name="s3-csi-driver-controller-sa"),
        ServiceAccount(namespace="mount-s3", name="default"),
    ),
)
"""Taken by the driver that mounts S3 models; it reads the buckets that hold models."""

ADDON_ROLES: Final = (EXECUTION, JUMPSTART_GATED_MODEL, ALB_CONTROLLER, KEDA_OPERATOR)
"""The roles that the inference add-on's configuration names."""

DRIVER_ROLES: Final = {"aws-mountpoint-s3-csi-driver": S3_CSI_DRIVER, "aws-fsx-csi-driver": FSX_CSI_DRIVER}
"""The roles of the storage drivers, by add-on."""

TRAINING_OPERATOR: Final = RoleSpec(
    key="training_operator",
    description="HyperPod training operator",
    account=ServiceAccount(namespace="aws-hyperpod", name="hp-training-operator-controller-manager"),
    aws_policy="AmazonSageMakerHyperPodTrainingOperatorAccess",
)
"""Taken by the training operator, by Pod Identity."""

OBSERVABILITY: Final = RoleSpec(
    key="observability",
    description="HyperPod observability collector",
    account=ServiceAccount(
        namespace="hyperpod-observability", name="hyperpod-observability-operator-otel-collector"
    ),
)
"""Taken by the collector, by Pod Identity: it writes metrics to a workspace, and logs."""
