import os
from pathlib import Path

import pytest

from hyperpod_inference.local import processes, runfile, startup, status
from hyperpod_inference.local.errors import StartError
from hyperpod_inference.local.inside.components import AGENT, CONTROL_PLANE
from hyperpod_inference.local.inside.record import Record, first_run
from hyperpod_inference.local.paths import StateDir
from hyperpod_inference.local.plan import Plan

EXIT_1 = 1 << 8


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    (tmp_path / "logs").mkdir()
    return StateDir(tmp_path)


@pytest.fixture
def record(state: StateDir) -> Record:
    """The record of a run whose supervisor is this test."""
    plan = Plan({}, "the test", "/sbin/ip", 1001, 1002)
    return Record(state.run_file, first_run(state, plan))


def now(state: StateDir) -> status.Status:
    run = runfile.read(state.run_file)
    assert run is not None
    return status.of_run(state.root, state.kubeconfig, run)


def all_ready(record: Record) -> None:
    for number, name in enumerate((*CONTROL_PLANE, AGENT), start=2**22):
        record.starting(name, number)
        record.ready(name)
    record.phase("ready")


def test_every_change_is_in_the_file_at_once(state, record) -> None:
    record.starting("etcd", 5)
    run = runfile.read(state.run_file)
    assert run is not None
    assert run == record.run
    assert run.component("etcd").pid == 5
    assert run.supervisor == processes.identify(os.getpid())


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"components": 3}', '"text"'])
def test_a_file_that_is_not_a_run_reads_as_none(state, content: str) -> None:
    state.run_file.write_text(content)
    assert runfile.read(state.run_file) is None


def test_no_file_reads_as_none(state) -> None:
    assert runfile.read(state.run_file) is None


def test_a_component_that_dies_makes_the_cluster_degraded_and_shows_its_last_lines(state, record) -> None:
    all_ready(record)
    state.log("etcd").write_text("".join(f"line {number}\n" for number in range(100)))
    record.ended(record.run.component("etcd").pid, 9)
    seen = now(state)
    assert seen.state == "degraded"
    assert "etcd ended" in seen.message
    assert "local down" in seen.message
    etcd = next(one for one in seen.components if one.name == "etcd")
    assert (etcd.state, etcd.detail) == ("exited", "killed by signal 9 (Killed)")
    assert etcd.last_lines[-1] == "line 99"
    assert len(etcd.last_lines) == 8


def test_orphans_that_end_change_nothing(state, record) -> None:
    all_ready(record)
    before = record.run
    record.ended(77, 0)
    assert record.run == before


def test_a_component_that_ended_is_not_ready_however_late_its_answer(record) -> None:
    record.starting("etcd", 5)
    record.ended(5, EXIT_1)
    record.ready("etcd")
    assert record.run.component("etcd").state == "exited"
    with pytest.raises(StartError, match="etcd ended while it was starting: exit status 1"):
        record.check_alive("etcd")


def test_a_run_whose_supervisor_is_another_process_by_now_is_dead(state, record) -> None:
    all_ready(record)
    content = state.run_file.read_text()
    start = record.run.supervisor.start
    state.run_file.write_text(content.replace(f'"start": {start}', f'"start": {start - 1}'))
    seen = now(state)
    assert seen.state == "dead"
    assert not seen.running
    assert "local down" in seen.message
    assert {one.state for one in seen.components} == {"gone"}


def test_a_ready_run_has_urls_and_the_memory_of_all_its_processes(state, record) -> None:
    all_ready(record)
    seen = now(state)
    assert seen.state == "ready"
    assert seen.api == "https://127.0.0.1:1001"
    assert seen.front_door == "http://127.0.0.1:1002"
    assert seen.memory > 0


def test_following_a_start_tells_each_change_once(state, record, told) -> None:
    record.starting("etcd", 5)
    record.ready("etcd")
    record.absent(AGENT, "not wanted")
    record.phase("ready")
    startup.watch(state, lambda: None, told.append)
    assert [(one.step, one.state) for one in told] == [("etcd", "done"), (AGENT, "skipped")]


def test_following_a_start_that_fails_gives_the_reason(state, record, told) -> None:
    record.phase("failed", "etcd ended while it was starting")
    with pytest.raises(StartError, match="etcd ended while it was starting"):
        startup.watch(state, lambda: None, told.append)


def test_following_a_start_ends_when_the_supervisor_is_gone(state, told) -> None:
    def gone() -> None:
        raise StartError("gone")

    with pytest.raises(StartError, match="gone"):
        startup.watch(state, gone, told.append)


@pytest.mark.parametrize(
    ("seen", "message"),
    [("ready", "already running"), ("degraded", "already running"), ("starting", "is starting")],
)
def test_a_taken_directory_is_explained_by_what_runs_there(seen: status.Overall, message: str) -> None:
    text = " ".join(startup.already(status.Status(seen, "", Path("/state"))))
    assert message in text
    assert "/state" in text
