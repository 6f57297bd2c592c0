"""What the three ways to install make, part by part, and why they differ where they do. A test holds it
true."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Path(StrEnum):
    """A way to install."""

    CDK = "cdk"
    CREATE_ADDON = "create-addon"
    TERRAFORM = "terraform"


@dataclass(frozen=True, slots=True)
class Difference:
    """A part, or one setting of it, that a path does not share with the CDK, and why."""

    path: Path
    part: str
    reason: str
    setting: str = ""


PARTS: Final = (
    "network",
    "interface endpoints",
    "EKS cluster",
    "node add-ons",
    "HyperPod cluster",
    "OIDC provider",
    "roles",
    "TLS bucket",
    "log bucket",
    "S3 endpoint",
    "dependency add-ons",
    "inference add-on",
    "self-hosted operator",
    "training operator",
    "task governance",
    "observability",
)
"""Everything that an installation has."""

_SIBLINGS: Final = ("training operator", "task governance", "observability")
_BRING: Final = "`aws eks create-addon` makes the add-on alone; `preflight` says what is missing of the rest."
_OWN: Final = "It installs AWS's add-on; the charts install this project's operator (`manifests`, or Helm)."
_CLUSTERS: Final = "The module installs on clusters that exist; AWS's own Terraform makes them."
_SIBLING: Final = "An add-on of its own: `aws eks create-addon` once more, with the name in its section."

DIFFERENCES: Final = (
    *(
        Difference(Path.CREATE_ADDON, part, _BRING)
        for part in PARTS
        if part not in ("inference add-on", "self-hosted operator", *_SIBLINGS)
    ),
    *(Difference(Path.CREATE_ADDON, part, _SIBLING) for part in _SIBLINGS),
    *(
        Difference(Path.TERRAFORM, part, _CLUSTERS)
        for part in ("network", "interface endpoints", "EKS cluster", "node add-ons", "HyperPod cluster")
    ),
    Difference(Path.CREATE_ADDON, "self-hosted operator", _OWN),
    Difference(Path.TERRAFORM, "self-hosted operator", _OWN),
    Difference(
        Path.TERRAFORM,
        "TLS bucket",
        "Terraform makes the name unique by a prefix of its own; CloudFormation by the id of the stack.",
        "name",
    ),
    Difference(
        Path.TERRAFORM,
        "roles",
        "Terraform makes the name unique by a prefix of its own; CloudFormation by the id of the stack.",
        "name",
    ),
)


def reasons(path: Path) -> Mapping[tuple[str, str], str]:
    """(part, setting) to reason, of one path; the setting is empty where the whole part is missing."""
    return {(each.part, each.setting): each.reason for each in DIFFERENCES if each.path is path}
