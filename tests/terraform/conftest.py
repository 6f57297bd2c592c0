"""The Terraform module, parsed; and Terraform itself, where it is installed."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hcl2
import pytest

MODULE = Path(__file__).resolve().parents[2] / "terraform"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def blocks() -> list[tuple[str, dict[str, Any]]]:
    """Every resource and data source: its address without the name, `data.` before those, and its body."""
    found = []
    for path in sorted(MODULE.rglob("*.tf")):
        for kind, entries in hcl2.loads(path.read_text()).items():
            if kind in ("resource", "data"):
                found += [each for entry in entries for each in _named(kind, entry)]
    return found


def _named(kind: str, entry: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, bodies in entry.items():
        for label, body in bodies.items():
            prefix = "data." if kind == "data" else ""
            yield f"{prefix}{name.strip(chr(34))}.{label.strip(chr(34))}", body


@pytest.fixture(scope="session")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run Terraform in a folder, offline; tests that need it are skipped where it is not on PATH."""
    program = shutil.which("terraform")
    if program is None:
        pytest.skip("terraform is not on PATH")
    data = tmp_path_factory.mktemp("terraform")
    environment = os.environ | {
        "TF_CLI_CONFIG_FILE": os.devnull,
        "TF_DATA_DIR": str(data),
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
    }

    def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *arguments],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run
