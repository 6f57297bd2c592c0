"""The handful of Linux calls that Python 3.11 lacks: namespaces, mounts, parent-death signals.

Used by `sandbox` and `rootfs`, which run as a tiny process of their own: standard library only, and nothing
here may import the rest of the package. Every function raises `OSError` with what it tried.
"""

import ctypes
import os
import platform
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MNT_DETACH = 0x2

_PR_SET_PDEATHSIG = 1
_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_MOUNT_ATTR_RDONLY = 0x1
_SYS_MOUNT_SETATTR = 442  # the same on every architecture
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}.get(platform.machine(), 155)

_libc = ctypes.CDLL(None, use_errno=True)


class _MountAttr(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Move this process (for pid namespaces: its future children) into new namespaces."""
    _check(_libc.unshare(flags), f"unshare({flags:#x})")


def enter(pid: int, flags: int) -> None:
    """Join namespaces of another process (Linux 5.8). Needs no /proc, which may be another namespace's."""
    handle = os.pidfd_open(pid)
    try:
        _check(_libc.setns(handle, flags), f"setns({flags:#x} of process {pid})")
    finally:
        os.close(handle)


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send this signal when the parent dies, however it dies."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")


def mount(source: str, target: Path, kind: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2)."""
    result = _libc.mount(
        source.encode(), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), data.encode()
    )
    _check(result, f"mount {source} on {target}")


def bind(source: Path, target: Path) -> None:
    """Show `source`, with all that is mounted below it, at `target`."""
    mount(str(source), target, flags=MS_BIND | MS_REC)


def make_read_only(target: Path) -> None:
    """Make a mount and all mounts below it read-only (Linux 5.12)."""
    attributes = _MountAttr(attr_set=_MOUNT_ATTR_RDONLY)
    result = _libc.syscall(
        ctypes.c_long(_SYS_MOUNT_SETATTR),
        ctypes.c_int(_AT_FDCWD),
        ctypes.c_char_p(os.fsencode(target)),
        ctypes.c_uint(_AT_RECURSIVE),
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )
    _check(result, f"make {target} read-only")


def change_root(root: Path) -> None:
    """Make `root` this mount namespace's root and let go of the old one."""
    os.chdir(root)
    if _libc.syscall(ctypes.c_long(_SYS_PIVOT_ROOT), b".", b".") == 0:
        _check(_libc.umount2(b".", MNT_DETACH), "detach the old root")
    else:  # an initramfs root cannot be pivoted away from; for a process of the same user chroot is as good
        os.chroot(".")
    os.chdir("/")
