"""The add-ons that the inference add-on needs: which are there, made, or taken over. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from hyperpod_inference.installation.roles import DRIVER_ROLES
from hyperpod_inference.migration.facts import Discovered
from hyperpod_inference.migration.helm import Release
from hyperpod_inference.migration.parts import Part, parts
from hyperpod_inference.migration.values import HelmValues


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """An add-on that the inference add-on needs.

    sign: the CSIDriver or CRD by which it is known to be there; '' for one that is only ever taken over.
    role: the field of HelmValues that holds its role, '' when it needs none. pauses: what waits while the
    chart's own makes room for the add-on's.
    """

    part: Part
    sign: str
    role: str = ""
    pauses: str

    @property
    def addon(self) -> str:
        """Its name in EKS."""
        return self.part.value

    @property
    def role_key(self) -> str:
        """The key of its role's specification; '' when it needs none."""
        return DRIVER_ROLES[self.addon].key if self.role else ""


DEPENDENCIES = (
    Dependency(
        part=Part.S3,
        sign="s3.csi.aws.com",
        role="s3_role_arn",
        pauses="pods that start wait for their S3 volumes; those that run keep theirs",
    ),
    Dependency(
        part=Part.FSX,
        sign="fsx.csi.aws.com",
        role="fsx_role_arn",
        pauses="pods that start wait for their FSx volumes; those that run keep theirs",
    ),
    Dependency(
        part=Part.CERT_MANAGER, sign="certificates.cert-manager.io", pauses="no certificate is renewed"
    ),
    Dependency(part=Part.METRICS, sign="", pauses="nothing scales by CPU or memory"),
)


def absent(found: Discovered) -> Iterator[Dependency]:
    """Those that nobody installed, be it as an add-on, by Helm or otherwise."""
    for each in DEPENDENCIES:
        there = found.csi_drivers | found.crds
        if each.sign and each.addon not in found.addons and each.sign not in there:
            yield each


def carried(found: Discovered, release: Release) -> Iterator[Dependency]:
    """Those that the release brought along and EKS does not manage yet."""
    for each in DEPENDENCIES:
        if each.part in parts(release) and each.addon not in found.addons:
            yield each


def role_of(dependency: Dependency, settings: HelmValues, given: dict[str, str]) -> str:
    """The role given by hand, else the one that the release had for the driver; '' for none."""
    if not dependency.role:
        return ""
    return given.get(dependency.role) or str(getattr(settings, dependency.role))
