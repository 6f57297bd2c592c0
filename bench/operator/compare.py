"""What the operator costs on a real API server: memory, CPU for each event next to kopf's, CPU at rest.

    python bench/operator/compare.py --endpoints 500 --pods 2000 --events 2000 --rounds 3

First the operator takes all endpoints from nothing; its resident memory counts, and its peak. Then the
rounds: in each, every contender is started anew, in random order, sees all objects, rests, and sees the same
number of changes of pods. The API server shares the machine, so rates say little: read CPU time, which is the
contender's own, and the ratios. kopf is installed from `requirements.txt`, by hash, into the user's cache.
"""

import argparse
import asyncio
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "router"))  # how a process is measured

import world
from contenders import BARE, WHOLE, Contender, default_cache, environment, everyone, operator
from measuring import cpu_seconds, memory_mib

from hyperpod_inference.kube.client import Client

Row = dict[str, float]
FLAT = 0.03
"""Seconds of CPU within a second below which a process counts as resting."""


@contextmanager
def started(contender: Contender, log: Path) -> Iterator[int]:
    """Its process id; ended at the end, in order: a lease that is left would keep the next one waiting.

    Its words go to `log`.
    """
    environ = os.environ | contender.environ
    with log.open("ab") as out:
        process = subprocess.Popen(
            contender.command, env=environ, stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield process.pid
        if process.poll() is not None:
            raise SystemExit(f"{contender.name} ended with {process.returncode}; see {log}")
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def resting(pid: int, seconds: float) -> None:
    """Until the process hardly uses the CPU for three seconds on end, or for so long."""
    calm, before = 0, cpu_seconds(pid)
    deadline = time.monotonic() + seconds
    while calm < 3 and time.monotonic() < deadline:
        await asyncio.sleep(1)
        now = cpu_seconds(pid)
        calm, before = (calm + 1 if now - before <= FLAT else 0), now


def peak_mib(pid: int) -> int:
    """The largest resident set so far."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")), 0)


async def from_nothing(kubeconfig: Path, client: Client, options: argparse.Namespace, log: Path) -> Row:
    """The operator meets all endpoints at once, then all pods."""
    with started(operator(kubeconfig), log) as pid:
        began = time.monotonic()
        await world.make_endpoints(client, options.endpoints)
        await world.until(lambda: world.judged(client, options.endpoints), 60 + 6 * options.endpoints)
        seconds = time.monotonic() - began
        await world.make_pods(client, options.endpoints, options.pods)
        await resting(pid, 300)
        return {"seconds": seconds, "memory": memory_mib(pid), "peak": peak_mib(pid), "cpu": cpu_seconds(pid)}


async def one_round(contender: Contender, client: Client, options: argparse.Namespace, log: Path) -> Row:
    """Start, look at everything, rest, take the events."""
    pods = await world.pods_of_endpoints(client)
    with started(contender, log) as pid:
        await asyncio.sleep(2)
        await resting(pid, 300)
        start = cpu_seconds(pid)
        await asyncio.sleep(options.idle)
        before = cpu_seconds(pid)
        await world.change_pods(client, pods, options.events)
        await resting(pid, 120)
        used = cpu_seconds(pid) - before
        return {
            "start": start,
            "idle": (before - start) / options.idle * 100,
            "event": used / options.events * 1e3,
            "memory": memory_mib(pid),
            "peak": peak_mib(pid),
        }


async def compare(options: argparse.Namespace) -> str:
    """Everything, on a control plane of its own; the report."""
    rng = random.Random(options.seed)  # noqa: S311 - the same order in every run
    peers = options.peers or environment(default_cache())
    with tempfile.TemporaryDirectory(prefix="bench-operator-") as folder:
        log = options.log or Path(folder) / "contenders.log"
        async with world.cluster(Path(folder) / "cluster") as (kubeconfig, client):
            first = await from_nothing(kubeconfig, client, options, log)
            tell(f"from nothing: {first}")
            found = [each for each in everyone(kubeconfig, peers) if chosen(each, options.only)]
            rounds: dict[str, list[Row]] = {each.name: [] for each in found}
            for number in range(options.rounds):
                for contender in rng.sample(found, len(found)):
                    row = await one_round(contender, client, options, log)
                    tell(f"round {number + 1}: {contender.name}: {row}")
                    rounds[contender.name].append(row)
    return report(options, first, rounds)


def chosen(contender: Contender, only: list[str] | None) -> bool:
    """Whether it takes part; ours always do, since the ratios refer to them."""
    return contender.name in (WHOLE, BARE) or not only or any(word in contender.name for word in only)


def tell(line: str) -> None:
    """Progress, beside the report."""
    sys.stderr.write(f"{line}\n")


def report(options: argparse.Namespace, first: Row, rounds: dict[str, list[Row]]) -> str:
    """Medians over the rounds; ours against each, bare against bare and whole against bare."""
    middles = {name: middle(rows) for name, rows in rounds.items()}
    lines = [
        f"{options.endpoints} endpoints, {options.pods} pods, {options.events} events, "
        f"{options.rounds} rounds.",
        "",
        f"From nothing: all endpoints judged after {first['seconds']:.0f} s and, pods included, "
        f"{first['cpu']:.1f} s of CPU; then {first['memory']:.0f} MiB resident, "
        f"{first['peak']:.0f} at the peak.",
        "",
        "| contender | CPU ms/event, median (range) | runtime / it | operator / it | CPU s to start "
        "| idle CPU % | MiB | peak |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, here in middles.items():
        events = [row["event"] for row in rounds[name]]
        ratios = " | ".join(ratio(middles[ours]["event"], here["event"]) for ours in (BARE, WHOLE))
        lines.append(
            f"| {name} | {here['event']:.3f} ({min(events):.3f}-{max(events):.3f}) | {ratios} "
            f"| {here['start']:.1f} | {here['idle']:.2f} | {here['memory']:.0f} | {here['peak']:.0f} |"
        )
    return "\n".join(lines)


def middle(rows: Sequence[Row]) -> Row:
    """The median of each figure."""
    return {key: statistics.median(row[key] for row in rows) for key in rows[0]}


def ratio(ours: float, theirs: float) -> str:
    """Ours in theirs."""
    return f"{ours / theirs:.2f}" if theirs else ""


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--endpoints", type=int, default=500)
    parser.add_argument("--pods", type=int, default=2000)
    parser.add_argument("--events", type=int, default=2000, help="in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--idle", type=float, default=30.0, help="seconds of rest that are measured")
    parser.add_argument("--peers", type=Path, help="bin folder of an environment with kopf")
    parser.add_argument("--only", action="append", metavar="WORD", help="peers whose name holds it")
    parser.add_argument("--log", type=Path, help="where the contenders' words go")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    sys.stdout.write(asyncio.run(compare(options)) + "\n")


if __name__ == "__main__":
    main()
