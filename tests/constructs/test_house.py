"""The layout that keeps `constructs/` and `operator/` from shadowing the modules of those names."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("root", ["constructs", "charts", "operator"])
def test_a_source_root_is_no_package(root: str) -> None:
    assert not (ROOT / root / "__init__.py").exists()


def test_no_test_folder_is_a_package() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


@pytest.mark.parametrize("name", ["constructs.py", "operator.py", "charts.py"])
def test_no_module_at_the_root_shadows_a_library(name: str) -> None:
    assert not (ROOT / name).exists()


def test_the_app_runs_from_the_root_and_validates_its_template(tmp_path: Path) -> None:
    """The one test with CloudFormation's own validation on: pytest itself cannot see a shadowed import."""
    result = _run_app(tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "HyperPodInference.template.json").exists()


def test_a_wrong_context_value_ends_the_app_with_one_line(tmp_path: Path) -> None:
    key = "hyperpod-inference:kubernetesVersion"
    result = _run_app(tmp_path, CDK_CONTEXT_JSON=f'{{"{key}": "1.2"}}')
    assert result.returncode == 1
    assert "error: settings: kubernetes_version: got '1.2'" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_missing_library_is_answered_with_what_to_install() -> None:
    code = "import sys, runpy; sys.modules['aws_cdk'] = None; runpy.run_path('app.py', run_name='__main__')"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 1
    assert "pip install -e '.[cdk]'" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_npm_lock_pins_the_cdk_command_and_names_no_download_host() -> None:
    lock = (ROOT / "package-lock.json").read_text()
    assert '"aws-cdk": "2.1148.1"' in lock
    assert "resolved" not in lock
    assert not re.search(r"https?://", lock)


def _run_app(outdir: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CDK_OUTDIR": str(outdir), **extra}
    return subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
