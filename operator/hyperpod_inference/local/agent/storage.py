"""Volumes whose data outlives a pod: buckets and file systems, served from the cluster's state directory.

`s3/BUCKET/PREFIX` below it stands for an S3 bucket mounted by Mountpoint, `fsx/FILESYSTEM` for an FSx for
Lustre file system. `resolve` is pure but for looking whether the directory is there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Body = Mapping[str, Any]

S3_DRIVER = "s3.csi.aws.com"
FSX_DRIVER = "fsx.csi.aws.com"


class MountError(Exception):
    """A volume cannot be mounted (yet); the text is what the FailedMount event says."""


@dataclass(frozen=True, slots=True)
class Backing:
    """The host directory behind a volume."""

    path: Path
    read_only: bool = False


def resolve(state: Path, csi: Body, mount_options: list[str], name: str) -> Backing:
    """The directory behind a CSI source (of a PersistentVolume, or inline in the pod).

    Raises:
        MountError: another driver, or nothing is there under that name.
    """
    driver, attributes = csi.get("driver", ""), csi.get("volumeAttributes") or {}
    if driver == S3_DRIVER:
        options = [*mount_options, *_inline_options(attributes)]
        return _bucket(state / "s3", attributes, options, bool(csi.get("readOnly")), name)
    if driver == FSX_DRIVER:
        return _file_system(state / "fsx", csi, name)
    raise MountError(
        f'MountVolume.MountDevice failed for volume "{name}": driver name {driver} not found in the list of '
        f"registered CSI drivers; local nodes have {S3_DRIVER}, {FSX_DRIVER}"
    )


def _inline_options(attributes: Body) -> list[str]:
    raw = str(attributes.get("mountOptions") or "")
    return [each.strip().lstrip("-") for each in raw.replace(",", "\n").splitlines() if each.strip()]


def _bucket(root: Path, attributes: Body, options: list[str], read_only: bool, name: str) -> Backing:
    bucket = attributes.get("bucketName")
    if not bucket:
        raise MountError(
            f'MountVolume.SetUp failed for volume "{name}": volumeAttributes.bucketName is missing'
        )
    prefix = _option(options, "prefix").strip("/")
    path = root / bucket / prefix
    if not _inside(root, path) or not path.is_dir():
        held = ", ".join(sorted(each.name for each in root.glob("*") if each.is_dir())) or "none"
        raise MountError(
            f'MountVolume.SetUp failed for volume "{name}": Could not mount "s3://{bucket}/{prefix}": '
            f"no such bucket or prefix. Local buckets are directories under {root}; present: {held}"
        )
    return Backing(path, read_only or "read-only" in options or "read-only" in attributes)


def _option(options: list[str], key: str) -> str:
    for option in options:
        words = option.replace("=", " ", 1).split(None, 1)
        if words and words[0].lstrip("-") == key and len(words) == 2:
            return words[1]
    return ""


def _file_system(root: Path, csi: Body, name: str) -> Backing:
    path = root / str(csi.get("volumeHandle", ""))
    if not _inside(root, path) or not path.is_dir():
        raise MountError(
            f'MountVolume.SetUp failed for volume "{name}": no file system {csi.get("volumeHandle")!r}. '
            f"Local file systems are directories under {root}"
        )
    return Backing(path, bool(csi.get("readOnly")))


def _inside(root: Path, path: Path) -> bool:
    return path.resolve().is_relative_to(root.resolve()) and path != root
