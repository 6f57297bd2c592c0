"""What a Helm release was told, in one typed value, whatever the chart's version calls it.

The paths are those of the public charts: the inference-operator chart itself, and the parent chart that
carries it under `inferenceOperators`. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hyperpod_inference.migration.helm import Release, overlaid

OPERATOR_CHART = "hyperpod-inference-operator"
CHARTS = (OPERATOR_CHART, "inference-operator")
PARENT_CHART = "HyperPodHelmChart"
PARENT_KEYS = ("inferenceOperators", "inference-operator", "hyperpod-inference-operator")

# Field -> where the published charts keep it, the newest first.
PATHS: Mapping[str, tuple[str, ...]] = {
    "execution_role_arn": ("executionRoleArn",),
    "tls_bucket": ("tlsCertificateS3Bucket",),
    "eks_cluster_name": ("eksClusterName",),
    "hyperpod_cluster_arn": ("hyperpodClusterArn", "hyperPodClusterArn"),
    "gated_model_role_arn": ("jumpstartGatedModelDownloadRoleArn",),
    "alb_role_arn": ("alb.serviceAccount.roleArn", "alb.serviceAccountRoleArn"),
    "keda_role_arn": ("keda.podIdentity.aws.irsa.roleArn", "keda.auth.aws.irsa.roleArn"),
    "s3_role_arn": ("s3.serviceAccountRoleArn", "s3.serviceAccount.roleArn"),
    "fsx_role_arn": ("fsx.serviceAccountRoleArn", "fsx.serviceAccount.roleArn"),
}
SWITCHES: Mapping[str, tuple[str, bool]] = {
    "alb_enabled": ("alb.enabled", True),
    "keda_enabled": ("keda.enabled", True),
    "custom_service_accounts": ("enableCustomServiceAccounts", False),
}
# Carried into the add-on's configuration under the same key.
CARRIED = ("nodeSelector", "tolerations", "affinity")
# The add-on knows these by itself, they are about Helm alone, or a step of the plan takes care of them.
SILENT = frozenset(
    {"enabled", "region", "awsRegion", "eksClusterName", "components", "namePrefix", "shortPrefix",
     "isAddOn", "stage", "alb.vpcId", "alb.region", "alb.clusterName", "alb.serviceAccount.create",
     "keda.podIdentity.aws.irsa.enabled", "keda.auth.aws.irsa.enabled", "s3.enabled", "fsx.enabled",
     "metrics.enabled", "cert-manager.enabled", "certManager.enabled"}
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class HelmValues:
    """The settings of a release. An empty string was not set; `tls_bucket` is a bare name.

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
    alb_enabled: bool = True
    keda_enabled: bool = True
    custom_service_accounts: bool = False
    placement: Mapping[str, Any] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()

    @property
    def role_arns(self) -> tuple[str, ...]:
        """The roles whose service accounts get a new name; '' for one that is not set."""
        alb = self.alb_role_arn if self.alb_enabled else ""
        keda = self.keda_role_arn if self.keda_enabled else ""
        return (self.execution_role_arn, self.gated_model_role_arn, alb, keda)


def is_inference(release: Release) -> bool:
    """Whether the release installed the operator: by its own chart, or as a part of the parent chart."""
    if release.chart in CHARTS:
        return True
    return release.chart == PARENT_CHART and any(
        bool(at(release.computed, f"{key}.enabled")) for key in PARENT_KEYS
    )


def read(release: Release) -> HelmValues:
    """The settings of a release for which `is_inference` holds."""
    computed, given = _own(release, release.computed), _own(release, release.values)
    texts: dict[str, Any] = {name: _text(computed, paths) for name, paths in PATHS.items()}
    texts["tls_bucket"] = texts["tls_bucket"].removeprefix("s3://").strip("/")
    switches: dict[str, Any] = {
        name: bool(at(computed, path, default)) for name, (path, default) in SWITCHES.items()
    }
    return HelmValues(
        **texts,
        **switches,
        placement={key: given[key] for key in CARRIED if given.get(key)},
        dropped=tuple(_dropped(given, _own(release, release.defaults))),
    )


def at(values: Mapping[str, Any], path: str, default: Any = None) -> Any:
    """The value at a dotted path; `default` where a step of it is missing."""
    current: Any = values
    for key in path.split("."):
        if not isinstance(current, Mapping) or key not in current:
            return default
        current = current[key]
    return current


def _own(release: Release, values: Mapping[str, Any]) -> dict[str, Any]:
    """The operator's part of the values: all of them, or the parent chart's block for it."""
    if release.chart in CHARTS:
        return dict(values)
    made: dict[str, Any] = {}
    for key in reversed(PARENT_KEYS):
        block = values.get(key)
        made = overlaid(made, block) if isinstance(block, Mapping) else made
    return made


def _text(values: Mapping[str, Any], paths: tuple[str, ...]) -> str:
    return next((str(found) for path in paths if (found := at(values, path))), "")


def _dropped(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[str]:
    known = {path for paths in PATHS.values() for path in paths} | {path for path, _ in SWITCHES.values()}
    for path, value in sorted(_leaves(given)):
        if path in known or path in SILENT or path.split(".")[0] in CARRIED:
            continue
        if at(defaults, path) != value and value not in ("", None):
            yield f"{path}={value}"


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
