"""What runs together, as data: Kubernetes versions, regions, add-on versions and what each needs.

The tables restate AWS's release notes for the inference operator and its prerequisites pages. AWS publishes
no Kubernetes matrix per add-on version; before an upgrade ask the account itself:
`aws eks describe-addon-versions --addon-name amazon-sagemaker-hyperpod-inference --kubernetes-version V`.
`addons.py`, `eks_cluster.py` and `inference.py` check against these tables when they are constructed.
"""

import re
from dataclasses import dataclass
from typing import Final

from aws_cdk import Token
from constructs import Construct

from hyperpod_constructs.errors import PropertyError, require, require_one_of

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

_VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)(?:-eksbuild\.(\d+))?")


def parse_version(where: Construct | str, prop: str, version: str) -> tuple[int, int, int, int]:
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


def check_kubernetes_version(where: Construct, version: str) -> None:
    """The version is one that HyperPod supports."""
    require_one_of(where, "kubernetes_version", version, KUBERNETES_VERSIONS)


def check_region(where: Construct, region: str) -> None:
    """The operator's images exist in the region; a region that is not known yet passes."""
    if not Token.is_unresolved(region):
        require_one_of(where, "region", region, sorted(REGIONS))


def check_inference_version(where: Construct, version: str) -> None:
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


def check_dependency_version(where: Construct, name: str, version: str | None) -> None:
    """The dependency is not older than the inference add-on accepts; None is EKS's choice."""
    floor = DEPENDENCIES.get(name)
    if version is None or floor is None:
        return
    prop = f"versions[{name!r}]"
    require(
        parse_version(where, prop, version) >= parse_version(where, prop, floor),
        where,
        prop,
        version,
        f"{floor} or later",
    )
