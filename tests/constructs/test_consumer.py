"""The example consumer with the built wheel alone: no source tree, types seen by both checkers."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONSUMER = ROOT / "examples" / "consumer"
NODE = ROOT / "node_modules" / ".bin"


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a clean environment: the wheel, and the dependencies; nothing editable."""
    folder = tmp_path_factory.mktemp("consumer")
    _run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], ROOT)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=False)
    site = folder / "venv" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    _run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)],
        ROOT,
    )
    # A path in a .pth file brings the packages there, and not what their own .pth files bring.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "venv" / "bin" / "python"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the example, away from the source tree."""
    for file in CONSUMER.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_text(file.read_text())
    return tmp_path


@pytest.mark.timeout(900)
def test_three_lines_make_a_cluster_of_the_installed_package(python: Path, project: Path) -> None:
    where = _run([python, "-c", "import hyperpod_constructs; print(hyperpod_constructs.__file__)"], project)
    assert str(ROOT) not in where
    _run([python, "app.py"], project, CDK_OUTDIR=str(project / "out"), CDK_VALIDATION="false")
    template = json.loads((project / "out" / "Models.template.json").read_text())
    kinds = {resource["Type"] for resource in template["Resources"].values()}
    assert {"AWS::EKS::Cluster", "AWS::SageMaker::Cluster", "AWS::EKS::Addon"} <= kinds


@pytest.mark.timeout(900)
def test_mypy_finds_the_package_typed(python: Path, project: Path) -> None:
    command = [sys.executable, "-m", "mypy", "--python-executable", str(python), "app.py"]
    assert "no issues found" in _run(command, project)


@pytest.mark.timeout(900)
def test_pyright_finds_the_package_typed(python: Path, project: Path) -> None:
    assert "0 errors" in _run([NODE / "pyright", "--pythonpath", python, "--project", project], project)


@pytest.mark.timeout(900)
def test_a_checker_sees_a_mistake_in_the_use_of_the_package(python: Path, project: Path) -> None:
    """The other half of the tests above: a checker that sees nothing finds nothing either."""
    app = project / "app.py"
    app.write_text(app.read_text().replace('"HyperPod")', '"HyperPod", no_such_property=1)'))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--python-executable", python, "app.py"],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert 'Unexpected keyword argument "no_such_property"' in done.stdout


def _run(command: list[str | Path], folder: Path, **environment: str) -> str:
    """What a program says; it must succeed, and must not see this source tree by PYTHONPATH."""
    env = {**os.environ, "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20", **environment}
    env.pop("PYTHONPATH", None)
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=800)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
