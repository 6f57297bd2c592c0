"""CPU per request of this router and its peers, in one run, in alternating rounds.

    python bench/router/compare.py --peers /tmp/peers/bin --rounds 3

`--peers` is the bin folder of a venv with sglang-router, vllm-router and smg. Each router stands before the
same four model servers. CPU is that of the router's process tree, from /proc. Load and model servers share
the machine, so throughput and latency say little on a small one: CPU per request is the figure to read.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop
from load import run

HERE = Path(__file__).parent
BACKENDS = [18301, 18302, 18303, 18304]
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Contender:
    """A router: its name and command."""

    name: str
    command: list[str]
    port: int


def contenders(peers: Path | None) -> list[Contender]:
    """Ourselves, and those peers that are installed."""
    urls = [f"http://127.0.0.1:{port}" for port in BACKENDS]
    ours = [str(Path(sys.executable).parent / "hyperpod-router"), "serve", "--host", "127.0.0.1"]
    ours += [argument for port in BACKENDS for argument in ("--replica", f"127.0.0.1:{port}")]
    found = [
        Contender("hyperpod-router prefixaware", [*ours, "--port", "18310", "--admin-port", "18311"], 18310),
        Contender(
            "hyperpod-router roundrobin",
            [*ours, "--strategy", "roundrobin", "--port", "18312", "--admin-port", "18313"], 18312,
        ),
    ]  # fmt: skip
    port = 18320
    for binary, arguments, policies in (
        ("sglang-router", ["launch"], ["cache_aware", "round_robin"]),
        ("vllm-router", [], ["round_robin"]),
        ("smg", ["launch"], ["cache_aware"]),
    ):
        for policy in policies:
            if peers is not None and (peers / binary).exists():
                command = [str(peers / binary), *arguments, "--host", "127.0.0.1", "--port", str(port)]
                command += ["--policy", policy, "--worker-urls", *urls, "--prometheus-port", str(port + 1)]
                found.append(Contender(f"{binary} {policy}", [*command, "--log-level", "error"], port))
                port += 2
    return found


def chats(characters: int, different: int, rng: random.Random) -> list[bytes]:
    """Chat requests whose prompts share three quarters and differ in the rest."""
    shared = "".join(rng.choices("abcdefghij ", k=characters * 3 // 4))
    made = []
    for _ in range(different):
        own = "".join(rng.choices("abcdefghij ", k=characters - len(shared)))
        body = {"model": "m", "messages": [{"role": "user", "content": shared + own}], "max_tokens": 16}
        data = json.dumps(body).encode()
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        made.append(head + b"Content-Length: %d\r\n\r\n%b" % (len(data), data))
    return made


def cpu_seconds(pid: int) -> float:
    """User and system time of a process tree."""
    total, waiting = 0, [pid]
    while waiting:
        each = waiting.pop()
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            for task in Path(f"/proc/{each}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except FileNotFoundError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def memory_mib(pid: int) -> int:
    """Resident memory of the main process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) // 1024
    return 0


@contextmanager
def started(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own, killed as one."""
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


async def answers(port: int, request: bytes) -> bool:
    """Does the router serve a request by now?"""
    for _ in range(150):
        try:
            result = await asyncio.wait_for(run(port, [request], 4, 1), 5)
            if result.answers == 4 and not result.errors:
                return True
        except (OSError, TimeoutError):
            pass
        await asyncio.sleep(0.2)
    return False


async def measure(
    contender: Contender, requests: list[bytes], count: int, clients: int
) -> dict[str, float] | None:
    """One round of one contender, freshly started."""
    with started(contender.command) as process:
        if not await answers(contender.port, requests[0]):
            return None
        await run(contender.port, requests, min(count // 5, 500), clients)
        before, began = cpu_seconds(process.pid), time.perf_counter()
        result = await run(contender.port, requests, count, clients)
        wall = time.perf_counter() - began
        used = cpu_seconds(process.pid) - before
        return {
            "cpu": used / count * 1e6,
            "rate": count / wall,
            "p50": statistics.median(result.latencies) * 1e3,
            "errors": result.errors,
            "memory": memory_mib(process.pid),
        }


async def compare(options: argparse.Namespace) -> None:
    """All rounds, then the table on standard output."""
    rng = random.Random(options.seed)  # noqa: S311  # the same prompts in every run
    requests = chats(options.characters, options.different, rng)
    everyone = contenders(options.peers)
    rounds: dict[str, list[dict[str, float]]] = {contender.name: [] for contender in everyone}
    with started([sys.executable, str(HERE / "backend.py"), *map(str, BACKENDS)]):
        for number in range(options.rounds):
            for contender in rng.sample(everyone, len(everyone)):
                found = await measure(contender, requests, options.requests, options.clients)
                sys.stderr.write(f"round {number + 1}: {contender.name}: {found}\n")
                if found:
                    rounds[contender.name].append(found)
    sys.stdout.write(table(rounds) + "\n")


def table(rounds: dict[str, list[dict[str, float]]]) -> str:
    """Medians over the rounds, and the range of the CPU figure."""
    lines = [
        "| router | CPU us/request, median (range) | ours / it | requests/s | p50 ms | errors | MiB |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    base = statistics.median(found["cpu"] for found in next(iter(rounds.values())))
    for name, found in rounds.items():
        if not found:
            lines.append(f"| {name} | did not start | | | | | |")
            continue
        middle = {key: statistics.median(each[key] for each in found) for key in found[0]}
        cpu = [each["cpu"] for each in found]
        lines.append(
            f"| {name} | {middle['cpu']:.0f} ({min(cpu):.0f}-{max(cpu):.0f}) | {base / middle['cpu']:.2f} "
            f"| {middle['rate']:.0f} | {middle['p50']:.1f} | {sum(e['errors'] for e in found):.0f} "
            f"| {middle['memory']:.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--characters", type=int, default=200)
    parser.add_argument("--different", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    uvloop.run(compare(parser.parse_args()))


if __name__ == "__main__":
    main()
