"""The container image: what its Dockerfile promises, and the layer that it makes, made here without Docker.

The layer is built by the Dockerfile's own steps: a clean environment, the distributions of the image's lock
(copied from this environment instead of downloaded), the wheel. Its programs then run as the image's user,
who has no rights over the tree.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

import pytest

from hyperpod_inference import __version__
from hyperpod_inference.api import names

REPOSITORY = Path(__file__).parents[2]
DOCKERFILE = (REPOSITORY / "operator" / "Dockerfile").read_text("utf-8")
LOCK = "requirements/router.txt"
NOBODY = 65532


def locked() -> Mapping[str, str]:
    """What the image's lock wants on this Python: name -> version."""
    lines = (REPOSITORY / LOCK).read_text("utf-8").splitlines()
    found = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)( ;.*)?", "\n".join(lines), re.MULTILINE)
    return {name: version for name, version, condition in found if "win32" not in condition}


def copy_distribution(name: str, version: str, target: Path) -> None:
    """Copy an installed distribution into the site-packages `target`, with its byte code."""
    distribution = metadata.distribution(name)
    assert distribution.version == version, f"{name}: the lock says {version}; run `make setup`"
    for file in distribution.files or ():
        source = Path(str(distribution.locate_file(file)))
        if ".." in file.parts or not source.is_file():
            continue
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target / file)
        cached = source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
        if cached.is_file():
            (target / file).parent.joinpath("__pycache__").mkdir(exist_ok=True)
            shutil.copy2(cached, (target / file).parent / "__pycache__" / cached.name)


def wheel(directory: Path) -> Path:
    """The project's wheel, built as the Dockerfile builds it."""
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(directory)]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True, timeout=120)
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def layer() -> Iterator[Path]:
    """/opt/hyperpod of the image, in a folder that every user may enter and none may write."""
    with tempfile.TemporaryDirectory(prefix="hyperpod-image-") as folder:
        root = Path(folder)
        environment = root / "opt" / "hyperpod"
        python = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
        subprocess.run([python, "-m", "venv", "--without-pip", str(environment)], check=True, timeout=120)
        (packages,) = environment.glob("lib/python*/site-packages")
        for name, version in locked().items():
            copy_distribution(name, version, packages)
        install = [sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python"), "install"]
        options = ["--no-deps", "--no-index", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, *options, str(wheel(root / "dist"))], check=True, timeout=120)
        for path in (environment, *environment.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & ~0o222)
        yield environment
        for path in (environment, *environment.rglob("*/")):
            path.chmod(0o755)


def run(layer: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the layer as the image does: as its user, without a capability, in its environment."""
    # A user namespace, since another user may not enter the folder of this Python.
    as_user = ["unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}"]
    return subprocess.run(
        [*as_user, str(layer / "bin" / program), *arguments],
        env={"PATH": f"{layer}/bin:/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def stage(name: str) -> str:
    """The lines of the Dockerfile's stage of this name."""
    (found,) = re.findall(
        rf"^FROM [^\n]+ AS {name}\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL
    )
    return str(found)


def test_the_base_is_slim_and_pinned_by_its_digest() -> None:
    assert re.search(
        r"^ARG PYTHON_IMAGE=python:3\.\d+-slim-\w+@sha256:[0-9a-f]{64}$", DOCKERFILE, re.MULTILINE
    )
    bases = set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))
    assert bases == {"${PYTHON_IMAGE}", "runtime", "router"}


def test_everything_is_installed_from_locks_with_hashes() -> None:
    for line in re.findall(r"pip install [^\n\\&]*", stage("build")):
        assert "--require-hashes -r requirements/" in line or "--no-deps --no-index /dist/" in line, line
    assert f"-r {LOCK}" in stage("build")


def test_what_runs_is_nobody_without_build_tools() -> None:
    assert f"USER {NOBODY}:{NOBODY}" in stage("runtime")
    assert "COPY --from=build /opt/hyperpod /opt/hyperpod" in stage("runtime")
    assert "/opt/tools" not in stage("runtime")


