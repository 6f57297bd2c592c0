"""The three ways to install, each written from the same settings: CDK, `aws eks create-addon`, Terraform.

The CDK path is `hyperpod_constructs`, which makes what the settings do not name. The command can only
install the add-on on parts that exist, so `for_create_addon` says which are missing. `terraform_variables`
are those of the module in `terraform/`. What differs between the three is data, in `parity.py`.
"""

import json
import shlex
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from hyperpod_inference.api.errors import InputError
from hyperpod_inference.installation.addon_configuration import AddonConfiguration, AlbSettings, KedaSettings
from hyperpod_inference.installation.settings import Engine, StackSettings, camel

NEEDED: Final[Mapping[str, str]] = {
    "eks_cluster_name": "the EKS cluster that the add-on goes to",
    "hyperpod_cluster_arn": "the HyperPod cluster on it",
    "tls_bucket_name": "the bucket for certificates",
    "execution_role_arn": "the operator's role",
    "alb_controller_role_arn": "the load balancer controller's role, or installAlbController: false",
    "keda_operator_role_arn": "KEDA's role, or installKeda: false",
}
"""What `create-addon` needs to exist beforehand, and what to say when it is not named."""

TERRAFORM_VARIABLES: Final[Mapping[str, str]] = {
    "region": "aws_region",
    "eks_cluster_name": "eks_cluster_name",
    "hyperpod_cluster_arn": "hyperpod_cluster_arn",
    "kubernetes_version": "kubernetes_version",
    "inference_version": "inference_addon_version",
    "tls_bucket_name": "existing_tls_bucket_name",
    "execution_role_arn": "existing_execution_role_arn",
    "jumpstart_gated_model_role_arn": "existing_jumpstart_gated_model_role_arn",
    "alb_controller_role_arn": "existing_alb_controller_role_arn",
    "keda_operator_role_arn": "existing_keda_operator_role_arn",
    "s3_csi_driver_role_arn": "existing_s3_csi_driver_role_arn",
    "fsx_csi_driver_role_arn": "existing_fsx_csi_driver_role_arn",
    "existing_addons": "existing_addons",
    "model_buckets": "model_buckets",
    "install_alb_controller": "enable_alb_controller",
    "install_keda": "enable_keda",
    "training_operator": "create_hyperpod_training_operator_module",
    "task_governance": "create_task_governance_module",
    "observability": "create_observability_module",
}
"""Setting to variable of the Terraform module, with the names of AWS's sample module where it has one."""


def addon_configuration(settings: StackSettings) -> AddonConfiguration:
    """What the inference add-on is told, with every part named by the settings.

    Raises InputError with a line for each setting that is missing.
    """
    _only_the_addon(settings)
    missing = [name for name in NEEDED if not getattr(settings, name) and _wanted(settings, name)]
    if missing:
        lines = [f"{camel(name)}: is not set, expected {NEEDED[name]}" for name in missing]
        raise InputError(
            *lines, "These have to exist before the add-on. `cdk deploy` or Terraform makes them."
        )
    alb, keda = settings.install_alb_controller, settings.install_keda
    return AddonConfiguration(
        execution_role_arn=settings.execution_role_arn or "",
        tls_bucket=settings.tls_bucket_name or "",
        hyperpod_cluster_arn=settings.hyperpod_cluster_arn,
        jumpstart_gated_model_role_arn=settings.jumpstart_gated_model_role_arn,
        alb=AlbSettings(enabled=alb, role_arn=settings.alb_controller_role_arn if alb else None),
        keda=KedaSettings(enabled=keda, role_arn=settings.keda_operator_role_arn if keda else None),
    )


def _only_the_addon(settings: StackSettings) -> None:
    if settings.engine is not Engine.ADDON:
        raise InputError(
            f"engine: got {settings.engine}, expected {Engine.ADDON}: this way installs AWS's add-on",
            "For this project's operator: cdk deploy, or the charts (hyperpod-inference manifests).",
        )


def _wanted(settings: StackSettings, name: str) -> bool:
    switches = {"alb_controller_role_arn": "install_alb_controller", "keda_operator_role_arn": "install_keda"}
    return name not in switches or bool(getattr(settings, switches[name]))


def create_addon(settings: StackSettings) -> dict[str, Any]:
    """The input of `aws eks create-addon --cli-input-json`. Raises InputError."""
    configuration = addon_configuration(settings)
    return configuration.to_create_addon(settings.eks_cluster_name or "", settings.inference_version)


def create_addon_command(settings: StackSettings) -> str:
    """The same as a command to paste into a shell."""
    call = create_addon(settings)
    tags = ",".join(f"{key}={value}" for key, value in call["tags"].items())
    options = [
        ("--cluster-name", call["clusterName"]),
        ("--addon-name", call["addonName"]),
        ("--addon-version", call["addonVersion"]),
        ("--resolve-conflicts", call["resolveConflicts"]),
        ("--tags", tags),
        ("--configuration-values", call["configurationValues"]),
    ]
    if settings.region:
        options.insert(0, ("--region", settings.region))
    return "aws eks create-addon" + "".join(f" \\\n  {name} {shlex.quote(value)}" for name, value in options)


def terraform_variables(settings: StackSettings) -> dict[str, Any]:
    """The content of `terraform.tfvars.json`: every setting that is not the default, and the versions.

    Raises InputError.
    """
    _only_the_addon(settings)
    always = ("kubernetes_version", "inference_version")
    values: dict[str, Any] = {"create_hyperpod_inference_operator_module": True}
    defaults = {field.name: field.default for field in fields(StackSettings)}
    for name, variable in TERRAFORM_VARIABLES.items():
        value = getattr(settings, name)
        if name in always or value != defaults[name]:
            values[variable] = list(value) if isinstance(value, tuple) else value
    return values


def to_json(document: Mapping[str, Any]) -> str:
    """Indented, in the order given."""
    return json.dumps(document, indent=2)
