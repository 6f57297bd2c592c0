"""Accepting a finding of a rule pack, with its reason, next to the construct that causes it.

The packs are registered in `checks.py`. Ids are written with the pack's prefix: only then does cdk-nag list
the acknowledgement, with its reason, in `validation-report.json`.
"""

from collections.abc import Mapping
from typing import Final

from aws_cdk import Acknowledgment, CfnResource, Validations
from constructs import IConstruct

AWS_SOLUTIONS: Final = "AwsSolutions"
HIPAA: Final = "HIPAA.Security"
NIST_R4: Final = "NIST.800.53.R4"
NIST_R5: Final = "NIST.800.53.R5"
PCI: Final = "PCI.DSS.321"
REGULATORY: Final = (HIPAA, NIST_R4, NIST_R5, PCI)


def acknowledge(construct: IConstruct, rule: str, reason: str, *packs: str) -> None:
    """Accept the finding `rule` (without its pack's name) of each of `packs` on `construct`.

    `rule` is exact, with the finding for rules that report several: `IAM5[Resource::*]`.
    `packs` defaults to AwsSolutions.
    """
    acknowledgements = [
        Acknowledgment(id=f"{pack}::{pack}-{rule}", reason=reason) for pack in packs or (AWS_SOLUTIONS,)
    ]
    Validations.of(construct).acknowledge(*acknowledgements)


def acknowledge_all(construct: IConstruct, findings: Mapping[str, str]) -> None:
    """Accept findings of AwsSolutions on `construct`: rule to reason."""
    accepted = [
        Acknowledgment(id=f"{AWS_SOLUTIONS}::{AWS_SOLUTIONS}-{rule}", reason=reason)
        for rule, reason in findings.items()
    ]
    if accepted:
        Validations.of(construct).acknowledge(*accepted)


def skip_checkov(resource: IConstruct | None, check: str, reason: str) -> None:
    """Accept a finding of checkov, in the resource's metadata, where it looks for it."""
    assert isinstance(resource, CfnResource)  # noqa: S101 - of the constructs that call this
    resource.add_metadata("checkov", {"skip": [{"id": check, "comment": reason}]})