def test_the_labels_say_where_the_image_comes_from_and_what_is_in_it() -> None:
    for label in ("version", "revision", "created", "licenses", "base.name"):
        assert f"org.opencontainers.image.{label}=" in stage("runtime")
    assert '="/opt/hyperpod/sbom.cdx.json"' in stage("runtime")


@pytest.mark.parametrize(
    ("image", "entry_point"),
    [(names.OPERATOR_IMAGE, "hyperpod-inference"), (names.ROUTER_IMAGE, "hyperpod-router")],
)
def test_each_image_is_a_target_that_starts_its_program(image: str, entry_point: str) -> None:
    target = image.partition("/")[2].partition(":")[0]
    assert f'ENTRYPOINT ["{entry_point}"]' in stage(target)
    assert entry_point in {each.name for each in metadata.distribution("hyperpod-inference").entry_points}


def test_the_sidecar_is_the_router_under_its_own_name() -> None:
    assert names.SIDECAR_IMAGE.startswith("hyperpod-inference/sidecar:")
    assert stage("sidecar").strip() == ""
    assert re.search(r"^FROM router AS sidecar$", DOCKERFILE, re.MULTILINE)


def test_the_context_holds_what_is_copied_and_no_more() -> None:
    allowed = (REPOSITORY / "operator" / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    copied = {
        source.split("/")[0]
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert allowed[0] == "*"
    assert {line.removeprefix("!") for line in allowed if line.startswith("!")} == copied
    assert all((REPOSITORY / each).exists() for each in copied)


def test_another_user_runs_the_operators_command_in_a_tree_that_cannot_be_written(layer: Path) -> None:
    tried = run(layer, "python", "-c", "import os, sys; print(os.getuid()); open(sys.prefix + '/new', 'w')")
    assert tried.stdout.strip() == str(NOBODY)
    assert "Permission denied" in tried.stderr
    assert "--leader-elect" in run(layer, "hyperpod-inference", "operator", "--help").stdout
    crds = run(layer, "hyperpod-inference", "crds", "--format", "json")
    assert len(json.loads(crds.stdout)["items"]) == 4


def test_another_user_runs_the_router_and_the_sidecar(layer: Path) -> None:
    for command in ("serve", "sidecar"):
        done = run(layer, "hyperpod-router", command, "--help")
        assert done.returncode == 0, done.stderr
        assert "usage" in done.stdout.lower()


def test_everything_that_the_image_runs_can_be_imported(layer: Path) -> None:
    modules = ("controllers.manager", "webhook.server", "router.main", "router.discovery", "cli.render")
    lines = "; ".join(f"import hyperpod_inference.{module}" for module in modules)
    done = run(layer, "python", "-c", lines)
    assert done.returncode == 0, done.stderr


def test_what_only_a_workstation_needs_is_not_in_it_and_says_so(layer: Path) -> None:
    done = run(layer, "python", "-c", "import cdk8s")
    assert "No module named 'cdk8s'" in done.stderr
    refused = run(layer, "hyperpod-inference", "manifests")
    assert refused.returncode == 1
    assert "pip install 'hyperpod-inference[cdk]'" in refused.stderr


def test_the_list_of_what_is_in_it_names_every_distribution_with_its_version(
    layer: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible", "--no-validate"]
    made = tmp_path / "sbom.cdx.json"
    subprocess.run(
        [*command, "--output-file", str(made), str(layer / "bin" / "python")],
        check=True,
        capture_output=True,
        timeout=120,
    )
    listed = {each["name"]: each["version"] for each in json.loads(made.read_text())["components"]}
    assert listed["hyperpod-inference"] == __version__
    assert {name.lower().replace("_", "-"): version for name, version in listed.items()} == {
        **locked(),
        "hyperpod-inference": __version__,
    }


def test_the_charts_run_the_image_as_the_user_it_is_made_for() -> None:
    from hyperpod_charts.synth import manifests
    from hyperpod_inference.api.settings import OperatorSettings

    made = manifests(OperatorSettings(), example=False)
    (deployment,) = (body for body in made if body["kind"] == "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsUser"] == NOBODY
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["containers"][0]["image"] == names.OPERATOR_IMAGE
