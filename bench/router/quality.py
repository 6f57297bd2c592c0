"""How well the routers choose: the time to the first token, on simulated replicas with real prefix caches.

    python bench/router/quality.py --peers PEERS/bin --rounds 2 conversation documents unique hot

Real router processes, the same load for all within a round, a new seed in each round, cold caches. The
replicas cost time only for prompt tokens that are not in their cache (12,000 a second, one prompt after the
other) and 40 tokens a second for answers. The time to the first token is that of the replicas' own clock,
counted from when a request comes: waiting and prefill. What clients saw stands beside it; a machine that is
busy with other things adds to that. `--scale` runs all of it so much faster; times are told as if it did not.
"""

import argparse
import asyncio
import itertools
import json
import random
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import aiohttp
import uvloop
from contenders import Contender, everyone, started
from replicas import HOSTS
from traces import TRACES, Session

HERE = Path(__file__).parent
PORT, FIRST_PORT = 18400, 19310
BETWEEN = 500
"""Between the ports of two routers."""
Row = dict[str, float]


class Fleet:
    """The replicas' process."""

    def __init__(self, count: int, scale: float, blocks: int) -> None:
        command = [sys.executable, str(HERE / "replicas.py"), str(count), str(PORT), str(scale), str(blocks)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout  # noqa: S101
        self._process.stdout.readline()

    def counts(self) -> list[dict[str, float]]:
        """What each cache was asked for and found, in tokens; first tokens and the seconds they took."""
        assert self._process.stdin and self._process.stdout  # noqa: S101
        self._process.stdin.write("{}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


async def play(ports: list[int], sessions: list[Session], scale: float) -> tuple[list[float], int]:
    """Seconds to the first token of each request, and how many failed; requests take turns over `ports`."""
    turns = itertools.cycle(ports)
    times: list[float] = []
    failed = 0
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=300)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as client:

        async def one(session: Session) -> None:
            nonlocal failed
            messages: list[dict[str, str]] = []
            for turn in session.turns:
                await asyncio.sleep(turn.wait / scale)
                messages.append({"role": "user", "content": turn.text})
                body = {"model": "simulated", "messages": messages, "max_tokens": turn.tokens, "stream": True}
                began, first, answer = time.perf_counter(), 0.0, []
                try:
                    url = f"http://127.0.0.1:{next(turns)}/v1/chat/completions"
                    async with client.post(url, json=body) as answered:
                        async for line in answered.content:
                            if line.startswith(b"data: {"):
                                first = first or time.perf_counter() - began
                                answer.append(
                                    json.loads(line[6:])["choices"][0]["delta"].get("content") or ""
                                )
                except (aiohttp.ClientError, TimeoutError):
                    first = 0.0
                if not first:
                    failed += 1
                    return
                times.append(first * scale)
                messages.append({"role": "assistant", "content": "".join(answer)})

        await asyncio.gather(*[one(session) for session in sessions])
    return times, failed


def moved(command: list[str], by: int) -> list[str]:
    """The same router on other ports."""
    options = ("--port", "--admin-port", "--prometheus-port")
    pairs = zip(["", *command], command, strict=False)
    return [str(int(word) + by) if before in options else word for before, word in pairs]


async def ready(port: int) -> bool:
    """Does the router serve by now?"""
    body = {"model": "simulated", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}
    for _ in range(150):
        try:
            async with (
                aiohttp.ClientSession() as client,
                client.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=body) as answered,
            ):
                if answered.status == 200:
                    await asyncio.sleep(3)  # some routers learn of their workers one after the other
                    return True
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.2)
    return False


async def measure(contender: Contender, sessions: list[Session], options: argparse.Namespace) -> Row | None:
    """One contender, on cold replicas."""
    fleet = Fleet(options.replicas, options.scale, options.blocks)
    try:
        with ExitStack() as stack:
            ports = [contender.port + BETWEEN * number for number in range(options.routers)]
            for port in ports:
                stack.enter_context(started(moved(contender.command, port - contender.port)))
                if not await ready(port):
                    return None
            times, failed = await play(ports, sessions, options.scale)
        counts = fleet.counts()
    finally:
        fleet.stop()
    work = [each["queried"] - each["hit"] for each in counts]
    return {
        "mean": sum(each["seconds"] for each in counts) / sum(each["answers"] for each in counts),
        "wall": statistics.mean(times),
        "hit": sum(each["hit"] for each in counts) / sum(each["queried"] for each in counts),
        "uneven": max(work) / statistics.mean(work), "failed": failed,
    }  # fmt: skip


async def compare(name: str, options: argparse.Namespace) -> str:
    """All rounds of one trace; the table."""
    urls = [f"{host}:{PORT}" for host in HOSTS[: options.replicas]]
    found = everyone(urls, options.peers, None, ["prefixaware", "kvaware", "roundrobin"], FIRST_PORT)
    found = [each for each in found if each.command and any(word in each.name for word in options.only)]
    rounds: dict[str, list[Row]] = {each.name: [] for each in found}
    for number in range(options.rounds):
        rng = random.Random(f"{name} {options.seed + number}")  # noqa: S311 - the same load for all
        sessions = TRACES[name](options.requests, rng)
        for contender in rng.sample(found, len(found)):
            got = await measure(contender, sessions, options)
            sys.stderr.write(f"{name} round {number + 1}: {contender.name}: {got}\n")
            if got:
                rounds[contender.name].append(got)
    return f"### {name}\n\n{table(rounds)}\n"


def table(rounds: dict[str, list[Row]]) -> str:
    """Means over the rounds, and ours against each in the mean time to the first token."""
    lines = [
        "| router | mean TTFT s (each round) | ours / it | seen by clients s | hit ratio | work max/mean "
        "| failed |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    ours = [row["mean"] for row in next(iter(rounds.values()))]
    for name, rows in rounds.items():
        if not rows:
            lines.append(f"| {name} | did not start | | | | | |")
            continue
        means = [row["mean"] for row in rows]
        middle = {key: statistics.mean(row[key] for row in rows) for key in rows[0]}
        each = ", ".join(f"{mean:.3f}" for mean in means)
        ratio = f"{statistics.mean(ours) / statistics.mean(means):.2f}" if len(ours) == len(means) else ""
        lines.append(
            f"| {name} | {statistics.mean(means):.3f} ({each}) | {ratio} | {middle['wall']:.3f} "
            f"| {middle['hit']:.2f} | {middle['uneven']:.2f} | {middle['failed']:.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("traces", nargs="+", choices=TRACES)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--only", action="append", metavar="WORD", help="contenders whose name holds it")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--replicas", type=int, default=8)
    parser.add_argument("--routers", type=int, default=1, help="of each kind, side by side")
    parser.add_argument("--blocks", type=int, default=8192, help="of each replica's cache, 16 tokens each")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=11)
    options = parser.parse_args()
    options.only = options.only or ["hyperpod", "sglang-router cache_aware", "smg cache_aware"]
    for name in options.traces:
        sys.stdout.write(uvloop.run(compare(name, options)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
