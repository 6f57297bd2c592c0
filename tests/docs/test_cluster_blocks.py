"""The documents' `bash cluster` blocks, run against a cluster of their own.

Only those that start one themselves (`local up`) are run; the state is kept apart from the user's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.cluster


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """The commands of this environment first on PATH; whatever the block leaves running is stopped."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory(prefix="docs-") as state:  # short: it holds Unix sockets
        variables = {**os.environ, "PATH": path, "HYPERPOD_LOCAL_STATE_DIR": state}
        yield variables
        subprocess.run(["hyperpod-inference", "local", "down"], env=variables, check=True, timeout=60)


def test_the_block_runs_on_a_cluster(cluster_block: Any, root: Path, environment: dict[str, str]) -> None:
    script = cluster_block.text.replace(" --watch", "")  # which never ends
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
