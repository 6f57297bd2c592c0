"""The parts of a migration: each knows what it is about to change, how to do it, and how to undo it.

A step is a value that can be written to the journal and read again. Doing and undoing may be repeated: both
look at what is there first, so a run that was killed in the middle of a step does the step once more.
"""

from typing import Annotated

from pydantic import Field

from hyperpod_inference.migration.steps.addons import InstallAddon
from hyperpod_inference.migration.steps.base import Step
from hyperpod_inference.migration.steps.finalizers import TakeFinalizers
from hyperpod_inference.migration.steps.records import DropRecords, EditRecord
from hyperpod_inference.migration.steps.release import RemoveObjects
from hyperpod_inference.migration.steps.roles import MakeRole
from hyperpod_inference.migration.steps.scale import ScaleDown
from hyperpod_inference.migration.steps.tags import TagObject
from hyperpod_inference.migration.steps.upgrade import UpdateAddon
from hyperpod_inference.migration.steps.verify import Verify

AnyStep = Annotated[
    TagObject
    | MakeRole
    | InstallAddon
    | UpdateAddon
    | ScaleDown
    | TakeFinalizers
    | Verify
    | RemoveObjects
    | EditRecord
    | DropRecords,
    Field(discriminator="kind"),
]

__all__ = [
    "AnyStep",
    "DropRecords",
    "EditRecord",
    "InstallAddon",
    "MakeRole",
    "RemoveObjects",
    "ScaleDown",
    "Step",
    "TagObject",
    "TakeFinalizers",
    "UpdateAddon",
    "Verify",
]
