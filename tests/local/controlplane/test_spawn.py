import os
import signal
from pathlib import Path

import pytest

from hyperpod_inference.local import spawn


def ended(pid: int) -> int:
    return os.waitpid(pid, 0)[1]


def test_output_is_appended_to_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    for word in ("one", "two"):
        ended(spawn.spawn(("/bin/sh", "-c", f"echo {word}; echo {word} >&2"), log))
    assert log.read_text().split() == ["one", "one", "two", "two"]
    assert log.stat().st_mode & 0o777 == 0o600


def test_descriptors_arrive_under_the_numbers_asked_for_even_when_they_cross(tmp_path: Path) -> None:
    log = tmp_path / "log"
    pipes = [os.pipe() for _ in range(2)]
    (first_read, first_write), (second_read, second_write) = pipes
    os.write(first_write, b"first\n")
    os.write(second_write, b"second\n")
    script = "read a <&3; read b <&4; echo $a $b"
    numbers = {3: second_read, 4: first_read}
    ended(spawn.spawn(("/bin/sh", "-c", script), log, descriptors=numbers))
    assert log.read_text() == "second first\n"
    for fd in (first_read, first_write, second_read, second_write):
        os.close(fd)


def test_nothing_else_is_inherited_and_the_session_is_new(tmp_path: Path) -> None:
    log = tmp_path / "log"
    pid = spawn.spawn(("/bin/sh", "-c", "ls /proc/self/fd; ps -o sid= -p $$"), log)
    ended(pid)
    *fds, session = log.read_text().split()
    assert set(fds) <= {"0", "1", "2", "3"}  # 3 is the directory that ls reads
    assert int(session) == pid


def test_a_program_that_does_not_exist_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        spawn.spawn((str(tmp_path / "nothing"),), tmp_path / "log")


@pytest.mark.parametrize(
    ("script", "words"),
    [("exit 0", "exit status 0"), ("exit 3", "exit status 3"), ("kill -9 $$", "killed by signal 9 (Killed)")],
)
def test_an_exit_is_put_in_words(tmp_path: Path, script: str, words: str) -> None:
    assert spawn.describe_exit(ended(spawn.spawn(("/bin/sh", "-c", script), tmp_path / "log"))) == words


def test_reaping_tells_the_living_from_the_ended(tmp_path: Path) -> None:
    pid = spawn.spawn(("/bin/sleep", "60"), tmp_path / "log")
    assert not spawn.reap(pid)
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert spawn.reap(pid)
    assert spawn.reap(pid)  # not ours any more: as good as gone
