"""What a router used: CPU time from /proc, instructions from `perf` where it is there, memory."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Used:
    """Between the two ends of `using`."""

    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    instructions: float = 0.0
    """Of user code and kernel; 0 without perf."""
    memory_before_mib: int = 0
    memory_mib: int = 0


def tree(pid: int) -> list[int]:
    """A process and its descendants."""
    found, waiting = [], [pid]
    while waiting:
        each = waiting.pop()
        try:
            for task in Path(f"/proc/{each}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except FileNotFoundError:
            continue
        found.append(each)
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of a process tree."""
    total = 0
    for each in tree(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def memory_mib(pid: int) -> int:
    """Resident memory of a process tree."""
    lines = [line for each in tree(pid) for line in Path(f"/proc/{each}/status").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) // 1024


@contextmanager
def using(pid: int, *, perf: bool = True) -> Iterator[Used]:
    """What the process tree uses inside the block; all 0 for pid 0. Under `perf` it is slower."""
    used = Used()
    began = time.perf_counter()
    if not pid:
        yield used
        used.wall_seconds = time.perf_counter() - began
        return
    counting = None
    if perf and shutil.which("perf"):
        command = ["perf", "stat", "-x", ",", "-e", "instructions:u,instructions:k", "-p"]
        command.append(",".join(map(str, tree(pid))))
        counting = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        time.sleep(0.5)  # until it is attached
    used.memory_before_mib = memory_mib(pid)
    before, began = cpu_seconds(pid), time.perf_counter()
    yield used
    used.wall_seconds = time.perf_counter() - began
    used.cpu_seconds = cpu_seconds(pid) - before
    used.memory_mib = memory_mib(pid)
    if counting is not None:
        counting.send_signal(2)
        _, text = counting.communicate()
        counts = [line.split(",")[0] for line in text.splitlines() if "instructions" in line]
        used.instructions = float(sum(int(count) for count in counts if count.isdigit()))
