import dataclasses
import subprocess
from pathlib import Path

import pytest

from hyperpod_inference.local.errors import NoControlPlaneError
from hyperpod_inference.local.inside.components import CONTROL_PLANE
from hyperpod_inference.local.programs import binaries, cached


def programs(directory: Path, *names: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name in names:
        (directory / name).write_text("#!/bin/sh\n")
        (directory / name).chmod(0o755)
    return directory


@pytest.fixture
def context(tmp_path, host, told):
    def make(**environ: str) -> binaries.Context:
        return binaries.Context({"XDG_CACHE_HOME": str(tmp_path / "cache"), **environ}, host, told.append)

    return make


def test_the_order_is_assets_cache_download_build() -> None:
    assert list(binaries.SOURCES) == ["KUBEBUILDER_ASSETS", "cache", "download", "build"]


def test_complete_assets_win_over_the_cache(tmp_path, context) -> None:
    assets = programs(tmp_path / "assets", *CONTROL_PLANE)
    here = context(KUBEBUILDER_ASSETS=str(assets))
    programs(cached.BUILT.path(here.cache).parent, cached.BUILT.binary)
    found = binaries.first(binaries.SOURCES, here)
    assert found.commands["kube-scheduler"] == (str(assets / "kube-scheduler"),)
    assert found.kubectl is None


def test_assets_without_scheduler_and_controller_manager_are_passed_over_and_said_so(
    tmp_path, context, told
) -> None:
    assets = programs(tmp_path / "assets", "etcd", "kube-apiserver", "kubectl")
    here = context(KUBEBUILDER_ASSETS=str(assets))
    built = programs(cached.BUILT.path(here.cache).parent, cached.BUILT.binary) / cached.BUILT.binary
    found = binaries.first(binaries.SOURCES, here)
    assert found.commands["etcd"] == (str(built), "etcd")
    assert [one.detail for one in told if one.state == "skipped"] == [
        f"KUBEBUILDER_ASSETS: {assets} lacks kube-controller-manager, kube-scheduler"
    ]


def test_the_cache_holds_one_program_for_all_parts_and_kubectl(context) -> None:
    here = context()
    built = str(programs(cached.BUILT.path(here.cache).parent, cached.BUILT.binary) / cached.BUILT.binary)
    found = binaries.from_cache(here)
    assert found.commands == {name: (built, name) for name in CONTROL_PLANE}
    assert found.kubectl == (built, "kubectl")


def test_the_cache_also_holds_downloads_but_only_whole_ones(context) -> None:
    here = context()
    directory = programs(cached.download_path(here.cache), "etcd", "kube-apiserver")
    with pytest.raises(cached.NotHereError):
        binaries.from_cache(here)
    programs(directory, *CONTROL_PLANE, "kubectl")
    assert binaries.from_cache(here).kubectl == (str(directory / "kubectl"),)


def test_the_cache_is_another_one_when_the_source_or_a_dependency_changes(tmp_path) -> None:
    for name in ("go.mod", "go.sum", "main.go"):
        (tmp_path / name).write_text(name)
    program = dataclasses.replace(cached.BUILT, source=tmp_path)
    before = program.path(tmp_path)
    (tmp_path / "go.sum").write_text("another dependency")
    assert program.path(tmp_path) != before


def test_sources_are_asked_in_order_until_one_has_all(context) -> None:
    asked = []

    def without(name):
        def source(_):
            asked.append(name)
            raise cached.NotHereError(f"{name} has none")

        return source

    def having(_):
        return cached.ControlPlane({}, "the third", None)

    sources = {"one": without("one"), "two": without("two"), "three": having, "four": without("four")}
    assert binaries.first(sources, context()).source == "the third"
    assert asked == ["one", "two"]


def test_when_no_source_has_all_every_reason_is_given(context) -> None:
    def closed(_):
        raise cached.NotHereError("no network")

    def without_go(_):
        raise cached.NotHereError("Go is missing: install it")

    with pytest.raises(NoControlPlaneError) as caught:
        binaries.first({"download": closed, "build": without_go}, context())
    assert "download: no network" in str(caught.value)
    assert "build: Go is missing: install it" in str(caught.value)


def test_bundled_kubectl_becomes_a_command(tmp_path) -> None:
    bundle = programs(tmp_path / "with space", "bundle") / "bundle"
    bundle.write_text('#!/bin/sh\necho "$@"\n')
    cached.one_program(bundle, "").write_kubectl(tmp_path / "kubectl")
    done = subprocess.run([tmp_path / "kubectl", "get", "two words"], capture_output=True, text=True)
    assert done.stdout == "kubectl get two words\n"
