"""What a request and a streamed chunk cost in this router and its peers: one run, alternating rounds, ratios.

    python bench/router/compare.py --peers PEERS/bin --nginx nginx short long streams-32 streams-256

`--peers` is the bin folder of a venv with sglang-router, vllm-router and smg. Every router stands before the
same four model servers; each round starts it anew, in random order. Load and model servers share the
machine, so throughput and latency say little on a small one: read the CPU time and the instructions (user and
kernel, from `perf`; hardly touched by what else runs) for each request. p50 is the time to the whole answer,
of a stream to its first chunk; "added" is over that of the contender "no router".
"""

import argparse
import asyncio
import json
import random
import signal
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop
from contenders import Contender, everyone, started
from load import Result, run
from measuring import Used, using

HERE = Path(__file__).parent
FIRST_PORT = 18310
BACKENDS = [18301, 18302, 18303, 18304]
Row = dict[str, float]


@dataclass(frozen=True)
class Scenario:
    """A kind of load."""

    clients: int
    requests: int
    characters: int
    stream: bool = False
    pause: float = 0.02
    """Seconds between two chunks."""
    chunks: int = 60

    @property
    def spread(self) -> float:
        """Seconds over which the clients begin."""
        return self.pause * self.chunks if self.stream else 0.0


SCENARIOS = {
    "short": Scenario(32, 6000, 200),
    "long": Scenario(8, 800, 128_000),
    "streams-32": Scenario(32, 128, 200, stream=True),
    "streams-256": Scenario(256, 512, 200, stream=True, pause=0.16),
    "memory": Scenario(32, 1_000_000, 2000),
}


def chats(scenario: Scenario, different: int, rng: random.Random) -> list[bytes]:
    """Chat requests whose prompts share three quarters and differ in the rest."""
    shared = "".join(rng.choices("abcdefghij ", k=scenario.characters * 3 // 4))
    made = []
    for _ in range(different):
        own = "".join(rng.choices("abcdefghij ", k=scenario.characters - len(shared)))
        body = {"model": "m", "messages": [{"role": "user", "content": shared + own}], "max_tokens": 16}
        data = json.dumps(body | ({"stream": True} if scenario.stream else {})).encode()
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        made.append(head + b"Content-Length: %d\r\n\r\n%b" % (len(data), data))
    return made


async def answers(port: int, request: bytes) -> bool:
    """Does the router serve a request by now? Also lets it learn its workers."""
    for _ in range(150):
        try:
            result = await asyncio.wait_for(run(port, [request], 4, 1), 20)
            if result.answers == 4 and not result.errors:
                return True
        except (OSError, TimeoutError):
            pass
        await asyncio.sleep(0.2)
    return False


async def measure(
    contender: Contender, scenario: Scenario, requests: list[bytes], count: int, *, perf: bool
) -> Row | None:
    """One round of one contender, freshly started."""
    plain = chats(Scenario(1, 1, 200), 1, random.Random(0))[0]  # noqa: S311 - a warm-up
    with started(contender.command) as pid:
        if not await answers(contender.port, plain):
            return None
        warm = requests if scenario.stream else requests[: max(len(requests), 1)]
        await run(contender.port, warm, min(count // 5 + scenario.clients, 1000), scenario.clients)
        with using(pid, perf=perf) as used:
            result = await run(contender.port, requests, count, scenario.clients, scenario.spread)
        return row(result, used)


def row(result: Result, used: Used) -> Row:
    """Figures for each request, or for each chunk of streams."""
    each = max(result.chunks or result.answers, 1)
    times = result.first_bytes or result.latencies
    return {
        "cpu": used.cpu_seconds / each * 1e6,
        "instructions": used.instructions / each / 1e3,
        "rate": each / used.wall_seconds,
        "p50": statistics.median(times) * 1e3,
        "errors": result.errors,
        "before": used.memory_before_mib,
        "memory": used.memory_mib,
    }


async def compare(options: argparse.Namespace, name: str) -> str:
    """All rounds of one scenario; the table."""
    scenario, rng = SCENARIOS[name], random.Random(options.seed)  # noqa: S311 - the same in every run
    requests = chats(scenario, options.different, rng)
    count = max(int(scenario.requests * options.share), scenario.clients)
    urls = [f"127.0.0.1:{port}" for port in BACKENDS]
    found = everyone(urls, options.peers, options.nginx, ["prefixaware", "roundrobin"], FIRST_PORT)
    if options.only:
        found = [each for each in found if any(word in each.name for word in options.only)]
    rounds: dict[str, list[Row]] = {contender.name: [] for contender in found}
    server = [sys.executable, str(HERE / "backend.py"), str(scenario.chunks), str(scenario.pause)]
    with started([*server, *map(str, BACKENDS)]):
        for number in range(options.rounds):
            for contender in rng.sample(found, len(found)):
                got = await measure(contender, scenario, requests, count, perf=options.perf)
                sys.stderr.write(f"{name} round {number + 1}: {contender.name}: {got}\n")
                if got:
                    rounds[contender.name].append(got)
    unit = "chunk" if scenario.stream else "request"
    what = f"{count} requests, {scenario.clients} clients, {scenario.characters} characters"
    return f"### {name}: {what}, {options.rounds} rounds\n\n{table(rounds, unit)}\n"


def table(rounds: dict[str, list[Row]], unit: str) -> str:
    """Medians over the rounds, the range of the CPU figure, and ours against each."""
    lines = [
        f"| router | CPU us/{unit}, median (range) | ours / it | k instructions/{unit} | ours / it "
        f"| {unit}s/s | p50 ms | added ms | errors | MiB before, after |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    middles = {name: middle(found) for name, found in rounds.items()}
    ours, direct = next(iter(middles.values())), middles.get("no router", {}).get("p50")
    for name, found in rounds.items():
        if not found:
            lines.append(f"| {name} | did not start | | | | | | | | |")
            continue
        here, cpu = middles[name], [each["cpu"] for each in found]
        added = "" if direct is None else f"{here['p50'] - direct:.2f}"
        lines.append(
            f"| {name} | {here['cpu']:.0f} ({min(cpu):.0f}-{max(cpu):.0f}) | {ratio(ours, here, 'cpu')} "
            f"| {here['instructions']:.0f} | {ratio(ours, here, 'instructions')} "
            f"| {here['rate']:.0f} | {here['p50']:.2f} | {added} "
            f"| {sum(each['errors'] for each in found):.0f} | {here['before']:.0f}, {here['memory']:.0f} |"
        )
    return "\n".join(lines)


def middle(found: Sequence[Row]) -> Row:
    """The median of each figure."""
    return {key: statistics.median(each[key] for each in found) for key in found[0]} if found else {}


def ratio(ours: Row, theirs: Row, key: str) -> str:
    """Ours in theirs."""
    return f"{ours[key] / theirs[key]:.2f}" if theirs.get(key) else ""


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenarios", nargs="+", choices=SCENARIOS)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--nginx")
    parser.add_argument("--only", action="append", metavar="WORD", help="contenders whose name holds it")
    parser.add_argument("--no-perf", dest="perf", action="store_false", help="times without its cost")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--share", type=float, default=1.0, help="of the requests of each scenario")
    parser.add_argument("--different", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    for name in options.scenarios:
        sys.stdout.write(uvloop.run(compare(options, name)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
