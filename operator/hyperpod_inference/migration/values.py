"""What a Helm release was told, in one typed value, whatever the chart's version calls it.

The paths are those of the public charts, from the first one on: the inference-operator chart itself, the
parent chart that carries it, and the chart of this project's own operator. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hyperpod_inference.migration.helm import Release, overlaid
from hyperpod_inference.migration.parts import CHARTS, OWN_CHART, PARENT_CHARTS

PARENT_KEYS = ("inferenceOperators", "inference-operator", "hyperpod-inference-operator")

_ANNOTATED = "serviceAccount.annotations.eks\\.amazonaws\\.com/role-arn"
# Field -> where the published charts keep it, the newest first.
PATHS: Mapping[str, tuple[str, ...]] = {
    "execution_role_arn": ("executionRoleArn",),
    "tls_bucket": ("tlsCertificateS3Bucket", "defaultTlsCertificateOutputS3uri"),
    "eks_cluster_name": ("eksClusterName",),
    "hyperpod_cluster_arn": ("hyperpodClusterArn", "hyperPodClusterArn"),
    "gated_model_role_arn": ("jumpstartGatedModelDownloadRoleArn",),
    "alb_role_arn": ("alb.serviceAccount.roleArn", "alb.serviceAccountRoleArn", f"alb.{_ANNOTATED}"),
    "keda_role_arn": ("keda.podIdentity.aws.irsa.roleArn", "keda.auth.aws.irsa.roleArn"),
    "s3_role_arn": ("s3.serviceAccountRoleArn", "s3.serviceAccount.roleArn"),
    "fsx_role_arn": ("fsx.serviceAccountRoleArn", "fsx.serviceAccount.roleArn"),
}
# The same for this project's own chart.
OWN_PATHS: Mapping[str, tuple[str, ...]] = {
    "execution_role_arn": ("settings.executionRoleArn",),
    "tls_bucket": ("settings.tlsCertificateOutputS3Uri",),
    "eks_cluster_name": ("settings.eksClusterName",),
    "hyperpod_cluster_arn": ("settings.hyperpodClusterArn",),
    "gated_model_role_arn": ("settings.gatedModelDownloadRoleArn",),
}
# Field -> where; None: the release does not say, as the first charts and our own, which have no controllers.
SWITCHES: Mapping[str, str] = {"alb_enabled": "alb.enabled", "keda_enabled": "keda.enabled"}
CUSTOM_ACCOUNTS = ("enableCustomServiceAccounts", "settings.enableCustomServiceAccounts")
# Carried into the add-on's configuration under the same key.
CARRIED = ("nodeSelector", "tolerations", "affinity")
# The add-on knows these by itself, they are about Helm alone, or a step of the plan takes care of them.
SILENT = frozenset(
    {"enabled", "region", "awsRegion", "eksClusterName", "components", "namePrefix", "shortPrefix",
     "isAddOn", "stage", "alb.vpcId", "alb.region", "alb.clusterName", "alb.serviceAccount.create",
     "keda.podIdentity.aws.irsa.enabled", "keda.auth.aws.irsa.enabled", "s3.enabled", "fsx.enabled",
     "metrics.enabled", "cert-manager.enabled", "certManager.enabled", "enableWebhooks", "restApiId",
     "aws-load-balancer-controller.clusterName", "defaultIAMRoleArnForDeployments", "settings.region"}
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class HelmValues:
    """The settings of a release. An empty string was not set; `tls_bucket` is a bare name.

    alb_enabled, keda_enabled: None where the chart knows no such switch.

    dropped: values that the user changed and that the add-on has no place for, as `path=value`.
    """

    execution_role_arn: str = ""
    tls_bucket: str = ""
    eks_cluster_name: str = ""
    hyperpod_cluster_arn: str = ""
    gated_model_role_arn: str = ""
    alb_role_arn: str = ""
    keda_role_arn: str = ""
    s3_role_arn: str = ""
    fsx_role_arn: str = ""
    alb_enabled: bool | None = None
    keda_enabled: bool | None = None
    custom_service_accounts: bool = False
    placement: Mapping[str, Any] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()

    @property
    def role_arns(self) -> tuple[str, ...]:
        """The roles whose service accounts get a new name; '' for one that is not set."""
        alb = "" if self.alb_enabled is False else self.alb_role_arn
        keda = "" if self.keda_enabled is False else self.keda_role_arn
        return (self.execution_role_arn, self.gated_model_role_arn, alb, keda)


def is_inference(release: Release) -> bool:
    """Whether the release installed the operator: by its own chart, or as a part of the parent chart."""
    if release.chart in (*CHARTS, OWN_CHART):
        return True
    return release.chart in PARENT_CHARTS and any(
        bool(at(release.computed, f"{key}.enabled")) for key in PARENT_KEYS
    )


def read(release: Release) -> HelmValues:
    """The settings of a release for which `is_inference` holds."""
    computed, given = _own(release, release.computed), _own(release, release.values)
    paths = OWN_PATHS if release.chart == OWN_CHART else PATHS
    texts: dict[str, Any] = {name: _text(computed, where) for name, where in paths.items()}
    texts["tls_bucket"] = texts["tls_bucket"].removeprefix("s3://").partition("/")[0]
    switches: dict[str, Any] = {name: _switch(computed, path) for name, path in SWITCHES.items()}
    return HelmValues(
        **texts,
        **switches,
        custom_service_accounts=any(bool(at(computed, path)) for path in CUSTOM_ACCOUNTS),
        placement={key: given[key] for key in CARRIED if given.get(key)},
        dropped=tuple(_dropped(given, _own(release, release.defaults))),
    )


def at(values: Mapping[str, Any], path: str, default: Any = None) -> Any:
    """The value at a dotted path (a dot in a key has a \\ before it); `default` where a step is missing."""
    current: Any = values
    for key in (each.replace("\0", ".") for each in path.replace("\\.", "\0").split(".")):
        if not isinstance(current, Mapping) or key not in current:
            return default
        current = current[key]
    return current


def _own(release: Release, values: Mapping[str, Any]) -> dict[str, Any]:
    """The operator's part of the values: all of them, or the parent chart's block for it."""
    if release.chart not in PARENT_CHARTS:
        return dict(values)
    made: dict[str, Any] = {}
    for key in reversed(PARENT_KEYS):
        block = values.get(key)
        made = overlaid(made, block) if isinstance(block, Mapping) else made
    return made


def _switch(values: Mapping[str, Any], path: str) -> bool | None:
    found = at(values, path)
    if found is None and at(values, path.partition(".")[0]) is not None:
        return True  # the chart's part is there; only one that says no is off
    return None if found is None else bool(found)


def _text(values: Mapping[str, Any], paths: tuple[str, ...]) -> str:
    return next((str(found) for path in paths if (found := at(values, path))), "")


def _dropped(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[str]:
    known = {path for paths in (*PATHS.values(), *OWN_PATHS.values()) for path in paths}
    known |= {*SWITCHES.values(), *CUSTOM_ACCOUNTS}
    for path, value in sorted(_leaves(given)):
        if path in known or path in SILENT or path.split(".")[0] in CARRIED:
            continue
        if at(defaults, path) != value and value not in ("", None):
            yield f"{path}={value}"


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{_escaped(key)}.")
        else:
            yield f"{prefix}{_escaped(key)}", value


def _escaped(key: str) -> str:
    return key.replace(".", "\\.")
