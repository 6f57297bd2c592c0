import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hyperpod_inference.local import processes
from hyperpod_inference.local.processes import ProcessId


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["/bin/sh", "-c", "read line", "a word"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_a_living_process_is_known_by_its_number_and_start_time(sleeper: subprocess.Popen[bytes]) -> None:
    identity = processes.identify(sleeper.pid)
    assert identity is not None
    assert processes.alive(identity)


def test_another_process_with_the_same_number_is_not_the_one_that_was_meant() -> None:
    own = processes.identify(os.getpid())
    assert own is not None
    assert not processes.alive(ProcessId(own.pid, own.start - 1))


def test_a_process_that_only_waits_to_be_reaped_is_not_alive() -> None:
    pid = os.posix_spawn("/bin/true", ["true"], {})
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert processes.identify(pid) is None
    os.waitpid(pid, 0)


def test_a_process_that_never_was_has_no_identity_and_no_namespace() -> None:
    assert processes.identify(2**22 + 1) is None
    assert processes.namespace_of(2**22 + 1) is None


def test_members_of_a_namespace_have_memory_and_inner_numbers(sleeper: subprocess.Popen[bytes]) -> None:
    namespace = processes.namespace_of(os.getpid())
    assert namespace is not None
    mine = {member.pid: member for member in processes.members(namespace)}
    assert mine[os.getpid()].inner_pid == os.getpid()
    assert mine[os.getpid()].rss >= mine[os.getpid()].pss > 0
    assert sleeper.pid in mine


def test_processes_of_nested_namespaces_are_members_too(tmp_path: Path) -> None:
    for pid, parent, namespace, numbers in (
        (10, 1, "pid:[7]", "10 1"),  # the cluster's process 1
        (11, 10, "pid:[7]", "11 2"),  # the node agent
        (12, 11, "pid:[8]", "12 3 1"),  # a container's init, in a namespace of its own
        (13, 12, "pid:[8]", "13 4 2"),  # the container's program
        (14, 1, "pid:[6]", "14"),  # somebody else
    ):
        directory = tmp_path / str(pid)
        (directory / "ns").mkdir(parents=True)
        (directory / "ns" / "pid").symlink_to(namespace)
        (directory / "status").write_text(f"PPid:\t{parent}\nNSpid:\t{numbers}\nVmRSS:\t{pid} kB\n")
    found = processes.members("pid:[7]", tmp_path)
    assert {member.pid: member.inner_pid for member in found} == {10: 1, 11: 2, 12: 3, 13: 4}
    assert sum(member.rss for member in found) == (10 + 11 + 12 + 13) * 1024


def test_a_command_is_found_by_whole_arguments_only(sleeper: subprocess.Popen[bytes]) -> None:
    assert sleeper.pid in processes.running_command("/bin/sh", "a word")
    assert sleeper.pid not in processes.running_command("/bin/sh", "a")


def test_the_command_name_may_hold_brackets_and_spaces(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    fields = " ".join(str(number) for number in range(1, 50))
    (tmp_path / "7" / "stat").write_text(f"7 (a) b (c) S {fields}")
    assert processes.identify(7, tmp_path) == ProcessId(7, 19)


def test_own_pid_is_read_from_proc() -> None:
    assert processes.own_host_pid() == os.getpid()
    assert processes.parent(os.getpid()) == os.getppid()
