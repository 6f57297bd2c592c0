"""The configuration of the inference add-on as one typed value.

The CDK resource, the arguments of `aws eks create-addon` and the variables of the Terraform module are all
written from it, so the installation paths cannot drift apart. Keys are those of the add-on's documents and
charts; `addon_document.py` holds their schema as far as it is known.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hyperpod_inference.api.names import TAG_CREATED_BY
from hyperpod_inference.installation.compatibility import (
    CLUSTER_ARN_REQUIRED_SINCE,
    CONFIGURATION_SINCE,
    INFERENCE,
    at_least,
    check_inference_version,
)
from hyperpod_inference.installation.errors import PropertyError, require
from hyperpod_inference.installation.roles import EXECUTION_ROLE_PREFIX
from hyperpod_inference.installation.values import (
    BUCKET_NAME,
    CLUSTER_ARN,
    EKS_NAME,
    ROLE_ARN,
    check,
)

RESOLVE_CONFLICTS: Final = "OVERWRITE"
"""What EKS does with objects of an add-on that exist already: the same in all three paths."""


@dataclass(frozen=True, kw_only=True)
class AlbSettings:
    """The load balancer controller inside the add-on; `enabled=False` reuses one that you installed."""

    enabled: bool = True
    role_arn: str | None = None


@dataclass(frozen=True, kw_only=True)
class KedaSettings:
    """The autoscaler inside the add-on; `enabled=False` reuses one that you installed."""

    enabled: bool = True
    role_arn: str | None = None


@dataclass(frozen=True, kw_only=True)
class GatewaySettings:
    """The inference gateway inside the add-on from v2.0.0; the role issues its certificates."""

    enabled: bool = True
    role_arn: str | None = None


@dataclass(frozen=True, kw_only=True)
class AddonConfiguration:
    """What the inference add-on is told. Values may be CDK tokens.

    Args:
        execution_role_arn: role of the operator; its name begins with `SageMakerHyperPodInference`.
        tls_bucket: name of the bucket for certificates, without `s3://`.
        hyperpod_cluster_arn: needed from v1.2.0.
        jumpstart_gated_model_role_arn: needed for gated models.
        alb, keda: the bundled controllers; each needs its role while enabled.
        inference_gateway: from v2.0.0; default left out, the add-on's own default.
        enable_custom_service_accounts: from v1.2.0; default False.
        node_selector, tolerations, affinity: where the add-on's pods run; default the add-on's own.
    """

    execution_role_arn: str
    tls_bucket: str
    hyperpod_cluster_arn: str | None = None
    jumpstart_gated_model_role_arn: str | None = None
    alb: AlbSettings = field(default_factory=AlbSettings)
    keda: KedaSettings = field(default_factory=KedaSettings)
    inference_gateway: GatewaySettings | None = None
    enable_custom_service_accounts: bool = False
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: Sequence[Mapping[str, Any]] = ()
    affinity: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        where = type(self).__name__
        role, bucket = self.execution_role_arn, self.tls_bucket
        allowed = f"the ARN of a role whose name begins with {EXECUTION_ROLE_PREFIX}"
        named = role.rpartition("/")[2].startswith(EXECUTION_ROLE_PREFIX)
        require(named, where, "execution_role_arn", role, allowed)
        check(where, "execution_role_arn", role, ROLE_ARN)
        check(where, "tls_bucket", bucket, BUCKET_NAME)
        check(where, "hyperpod_cluster_arn", self.hyperpod_cluster_arn, CLUSTER_ARN)
        check(where, "jumpstart_gated_model_role_arn", self.jumpstart_gated_model_role_arn, ROLE_ARN)
        for prop, part in (("alb", self.alb), ("keda", self.keda)):
            check(where, f"{prop}.role_arn", part.role_arn, ROLE_ARN)
            if part.enabled and not part.role_arn:
                fix = f"Give the role, or {prop}.enabled=False to reuse a controller of your own."
                raise PropertyError(
                    where, f"{prop}.role_arn", part.role_arn, "a role while it is enabled", fix
                )

    def check(self, version: str) -> None:
        """Raise :class:`PropertyError` if add-on `version` does not know, or does not do without, a field."""
        where = f"{type(self).__name__} for {version}"
        for prop, since in CONFIGURATION_SINCE.items():
            value = getattr(self, prop)
            require(at_least(version, since) or not value, where, prop, value, f"nothing before {since}")
        missing = at_least(version, CLUSTER_ARN_REQUIRED_SINCE) and self.hyperpod_cluster_arn is None
        if missing:
            raise PropertyError(where, "hyperpod_cluster_arn", None, "the ARN of the HyperPod cluster")

    def to_dict(self) -> dict[str, Any]:
        """The document, with the add-on's own keys; what is not set is left out."""
        document = {
            "executionRoleArn": self.execution_role_arn,
            "tlsCertificateS3Bucket": self.tls_bucket,
            "hyperpodClusterArn": self.hyperpod_cluster_arn,
            "jumpstartGatedModelDownloadRoleArn": self.jumpstart_gated_model_role_arn,
            "alb": self._alb(),
            "keda": self._keda(),
            "inferenceGateway": self._gateway(),
            "enableCustomServiceAccounts": self.enable_custom_service_accounts or None,
            "nodeSelector": dict(self.node_selector) or None,
            "tolerations": [dict(entry) for entry in self.tolerations] or None,
            "affinity": dict(self.affinity) or None,
        }
        return {key: value for key, value in document.items() if value is not None}

    def to_create_addon(self, cluster_name: str, version: str) -> dict[str, Any]:
        """The document for `aws eks create-addon --cli-input-json`; needs literal values."""
        check("create-addon", "cluster_name", cluster_name, EKS_NAME)
        check_inference_version("create-addon", version)
        self.check(version)
        return {
            "clusterName": cluster_name,
            "addonName": INFERENCE,
            "addonVersion": version,
            "configurationValues": json.dumps(self.to_dict()),
            "resolveConflicts": RESOLVE_CONFLICTS,
            "tags": dict([TAG_CREATED_BY]),
        }

    def _alb(self) -> dict[str, Any]:
        if not self.alb.enabled:
            return {"enabled": False}
        return {"enabled": True, "serviceAccount": {"create": True, "roleArn": self.alb.role_arn}}

    def _keda(self) -> dict[str, Any]:
        if not self.keda.enabled:
            return {"enabled": False}
        irsa = {"enabled": True, "roleArn": self.keda.role_arn}
        return {"enabled": True, "auth": {"aws": {"irsa": irsa}}}

    def _gateway(self) -> dict[str, Any] | None:
        gateway = self.inference_gateway
        if gateway is None:
            return None
        account = {"serviceAccount": {"roleArn": gateway.role_arn}} if gateway.role_arn else {}
        return {"enabled": gateway.enabled, **account}
