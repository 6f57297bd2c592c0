"""What runs together, as data: Kubernetes versions, regions, add-on versions and what each needs.

The tables restate AWS's release notes for the inference operator, its prerequisites pages, and the support
tables of the upstream projects. AWS publishes no matrix for its inference add-on, so its rows are HyperPod's
own range; `hyperpod-inference install preflight` asks the account itself (`DescribeAddonVersions`).
The constructs check against these tables while the app is being built.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hyperpod_inference.installation.errors import PropertyError, is_token, require, require_one_of

KUBERNETES_VERSIONS: Final = ("1.28", "1.29", "1.30", "1.31", "1.32", "1.33", "1.34")
"""Versions of EKS that HyperPod supports."""

DEFAULT_KUBERNETES_VERSION: Final = "1.33"

REGIONS: Final = frozenset(
    {
        "ap-northeast-1",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "eu-central-1",
        "eu-north-1",
        "eu-south-2",
        "eu-west-1",
        "eu-west-2",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    }
)
"""Regions in which the operator's images are published."""


@dataclass(frozen=True, kw_only=True)
class AddonRelease:
    """One published version of the inference add-on."""

    version: str
    operator: str
    """Version of the operator inside, or what the release is known by."""
    brings: str


RELEASES: Final = (
    AddonRelease(
        version="v1.0.0-eksbuild.1", operator="v3.0", brings="the add-on itself; node affinity, tags"
    ),
    AddonRelease(version="v1.0.1-eksbuild.1", operator="v3.0", brings="fixes"),
    AddonRelease(
        version="v1.2.0-eksbuild.1",
        operator="v3.1.2",
        brings="data capture, Hugging Face hub, Route 53, NVMe cache, custom service accounts",
    ),
    AddonRelease(version="v1.3.0-eksbuild.1", operator="v3.2", brings="disaggregated prefill and decode"),
    AddonRelease(version="v1.4.0-eksbuild.1", operator="v3.3", brings="model cache, ALB idle timeout"),
    AddonRelease(version="v1.5.0-eksbuild.1", operator="v3.4", brings="resources of the sidecars"),
    AddonRelease(version="v2.0.0-eksbuild.1", operator="gateway", brings="the inference gateway"),
    AddonRelease(version="v2.0.0-eksbuild.2", operator="gateway", brings="fixes"),
    AddonRelease(version="v2.1.0-eksbuild.1", operator="gateway", brings="fixes"),
)

DEFAULT_INFERENCE_VERSION: Final = "v1.5.0-eksbuild.1"

CONFIGURATION_SINCE: Final = {
    "enable_custom_service_accounts": "v1.2.0",
    "inference_gateway": "v2.0.0",
}
"""The add-on version from which a field of `AddonConfiguration` exists; fields not named exist in all."""

CLUSTER_ARN_REQUIRED_SINCE: Final = "v1.2.0"

DEPENDENCIES: Final = {
    "aws-mountpoint-s3-csi-driver": "v1.14.1-eksbuild.1",
    "aws-fsx-csi-driver": "v1.6.0-eksbuild.1",
    "cert-manager": "v1.18.2-eksbuild.2",
    "metrics-server": "v0.7.2-eksbuild.4",
}
"""Add-ons that the inference add-on needs, each with the lowest version that it accepts."""

FLOORS: Final[Mapping[str, str]] = {**DEPENDENCIES, "vpc-cni": "v1.18.3"}
"""The lowest version of each add-on that HyperPod and the inference add-on accept."""

INFERENCE: Final = "amazon-sagemaker-hyperpod-inference"
TRAINING: Final = "amazon-sagemaker-hyperpod-training-operator"
TASK_GOVERNANCE: Final = "amazon-sagemaker-hyperpod-taskgovernance"
OBSERVABILITY: Final = "amazon-sagemaker-hyperpod-observability"


@dataclass(frozen=True, kw_only=True)
class Support:
    """Versions of an add-on from `since` (up to the next row) run on these versions of Kubernetes."""

    since: str
    kubernetes: tuple[str, ...]
    source: str


