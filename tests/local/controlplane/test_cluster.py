"""The life of a cluster: every test here starts a real control plane of its own."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hyperpod_inference.local import processes, runfile
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.errors import AlreadyRunningError, PortInUseError, StartError
from hyperpod_inference.local.paths import StateDir
from hyperpod_inference.local.progress import Progress

pytestmark = pytest.mark.cluster


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[LocalCluster]:
    """A control plane that is not started yet and ends with the test."""
    cluster = LocalCluster(tmp_path / "state", node_agent=False)
    yield cluster
    cluster.down()


def eventually(condition: Callable[[], bool], patience: float = 30.0) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "not within the time allowed"
        time.sleep(0.02)


def run_of(cluster: LocalCluster) -> runfile.Run:
    run = runfile.read(StateDir(cluster.state_dir).run_file)
    assert run is not None
    return run


def inside(cluster: LocalCluster) -> dict[int, int]:
    """The processes of the cluster: the number inside its namespace to the number on the host."""
    namespace = processes.namespace_of(run_of(cluster).supervisor.pid)
    assert namespace is not None
    return {member.inner_pid: member.pid for member in processes.members(namespace)}


def host_pid(cluster: LocalCluster, component: str) -> int:
    return inside(cluster)[run_of(cluster).component(component).pid]


def state_of(cluster: LocalCluster, component: str) -> str:
    return next(one.state for one in cluster.status().components if one.name == component)


def port(url: str | None) -> int:
    assert url is not None
    return int(url.rpartition(":")[2])


def answers(number: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", number), timeout=5):
        return True
    return False


def nothing_left(cluster: LocalCluster, pids: set[int]) -> None:
    assert not {pid for pid in pids if processes.identify(pid)}
    assert not processes.running_command(str(cluster.state_dir))
    assert {path.name for path in cluster.state_dir.iterdir()} <= {"lock", "logs"}


def interrupt_at(step: str, before: Callable[[], object]) -> Callable[[Progress], None]:
    """A report that interrupts, as Ctrl-C does, when a step has started."""

    def report(progress: Progress) -> None:
        if (progress.step, progress.state) == (step, "started"):
            before()
            raise KeyboardInterrupt

    return report


def test_a_cluster_comes_up_refuses_a_second_start_and_goes_down_without_a_trace(
    cluster: LocalCluster, told: list[Progress]
) -> None:
    cluster.up(told.append, stay=False)
    status = cluster.status()
    assert (status.state, status.running) == ("ready", True)
    assert [one.step for one in told if one.state == "done"][:3] == [
        "control plane binaries",
        "etcd",
        "kube-apiserver",
    ]
    ports = {port(status.api), port(status.front_door)}
    pids = set(inside(cluster).values()) | {run_of(cluster).launcher.pid}
    assert all(answers(number) for number in ports)
    assert status.memory > 100 * 2**20

    with pytest.raises(AlreadyRunningError) as caught:
        LocalCluster(cluster.state_dir).up()
    assert "already running" in str(caught.value)
    assert "local down" in str(caught.value)
    assert cluster.status().state == "ready"

    assert LocalCluster(cluster.state_dir).down()
    nothing_left(cluster, pids)
    assert not any(answers(number) for number in ports)
    assert cluster.status().state == "stopped"
    assert not cluster.down()


def test_a_killed_component_is_shown_and_down_cleans_up(cluster: LocalCluster) -> None:
    cluster.up(stay=False)
    os.kill(host_pid(cluster, "kube-scheduler"), signal.SIGKILL)
    eventually(lambda: state_of(cluster, "kube-scheduler") == "exited")
    status = cluster.status()
    assert status.state == "degraded"
    assert "kube-scheduler ended" in status.message
    (ended,) = (one for one in status.components if one.name == "kube-scheduler")
    assert ended.detail == "killed by signal 9 (Killed)"
    pids = set(inside(cluster).values())
    cluster.down()
    nothing_left(cluster, pids)


def test_a_killed_supervisor_takes_everything_along_and_a_new_start_is_possible(
    cluster: LocalCluster,
) -> None:
    cluster.up(stay=False)
    pids = set(inside(cluster).values())
    os.kill(run_of(cluster).supervisor.pid, signal.SIGKILL)
    eventually(lambda: not any(processes.identify(pid) for pid in pids))
    status = cluster.status()
    assert status.state == "dead"
    assert "local down" in status.message
    with pytest.raises(KeyboardInterrupt):
        cluster.up(interrupt_at("kube-apiserver", lambda: None))
    nothing_left(cluster, pids)


def test_a_port_in_use_is_known_before_anything_is_started(tmp_path: Path, told: list[Progress]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        cluster = LocalCluster(tmp_path / "state", front_door_port=number, node_agent=False)
        with pytest.raises(PortInUseError, match=f"port {number} on 127.0.0.1 is in use"):
            cluster.up(told.append)
    assert not [one for one in told if one.step == "etcd"]
    nothing_left(cluster, set())


def test_a_component_that_cannot_start_fails_the_start_with_its_last_words(tmp_path: Path) -> None:
    assets = tmp_path / "assets"
    assets.mkdir()
    for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"):
        (assets / name).write_text("#!/bin/sh\necho the disk is full\nexit 7\n")
        (assets / name).chmod(0o755)
    environ = {**os.environ, "KUBEBUILDER_ASSETS": str(assets)}
    cluster = LocalCluster(tmp_path / "state", node_agent=False, environ=environ)
    with pytest.raises(StartError) as caught:
        cluster.up()
    assert "etcd ended while it was starting: exit status 7" in str(caught.value)
    assert "the disk is full" in str(caught.value)
    nothing_left(cluster, set())


def test_an_interrupted_start_leaves_nothing(cluster: LocalCluster) -> None:
    seen: set[int] = set()
    with pytest.raises(KeyboardInterrupt):
        cluster.up(interrupt_at("kube-apiserver", lambda: seen.update(inside(cluster).values())))
    assert seen
    nothing_left(cluster, seen)


STARTER = """
import sys
from pathlib import Path
from hyperpod_inference.local.cluster import LocalCluster

