"""Published programs: etcd and the API server from an envtest archive, the rest from the Kubernetes release.

Envtest archives hold etcd, kube-apiserver and kubectl only, so the controller manager and the scheduler of
the same version come from the Kubernetes release itself. Every file is checked against its publisher's
checksum. Where the network does not reach the publishers, `binaries` goes on to the next source.
"""

import hashlib
import io
import os
import shutil
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from hyperpod_inference.local.programs import cached
from hyperpod_inference.local.programs.goprogram import architecture
from hyperpod_inference.local.progress import Progress, Report

STEP = "downloading"
# Many networks drop packets to hosts they do not allow: without a short limit this would look like a hang.
_TIMEOUT = 5.0
_FROM_ARCHIVE = ("etcd", "kube-apiserver", "kubectl")
_FROM_RELEASE = ("kube-controller-manager", "kube-scheduler")

Fetch = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Publishers:
    """The base URLs of the two publishers."""

    envtest_index: str = (
        "https://raw.githubusercontent.com/kubernetes-sigs/controller-tools/main/envtest-releases.yaml"
    )
    envtest: str = "https://github.com/kubernetes-sigs/controller-tools/releases/download"
    kubernetes: str = "https://dl.k8s.io"


def download(
    cache: Path, report: Report, publishers: Publishers | None = None, fetch: Fetch | None = None
) -> cached.ControlPlane:
    """Download the whole control plane into the cache. Raises NotHereError when any part is out of reach."""
    target = cached.download_path(cache)
    partial = target.with_name(f"{target.name}.partial-{os.getpid()}")
    try:
        _download(partial, publishers or Publishers(), fetch or get, report)
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
    except (OSError, tarfile.TarError, KeyError) as error:
        raise cached.NotHereError(
            f"the publishers are out of reach: {_reason(error)}", worth_telling=False
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return cached.separate_programs(target, f"a download of Kubernetes {cached.DOWNLOAD_VERSION} ({target})")


def get(url: str) -> bytes:
    """The content of a URL; OSError when it does not come."""
    with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:  # noqa: S310  # the URLs are https constants
        content: bytes = answer.read()
        return content


def _download(directory: Path, publishers: Publishers, fetch: Fetch, report: Report) -> None:
    version, machine = cached.DOWNLOAD_VERSION, architecture()
    archive = f"envtest-{version}-linux-{machine}.tar.gz"
    # The index is small and comes first: it is what fails where the network is closed.
    checksum = _indexed(fetch(publishers.envtest_index).decode(), archive)
    report(Progress(STEP, "started", f"Kubernetes {version}", expected=60))
    directory.mkdir(parents=True)
    packed = _verified(
        fetch(f"{publishers.envtest}/envtest-{version}/{archive}"), "sha512", checksum, archive
    )
    _unpack(packed, directory)
    for name in _FROM_RELEASE:
        url = f"{publishers.kubernetes}/{version}/bin/linux/{machine}/{name}"
        expected = fetch(f"{url}.sha256").decode().split()[0]
        _install(directory / name, _verified(fetch(url), "sha256", expected, name))
    report(Progress(STEP, "done", f"Kubernetes {version}"))


def _indexed(index: str, archive: str) -> str:
    """The SHA-512 of an archive in the envtest index."""
    for release in yaml.safe_load(index)["releases"].values():
        if archive in release:
            return str(release[archive]["hash"])
    raise KeyError(f"{archive} is not in the envtest index")


def _verified(content: bytes, algorithm: str, expected: str, name: str) -> bytes:
    actual = hashlib.new(algorithm, content).hexdigest()
    if actual != expected:
        raise cached.NotHereError(
            f"{name} has the {algorithm} {actual}, its publisher says {expected}: not used"
        )
    return content


def _unpack(packed: bytes, directory: Path) -> None:
    """Take the programs out of the archive by name; nothing else in it is written."""
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
        members = {Path(member.name).name: member for member in archive.getmembers() if member.isfile()}
        for name in _FROM_ARCHIVE:
            file = archive.extractfile(members[name])
            if file is not None:
                _install(directory / name, file.read())


def _install(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o755)


def _reason(error: Exception) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return str(reason) or type(error).__name__