_ALL: Final = KUBERNETES_VERSIONS
_HYPERPOD: Final = "HyperPod's own range; AWS publishes none for the add-on"
MATRIX: Final[Mapping[str, tuple[Support, ...]]] = {
    INFERENCE: (Support(since="v1.0.0", kubernetes=_ALL, source=_HYPERPOD),),
    TRAINING: (Support(since="v1.0.0", kubernetes=_ALL, source="listed for 1.28 to 1.35"),),
    "cert-manager": (
        Support(since="v1.18.0", kubernetes=_ALL, source="the version that HyperPod names for its range"),
        Support(since="v1.19.0", kubernetes=_ALL[3:], source="cert-manager 1.19: Kubernetes 1.31 and later"),
    ),
    "metrics-server": (
        Support(since="v0.7.0", kubernetes=_ALL, source="metrics-server 0.7: Kubernetes 1.27 and later"),
        Support(since="v0.8.0", kubernetes=_ALL[3:], source="metrics-server 0.8: Kubernetes 1.31 and later"),
    ),
}
"""Add-on to what it runs on, oldest row first. An add-on without rows is not checked."""

_VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)(?:-eksbuild\.(\d+))?")


def parse_version(where: object, prop: str, version: str) -> tuple[int, int, int, int]:
    """`v1.18.2-eksbuild.2` as a value that compares; a missing build counts as 0."""
    match = _VERSION.fullmatch(version)
    if match is None:
        raise PropertyError(where, prop, version, "an add-on version such as v1.5.0-eksbuild.1")
    major, minor, patch, build = (int(part or 0) for part in match.groups())
    return major, minor, patch, build


def at_least(version: str, floor: str) -> bool:
    """Whether add-on version `version` is `floor` or later."""
    return parse_version("compatibility", "version", version) >= parse_version(
        "compatibility", "floor", floor
    )


def check_kubernetes_version(where: object, version: str) -> None:
    """The version is one that HyperPod supports."""
    require_one_of(where, "kubernetes_version", version, KUBERNETES_VERSIONS)


def check_region(where: object, region: str) -> None:
    """The operator's images exist in the region; a region that is not known yet passes."""
    if not is_token(region):
        require_one_of(where, "region", region, sorted(REGIONS))


def check_inference_version(where: object, version: str) -> None:
    """The version is a published one, or newer than all that are known here."""
    parsed = parse_version(where, "version", version)
    known = {release.version for release in RELEASES}
    newest = max(parse_version(where, "version", name) for name in known)
    require(
        version in known or parsed > newest,
        where,
        "version",
        version,
        "one of " + ", ".join(release.version for release in RELEASES) + ", or a later one",
    )


def check_addon_version(where: object, name: str, version: str | None) -> None:
    """The add-on is not older than its floor; None is EKS's choice."""
    floor = FLOORS.get(name)
    if version is None or floor is None:
        return
    prop = f"versions[{name!r}]"
    newer = parse_version(where, prop, version) >= parse_version(where, prop, floor)
    require(newer, where, prop, version, f"{floor} or later")


def check_pair(where: object, kubernetes: str | None, name: str, version: str | None) -> None:
    """The add-on's version runs on this version of Kubernetes; a version not known yet passes.

    Raises :class:`PropertyError` that names the pairs that are supported.
    """
    row = _row(name, version)
    if row is None or kubernetes is None or is_token(kubernetes) or kubernetes in row.kubernetes:
        return
    allowed = "a supported pair: " + "; ".join(_pairs(name))
    raise PropertyError(where, f"versions[{name!r}]", f"{version} on Kubernetes {kubernetes}", allowed)


def _row(name: str, version: str | None) -> Support | None:
    rows = MATRIX.get(name, ())
    if version is None or is_token(version):
        return None
    known = [row for row in rows if at_least(version, row.since)]
    return known[-1] if known else None


def _pairs(name: str) -> list[str]:
    rows = MATRIX[name]
    return [f"{name} {row.since} and later on {', '.join(row.kubernetes)}" for row in rows]
