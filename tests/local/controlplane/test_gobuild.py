from dataclasses import replace
from pathlib import Path

import pytest

from hyperpod_inference.local.programs import cached, gobuild

GIB = 2**30

COMPILER = """#!/bin/sh
[ "$1" = env ] && { echo go1.99.0; exit 0; }
while [ "$1" != -o ]; do shift; done
echo k8s.io/api >&2
%s
echo program > "$2"
"""


@pytest.fixture
def go(tmp_path, host):
    """Installs a `go` that does what a shell line says and then writes its output file."""

    def install(line: str = "") -> None:
        program = tmp_path / "go"
        program.write_text(COMPILER % line)
        program.chmod(0o755)
        host.programs["go"] = str(program)
        host.answers[f"{program} env GOVERSION"] = (0, "go1.99.0")

    return install


def test_a_build_lands_in_the_cache_under_its_key(tmp_path, host, told, go) -> None:
    go()
    found = gobuild.build(cached.BUILT, tmp_path, {"PATH": "/bin"}, host, told.append)
    target = cached.BUILT.path(tmp_path)
    assert target.read_text() == "program\n"
    assert found == target
    steps = [one for one in told if one.step == gobuild.STEP]
    assert [one.state for one in steps] == ["started", "done"]
    assert steps[0].expected is not None


def test_what_is_written_into_a_program_is_part_of_its_key(tmp_path) -> None:
    other = replace(cached.BUILT, stamps=("k8s.io/component-base/version.gitVersion=v1.0.0",))
    assert other.path(tmp_path) != cached.BUILT.path(tmp_path)


def test_a_failed_build_quotes_go_names_the_remedy_and_leaves_nothing(tmp_path, host, told, go) -> None:
    go("echo 'go: k8s.io/api: dial tcp: lookup proxy.golang.org: no such host' >&2; exit 1")
    with pytest.raises(cached.NotHereError) as caught:
        gobuild.build(cached.BUILT, tmp_path, {"PATH": "/bin"}, host, told.append)
    message = str(caught.value)
    assert "exit status 1" in message
    assert "no such host" in message
    assert "check the network and `go env GOPROXY`" in message
    assert [path.name for path in cached.BUILT.path(tmp_path).parent.iterdir()] == [".lock"]


def test_a_build_that_another_process_finished_meanwhile_is_taken_over(tmp_path, host, told, go) -> None:
    go("exit 1")
    target = cached.BUILT.path(tmp_path)
    target.parent.mkdir(parents=True)
    target.touch(mode=0o755)
    assert gobuild.build(cached.BUILT, tmp_path, {}, host, told.append) == target


@pytest.mark.parametrize(
    ("memory", "disk", "message"),
    [
        (1 * GIB, 100 * GIB, "1.0 GiB of memory are available, the build needs 2.0 GiB"),
        (8 * GIB, 1 * GIB, "1.0 GiB of disk are free for .* the build needs 5.0 GiB"),
    ],
)
def test_a_machine_too_small_to_build_is_told_so_before(
    tmp_path, host, told, memory: int, disk: int, message: str
) -> None:
    host.files["meminfo"] = f"MemAvailable: {memory // 1024} kB"
    host.disk = disk
    with pytest.raises(cached.NotHereError, match=message):
        gobuild.build(cached.BUILT, tmp_path, {}, host, told.append)


def test_only_the_last_lines_of_a_long_build_are_kept(tmp_path: Path) -> None:
    argv = ("/bin/sh", "-c", "seq 1 5000 >&2; printf 'no newline at the end' >&2; exit 2")
    status, tail = gobuild.run(argv, {}, tmp_path, lambda _: None)
    assert status == 2
    assert tail.splitlines()[-2:] == ["5000", "no newline at the end"]
    assert len(tail.splitlines()) <= 20


def test_an_interrupted_build_ends_its_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gobuild, "_TICK", 0.0)

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gobuild.run(("/bin/sleep", "60"), {}, tmp_path, interrupt)


def test_the_expected_time_shrinks_with_processors_but_linking_stays() -> None:
    assert cached.BUILT.expected(2) == 480
    assert cached.BUILT.expected(16) < 90