cluster = LocalCluster(Path(sys.argv[1]), node_agent=False)
cluster.up(lambda progress: print(progress.step, progress.state, flush=True), stay=sys.argv[2] == "stay")
print("up", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def starter(cluster: LocalCluster, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that starts the cluster and then waits."""
    argv = [sys.executable, "-c", STARTER, str(cluster.state_dir), *words]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def read_until(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdout is not None
    assert any(one.strip() == line for one in process.stdout)


def test_a_start_that_is_killed_half_way_takes_the_cluster_along(cluster: LocalCluster) -> None:
    with starter(cluster, "stay") as process:
        read_until(process, "kube-apiserver started")
        pids = set(inside(cluster).values())
        with pytest.raises(AlreadyRunningError, match="another `local up` is starting"):
            cluster.up()
        process.kill()
        eventually(lambda: not any(processes.identify(pid) for pid in pids))
    assert cluster.status().state == "dead"
    assert cluster.down()
    nothing_left(cluster, pids)


def test_a_cluster_told_to_leave_ends_with_its_starter(cluster: LocalCluster) -> None:
    with starter(cluster, "leave") as process:
        read_until(process, "up")
        supervisor = run_of(cluster).supervisor
        assert processes.alive(supervisor)
        process.kill()
    eventually(lambda: not processes.alive(supervisor))


def test_a_cluster_told_to_stay_outlives_its_starter_and_down_finds_it_without_its_run_file(
    cluster: LocalCluster,
) -> None:
    with starter(cluster, "stay") as process:
        read_until(process, "up")
        process.kill()
    assert answers(port(cluster.status().api))
    pids = set(inside(cluster).values())
    StateDir(cluster.state_dir).run_file.unlink()
    assert cluster.status().running
    assert cluster.down()
    nothing_left(cluster, pids)
