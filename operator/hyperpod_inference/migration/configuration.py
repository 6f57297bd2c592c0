"""The add-on's configuration, made from the release's settings and the new roles. Pure."""

from collections.abc import Collection, Mapping
from typing import Any

from hyperpod_inference.installation.addon_configuration import AddonConfiguration, AlbSettings, KedaSettings
from hyperpod_inference.installation.compatibility import (
    CLUSTER_ARN_REQUIRED_SINCE,
    DEFAULT_INFERENCE_VERSION,
    at_least,
)
from hyperpod_inference.migration.facts import Account
from hyperpod_inference.migration.parts import Part
from hyperpod_inference.migration.roles import arn
from hyperpod_inference.migration.steps.roles import MakeRole
from hyperpod_inference.migration.values import HelmValues


def configuration(
    account: Account,
    settings: HelmValues,
    roles: Mapping[str, MakeRole],
    controllers: Collection[Part],
    version: str,
) -> dict[str, Any]:
    """The document for this version, with these controllers.

    Raises InputError naming a setting that the version does not take.
    """
    arns = {key: arn(account, role.name) for key, role in roles.items()}
    made = AddonConfiguration(
        execution_role_arn=arns["execution"],
        tls_bucket=settings.tls_bucket,
        hyperpod_cluster_arn=settings.hyperpod_cluster_arn or None,
        jumpstart_gated_model_role_arn=arns.get("jumpstart_gated_model"),
        alb=AlbSettings(enabled=Part.ALB in controllers, role_arn=arns.get("alb_controller")),
        keda=KedaSettings(enabled=Part.KEDA in controllers, role_arn=arns.get("keda_operator")),
        enable_custom_service_accounts=settings.custom_service_accounts,
        node_selector=settings.placement.get("nodeSelector", {}),
        tolerations=settings.placement.get("tolerations", ()),
        affinity=settings.placement.get("affinity", {}),
    )
    made.check(version)
    return made.to_dict()


def version_of(offered: tuple[str, ...]) -> str:
    """The version to install: ours where EKS offers it, else the newest it offers."""
    if not offered or DEFAULT_INFERENCE_VERSION in offered:
        return DEFAULT_INFERENCE_VERSION
    return offered[0]


def needs_cluster_arn(version: str) -> bool:
    """Whether this version of the add-on does not find the HyperPod cluster by itself."""
    return at_least(version, CLUSTER_ARN_REQUIRED_SINCE)
