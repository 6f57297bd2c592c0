"""How well the routers choose: the time to the first token, on simulated replicas with real prefix caches.

    python bench/router/quality.py --peers PEERS/bin --rounds 3 conversation documents unique hot

Real router processes over real sockets; the same load for all within a round, a new seed in each round, cold
caches. The replicas and the load live on a virtual clock, so neither a busy machine nor a slow router changes
the result: what is compared is the choices. Prompt tokens that are not in a cache cost time (12,000 a second,
one prompt after the other), answers 40 tokens a second.
"""

import argparse
import asyncio
import itertools
import random
import signal
import statistics
import sys
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import aiohttp
import uvloop
from aiohttp import web
from contenders import Contender, everyone, started
from traces import TRACES, Session
from virtual import Clock, Replica, settled

from hyperpod_inference.local.servers.simulator.cache import BlockCache
from hyperpod_inference.local.servers.simulator.engine import CostModel
from hyperpod_inference.local.servers.simulator.kv_events import Publisher

HOSTS = [f"127.0.0.{number}" for number in range(11, 43)]
PORT, FIRST_PORT = 18400, 19310
BETWEEN = 500
"""Between the ports of two routers."""
SETTLE = {"kvaware": 0.03}
"""Real seconds for events to arrive, by a word in the router's name."""
SECONDS = 60.0
"""Real ones, after which a step counts as failed."""
Row = dict[str, float]


async def fleet(stack: AsyncExitStack, clock: Clock, options: argparse.Namespace) -> list[Replica]:
    """Cold replicas."""
    made = []
    for number, host in enumerate(HOSTS[: options.replicas]):
        publisher = Publisher(host, 5557, 5558, 16)
        stack.push_async_callback(publisher.close)
        replica = Replica(clock, CostModel(), BlockCache(options.blocks, 16, seed=number + 1), publisher)
        runner = web.AppRunner(replica.application(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, host, PORT, backlog=512).start()
        made.append(replica)
    return made


class Play:
    """One load through one router."""

    def __init__(self, clock: Clock, replicas: list[Replica], ports: list[int], settle: float) -> None:
        self._clock, self._replicas, self._settle = clock, replicas, settle
        self._turns = itertools.cycle(ports)
        self.times: list[float] = []
        self.failed = 0

    async def run(self, sessions: list[Session]) -> None:
        """All of it."""
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=timeout
        ) as self._client:
            for session in sessions:
                self._later(session, 0, [], session.turns[0].wait)
            await self._clock.run()

    def _later(self, session: Session, number: int, messages: list[dict[str, str]], when: float) -> None:
        self._clock.at(when, lambda: self._ask(session, number, messages))

    async def _ask(self, session: Session, number: int, messages: list[dict[str, str]]) -> None:
        """Send a turn; go on when it has arrived at a replica."""
        turn, came = session.turns[number], self._clock.now
        messages = [*messages, {"role": "user", "content": turn.text}]
        body = {"model": "simulated", "messages": messages, "max_tokens": turn.tokens, "stream": True}
        arrived = asyncio.get_running_loop().create_future()
        for replica in self._replicas:
            replica.arrived[turn.text] = arrived
        seen: asyncio.Queue[str] = asyncio.Queue()
        asking = asyncio.create_task(self._read(body, seen))
        done, _ = await asyncio.wait({arrived, asking}, timeout=SECONDS, return_when="FIRST_COMPLETED")
        for replica in self._replicas:
            replica.arrived.pop(turn.text, None)
        if arrived not in done:
            self.failed += 1
            asking.cancel()
            return
        replica, job = arrived.result()

        async def first() -> None:
            await asyncio.wait_for(seen.get(), SECONDS)
            self.times.append(self._clock.now - came)
            job.told = last
            await settled(self._settle)

        async def last() -> None:
            await asyncio.wait_for(asking, SECONDS)
            await settled(self._settle)
            if number + 1 < len(session.turns):
                said = [*messages, {"role": "assistant", "content": "".join(job.words)}]
                self._later(session, number + 1, said, self._clock.now + session.turns[number + 1].wait)

        job.told = first
        replica.take(job)

    async def _read(self, body: dict[str, object], seen: "asyncio.Queue[str]") -> None:
        url = f"http://127.0.0.1:{next(self._turns)}/v1/chat/completions"
        async with self._client.post(url, json=body) as answered:
            async for line in answered.content:
                if line.startswith(b"data: {"):
                    seen.put_nowait(line.decode())


def moved(command: list[str], by: int) -> list[str]:
    """The same router on other ports."""
    options = ("--port", "--admin-port", "--prometheus-port")
    pairs = zip(["", *command], command, strict=False)
    return [str(int(word) + by) if before in options else word for before, word in pairs]


async def ready(port: int) -> bool:
    """Does the router serve by now?"""
    body = {"model": "simulated", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}
    for _ in range(200):
        try:
            url = f"http://127.0.0.1:{port}/v1/chat/completions"
            async with aiohttp.ClientSession() as client, client.post(url, json=body) as answered:
                if answered.status == 200:
                    await asyncio.sleep(3)  # some routers learn of their workers one after the other
                    return True
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.2)
    return False


async def measure(contender: Contender, sessions: list[Session], options: argparse.Namespace) -> Row | None:
    """One contender, on cold replicas."""
    clock = Clock()
    async with AsyncExitStack() as stack:
        replicas = await fleet(stack, clock, options)
        with ExitStack() as routers:
            ports = [contender.port + BETWEEN * number for number in range(options.routers)]
            for port in ports:
                routers.enter_context(started(moved(contender.command, port - contender.port)))
                if not await ready(port):
                    return None
            settle = sum(seconds for word, seconds in SETTLE.items() if word in contender.name)
            play = Play(clock, replicas, ports, settle)
            await play.run(sessions)
    work = [replica.queried - replica.hit for replica in replicas]
    return {
        "mean": statistics.mean(play.times), "p90": statistics.quantiles(play.times, n=10)[-1],
        "hit": sum(replica.hit for replica in replicas) / sum(replica.queried for replica in replicas),
        "uneven": max(work) / statistics.mean(work), "failed": play.failed,
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
        for contender in found:
            got = await measure(contender, sessions, options)
            sys.stderr.write(f"{name} round {number + 1}: {contender.name}: {got}\n")
            if got:
                rounds[contender.name].append(got)
    return f"### {name}: {options.requests} requests, {options.replicas} replicas\n\n{table(rounds)}\n"


def table(rounds: dict[str, list[Row]]) -> str:
    """Means over the rounds, and ours against each in the mean time to the first token."""
    lines = [
        "| router | mean TTFT s (each round) | ours / it | p90 s | hit ratio | work max/mean | failed |",
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
            f"| {name} | {statistics.mean(means):.3f} ({each}) | {ratio} | {middle['p90']:.3f} "
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
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--replicas", type=int, default=8)
    parser.add_argument("--routers", type=int, default=1, help="of each kind, side by side")
    parser.add_argument("--blocks", type=int, default=8192, help="of each replica's cache, 16 tokens each")
    parser.add_argument("--seed", type=int, default=11)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    options.only = options.only or ["hyperpod", "sglang-router cache_aware", "smg cache_aware"]
    for name in options.traces:
        sys.stdout.write(uvloop.run(compare(name, options)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
