"""A container has its own file system and process tree, made without root and gone with its agent.

Each test runs in fresh namespaces of an ordinary user, as the local cluster does.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = """
import asyncio, json, sys
from hyperpod_inference.local.agent.process import Launch, Process, StartError, run_in
from hyperpod_inference.local.rootfs import Mount

async def main(raw):
    output = bytearray()
    inside = raw.pop("inside", None)
    raw["mounts"] = tuple(Mount(**each) for each in raw["mounts"])
    try:
        process = await Process.start(Launch(**raw), lambda stream, data: output.extend(data))
    except StartError as error:
        print(json.dumps({"error": str(error)}))
        return
    answer = {}
    if inside:
        answer["inside"] = await run_in(process.pid, inside, raw["env"], 20)
        process.send(15)
    answer |= {"code": await process.ended, "output": output.decode()}
    print(json.dumps(answer))

asyncio.run(main(json.loads(sys.argv[1])))
"""
UNSHARE = ["unshare", "-Urnmpf", "--kill-child", "--"]


def has_namespaces() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(
    not has_namespaces(), reason="this machine does not let users make namespaces"
)


def contain(tmp_path: Path, *argv: str, **more: Any) -> dict[str, Any]:
    """Run a program in a container and say how it ended and what it wrote."""
    stage = tmp_path / "stage"
    stage.mkdir(exist_ok=True)
    launch = {
        "argv": list(argv),
        "env": {"PATH": os.environ["PATH"]},
        "hostname": "pod-0",
        "stage": str(stage),
        "mounts": [],
    }
    done = subprocess.run(
        [*UNSHARE, sys.executable, "-c", SCRIPT, json.dumps(launch | more)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_a_volume_appears_at_a_path_that_the_host_does_not_have(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    (volume / "weights").write_text("42")
    assert not Path("/opt/ml/of-a-test").exists()
    mount = {"source": str(volume), "target": "/opt/ml/of-a-test", "read_only": True}
    script = "cat /opt/ml/of-a-test/weights; echo; touch /opt/ml/of-a-test/x 2>/dev/null || echo refused"
    assert contain(tmp_path, "sh", "-c", script, mounts=[mount]) == {"code": 0, "output": "42\nrefused\n"}
    assert not Path("/opt/ml/of-a-test").exists()


def test_mounts_may_lie_under_links_in_each_other_and_be_files(tmp_path: Path) -> None:
    outer, inner, single = tmp_path / "outer", tmp_path / "inner", tmp_path / "single"
    outer.mkdir()
    inner.mkdir()
    (inner / "file").write_text("inner")
    single.write_text("single")
    mounts = [
        {"source": str(outer), "target": "/var/run/secrets/of-a-test"},
        {"source": str(inner), "target": "/var/run/secrets/of-a-test/below"},
        {"source": str(single), "target": "/dev/termination-log"},
    ]
    script = """
    cat /run/secrets/of-a-test/below/file
    echo said > /dev/termination-log
    echo out > /var/run/secrets/of-a-test/f"""
    assert contain(tmp_path, "sh", "-c", script, mounts=mounts)["output"] == "inner"
    assert single.read_text() == "said\n"
    assert (outer / "f").read_text() == "out\n"


def test_the_host_is_read_only_and_the_scratch_directory_is_private(tmp_path: Path) -> None:
    (tmp_path / "host-file").write_text("x")
    script = f"""
    echo x 2>/dev/null > /etc/of-a-test || echo no
    test -e {tmp_path}/host-file || echo hidden
    echo y > /tmp/mine && cat /tmp/mine; echo z > /dev/null; hostname"""
    assert contain(tmp_path, "sh", "-c", script)["output"].split() == ["no", "hidden", "y", "pod-0"]


def test_only_the_containers_own_processes_are_seen(tmp_path: Path) -> None:
    script = "sleep 100 & for each in /proc/[0-9]*; do cat $each/comm; done; kill -9 $!"
    names = contain(tmp_path, "sh", "-c", script)["output"].split()
    assert len(names) <= 4
    assert "sh" in names


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137), ("kill -TERM $$", 143)]
)
def test_the_exit_code_is_the_programs(tmp_path: Path, script: str, code: int) -> None:
    assert contain(tmp_path, "sh", "-c", script)["code"] == code


@pytest.mark.parametrize(
    ("argv", "more", "message"),
    [
        (["no-such-program"], {}, 'exec: "no-such-program": no such file or directory'),
        (["true"], {"cwd": "/no/such"}, "workingDir /no/such: no such directory"),
        (["true"], {"mounts": [{"source": "/no/such", "target": "/x"}]}, "/no/such"),
    ],
)
def test_what_cannot_be_started_says_why(tmp_path: Path, argv: list[str], more: Any, message: str) -> None:
    assert message in contain(tmp_path, *argv, **more)["error"]


def test_a_command_can_run_inside_a_running_container_and_sigterm_ends_it(tmp_path: Path) -> None:
    volume = tmp_path / "v"
    volume.mkdir()
    (volume / "f").write_text("seen")
    answer = contain(
        tmp_path,
        *("sleep", "1000"),
        mounts=[{"source": str(volume), "target": "/opt/of-a-test"}],
        inside=["sh", "-c", "cat /opt/of-a-test/f; exit 7"],
    )
    assert answer["inside"] == [7, "seen"]
    assert answer["code"] == 143


AGENT = """
import asyncio, os, sys
from hyperpod_inference.local.agent.process import Launch, Process

async def main():
    sleepers = ["sh", "-c", "sleep 1000 & sleep 1000"]
    launch = Launch(sleepers, {"PATH": os.environ["PATH"]}, hostname="p", stage=sys.argv[1])
    await Process.start(launch, lambda *_: None)
    os.kill(os.getpid(), 9)

asyncio.run(main())
"""
WATCHER = """
import contextlib, os, pathlib, subprocess, sys, time

def left():
    with contextlib.suppress(ChildProcessError):  # process 1 here: orphans are ours to bury
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    return [each.parent.name for each in pathlib.Path("/proc").glob("[0-9]*/comm")
            if int(each.parent.name) != os.getpid()]

print("agent", subprocess.run([sys.executable, "-c", sys.argv[1], sys.argv[2]]).returncode)
end = time.monotonic() + 20
while left() and time.monotonic() < end:
    time.sleep(0.02)
print("left", len(left()))
"""


def test_everything_ends_when_the_agent_is_killed(tmp_path: Path) -> None:
    (tmp_path / "stage").mkdir()
    command = [
        *UNSHARE[:-1],
        "--mount-proc",
        "--",
        sys.executable,
        "-c",
        WATCHER,
        AGENT,
        str(tmp_path / "stage"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == ["agent", "-9", "left", "0"], done.stderr
