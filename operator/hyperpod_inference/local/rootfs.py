"""A container's file system, made of the host's: read-only, with the pod's volumes where it wants them.

A mount path such as /opt/ml/model usually does not exist on the host and must not be created there. So the
new root is an empty tmpfs that mirrors the host: whatever no volume lies under is bound as it is; a directory
on the way to a volume becomes a fresh one holding binds of its host children. Works for an ordinary user
inside a user namespace. Runs in the sandbox process (standard library only), after `unshare`.
"""

import contextlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hyperpod_inference.local import linux

SCRATCH = ("/tmp", "/dev/shm")  # noqa: S108 - the container's own, empty at its start
_PROC = "/proc"


@dataclass(frozen=True, slots=True)
class Mount:
    """Show the host's `source` (a file or a directory) at `target` in the container."""

    source: str
    target: str
    read_only: bool = False

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> "Mount":
        """From the sandbox's JSON."""
        return cls(raw["source"], raw["target"], bool(raw.get("read_only")))


@dataclass(slots=True)
class Node:
    """A directory of the new root on the way to mounts, or a mount point (which may hold further ones)."""

    mount: Mount | None = None
    scratch: bool = False
    children: dict[str, "Node"] = field(default_factory=dict)


def tree(mounts: Iterable[Mount], keep: Iterable[str] = ()) -> Node:
    """Where the new root must differ from the host's.

    `keep` names host paths that the program needs and that must stay visible (read-only) below a scratch
    directory, as an interpreter installed under /tmp.
    """
    root = Node()
    for path in SCRATCH:
        _place(root, path).scratch = True
    for path in keep:
        real = os.path.realpath(path)
        if real.startswith(SCRATCH):
            _place(root, real).mount = Mount(real, real, read_only=True)
    for each in mounts:
        # The host's symlinks are mirrored too, so /var/run/x has to be placed where /var/run points.
        _place(root, os.path.realpath(each.target)).mount = each
    return root


def _place(root: Node, path: str) -> Node:
    node = root
    for part in Path(path).parts[1:]:
        node = node.children.setdefault(part, Node())
    return node


def build(node: Node, stage: Path) -> None:
    """Mount the new root on the directory `stage`; it is seen in this mount namespace only."""
    linux.mount("none", Path("/"), flags=linux.MS_REC | linux.MS_PRIVATE)
    linux.mount("root", stage, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=755")
    _fill(node, Path("/"), stage)


def _fill(node: Node, host: Path, new: Path) -> None:
    for name in _names(host) - node.children.keys():
        _mirror(host / name, new / name)
    for name, child in sorted(node.children.items()):
        _make(child, host / name, new / name)


def _make(child: Node, host: Path, new: Path) -> None:
    if child.scratch:
        new.mkdir(exist_ok=True)
        linux.mount("scratch", new, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=1777")
        _fill(child, Path("/nonexistent"), new)
    elif child.mount is None:
        new.mkdir(exist_ok=True)
        _fill(child, host, new)
    else:
        _bind(Path(child.mount.source), new)
        for name, below in sorted(child.children.items()):
            _make(below, Path("/nonexistent"), new / name)
        if child.mount.read_only:
            linux.make_read_only(new)


def _names(host: Path) -> set[str]:
    try:
        return {each.name for each in host.iterdir()}
    except OSError:
        return set()


def _mirror(host: Path, new: Path) -> None:
    if host.is_symlink():
        new.symlink_to(host.readlink())
        return
    if str(host) == _PROC:
        _mount_proc(host, new)
        return
    with contextlib.suppress(OSError):  # what this user may not bind, the container does not see
        _bind(host, new)
        if not str(host).startswith("/dev"):
            linux.make_read_only(new)


def _mount_proc(host: Path, new: Path) -> None:
    new.mkdir()
    flags = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
    try:
        linux.mount("proc", new, "proc", flags)
    except OSError:  # refused where parts of the host's /proc are masked: show the outer one then
        linux.bind(host, new)


def _bind(source: Path, target: Path) -> None:
    if source.is_dir():
        target.mkdir(exist_ok=True)
    elif not target.exists():
        target.touch()
    linux.bind(source, target)
