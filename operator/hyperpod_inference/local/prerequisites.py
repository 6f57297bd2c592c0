"""What a machine must have for a local cluster, tried out rather than guessed.

`check` is called by `cluster` before anything is started. It asks a `Host`, so that tests can describe any
machine.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hyperpod_inference.local.errors import MissingPrerequisiteError
from hyperpod_inference.local.network import setup_commands, unshare_command

# The whole cluster with one small model server was measured at about 1 GiB.
NEEDED_MEMORY = 1536 * 1024 * 1024

# Debian keeps `ip` where the PATH of an ordinary user does not look.
_SYSTEM_DIRECTORIES = "/usr/local/sbin:/usr/sbin:/sbin"

_SYSCTLS = (
    ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns=0"),
    ("user/max_user_namespaces", "0", "user.max_user_namespaces=15000"),
    ("user/max_net_namespaces", "0", "user.max_net_namespaces=15000"),
)


@dataclass(frozen=True, slots=True)
class Tools:
    """Absolute paths of the system's tools."""

    unshare: str
    ip: str


class Host:
    """The machine as the checks see it."""

    platform = sys.platform

    def which(self, program: str) -> str | None:
        """The program's absolute path."""
        return shutil.which(program, path=os.pathsep.join((os.environ.get("PATH", ""), _SYSTEM_DIRECTORIES)))

    def output(self, argv: Sequence[str]) -> tuple[int, str]:
        """Run a command to its end; its exit status and everything it wrote."""
        done = subprocess.run(
            argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True
        )
        return done.returncode, done.stdout.strip()

    def free_disk(self, directory: Path) -> int:
        """Bytes free for new files under the first existing parent of a directory."""
        existing = next(path for path in (directory, *directory.parents) if path.exists())
        return shutil.disk_usage(existing).free

    def read(self, path: str) -> str | None:
        """The content of a file under /proc, None when there is none."""
        try:
            return Path("/proc", path).read_text()
        except OSError:
            return None


def check(host: Host) -> Tools:
    """The tools to work with. Raises MissingPrerequisiteError, with its remedy, at the first lack."""
    if not host.platform.startswith("linux"):
        raise MissingPrerequisiteError(
            f"the local cluster needs Linux namespaces, this is {host.platform!r}",
            "Run it in a Linux virtual machine or container.",
        )
    tools = Tools(_tool(host, "unshare", "util-linux"), _tool(host, "ip", "iproute2"))
    _check_memory(host)
    _check_namespaces(host, tools)
    return tools


def available_memory(host: Host) -> int | None:
    """Bytes that can be used without swapping, None when the kernel does not say."""
    lines = (host.read("meminfo") or "").splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


def _tool(host: Host, name: str, package: str) -> str:
    path = host.which(name)
    if path is None:
        raise MissingPrerequisiteError(
            f"the program {name!r} is not on this machine",
            f"Install the package {package}: `apt-get install {package}` or `dnf install {package}`.",
        )
    return path


def _check_memory(host: Host) -> None:
    available = available_memory(host)
    if available is not None and available < NEEDED_MEMORY:
        raise MissingPrerequisiteError(
            f"{available / 2**30:.1f} GiB of memory are available, "
            f"the local cluster needs {NEEDED_MEMORY / 2**30:.1f}",
            "Stop other programs or use a larger machine.",
        )


def _check_namespaces(host: Host, tools: Tools) -> None:
    """Make the namespaces once and set up the network in them, as the supervisor will."""
    script = " && ".join(" ".join(command) for command in setup_commands(tools.ip))
    status, message = host.output((*unshare_command(tools.unshare), "/bin/sh", "-c", script))
    if status == 0:
        return
    raise MissingPrerequisiteError(
        f"you may not make user and network namespaces here: {message or f'exit status {status}'}",
        _namespace_remedy(host),
    )


def _namespace_remedy(host: Host) -> str:
    for path, refusing, remedy in _SYSCTLS:
        if (host.read(f"sys/{path}") or "").strip() == refusing:
            return (
                f"The kernel setting {remedy.partition('=')[0]} is {refusing}. As root: `sysctl -w {remedy}`."
            )
    return (
        "Inside a container, allow it to make namespaces: `--security-opt seccomp=unconfined "
        "--security-opt apparmor=unconfined --cap-add SYS_ADMIN`, or run on the host itself."
    )
