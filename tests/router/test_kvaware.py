"""`kvaware` on real event streams: simulated replicas over real sockets, and what a broken stream does."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperpod_inference.local.servers.simulator.__main__ import Options, Running, running
from hyperpod_inference.local.servers.simulator.cache import Stored
from hyperpod_inference.local.servers.simulator.engine import CostModel
from hyperpod_inference.local.servers.simulator.tokens import tokenize
from hyperpod_inference.router.kv_events import Follower
from hyperpod_inference.router.replicas import Address, Replica
from hyperpod_inference.router.settings import Prefix
from hyperpod_inference.router.strategies import KvAware, PrefixAware, kvaware
from hyperpod_inference.router.strategies.reported import Learned, Reported, as_event, token_chain

FAST = CostModel(scale=1000)
LONG = "".join(f"{number} " for number in range(600))
HOSTS = ("127.0.0.2", "127.0.0.3")


class Fleet:
    """Simulated replicas, each on a loopback address of its own, with events on the same port."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack, self.ports = stack, (0, 0)
        self.running: dict[str, Running] = {}

    async def start(self, host: str, *, replay: bool = True, **options: Any) -> Address:
        """One replica."""
        events, again = self.ports
        made = Options(
            address=host, port=0, costs=FAST, events_port=events, replay_port=again if replay else None,
            **{"blocks": 4096} | options,
        )  # fmt: skip
        started = await self._stack.enter_async_context(running(made))
        self.running[host] = started
        if started.publisher:
            self.ports = (started.publisher.port, started.publisher.replay_port or again)
        return Address(host, started.port)

    def settings(self) -> dict[str, Any]:
        """Of the router in front of them."""
        ports = {"kv_events_port": self.ports[0], "kv_replay_port": self.ports[1] or 1}
        return {"strategy": "kvaware", "prefix": Prefix(block_bytes=64), **ports}


@pytest.fixture
async def fleet() -> AsyncIterator[Fleet]:
    """Stopped at the end."""
    async with AsyncExitStack() as stack:
        yield Fleet(stack)


def chat(bench: Any, prompt: str) -> bytes:
    """A chat request for one token."""
    body = {"messages": [{"role": "user", "content": prompt}], "max_tokens": 1}
    return bench.post(json.dumps(body).encode(), path="/v1/chat/completions")


async def ready(bench: Any, router: Any, count: int) -> KvAware:
    """The strategy, once so many replicas report."""
    strategy = router.proxy.strategy
    await bench.until(lambda: len(strategy.reports) == count)
    return strategy


async def taught(bench: Any, router: Any, strategy: KvAware, prompt: str) -> str:
    """Send a prompt, wait until its tokens and its blocks are known; the host that took it."""
    learned, batches = strategy.tokens.results["learned"], strategy.events.counts["batches"]
    assert (await bench.ask(router, chat(bench, prompt))).status == 200
    await bench.until(lambda: strategy.tokens.results["learned"] > learned)
    await bench.until(lambda: strategy.events.counts["batches"] > batches)
    return next(r.address.host for r in router.proxy.replicas.everyone if len(strategy.reports[r]))


@pytest.mark.parametrize("maps", [False, True], ids=["arrays", "maps"])
async def test_a_prompt_goes_where_it_is_reported_to_be(
    bench: Any, fleet: Fleet, monkeypatch: pytest.MonkeyPatch, maps: bool
) -> None:
    monkeypatch.setattr(kvaware, "EXPECTED_SECONDS", 0.0)
    addresses = [await fleet.start(host, maps=maps) for host in HOSTS]
    router = await bench.router(*addresses, **fleet.settings())
    strategy = await ready(bench, router, 2)
    first = await taught(bench, router, strategy, LONG)
    other = next(host for host in HOSTS if host != first)
    publisher = fleet.running[first].publisher
    assert publisher
    publisher.publish([None])  # its cache is gone, and the other one got the prompt from elsewhere
    twin = fleet.running[other]
    tokens = tokenize("<|user|>") + tokenize(LONG) + tokenize("<|assistant|>")
    async for _ in twin.engine.run(tokens, 1):
        pass
    held = {replica.address.host: report for replica, report in strategy.reports.items()}
    await bench.until(lambda: len(held[other]) > 0 == len(held[first]))
    before = router.proxy.metrics.decisions["prefix"]
    assert (await bench.ask(router, chat(bench, LONG + "more"))).status == 200
    assert router.proxy.metrics.decisions["prefix"] == before + 1
    assert {r.address.host: r.requests for r in router.proxy.replicas.everyone} == {first: 1, other: 1}
    assert not strategy.fallbacks


async def test_without_events_prefixaware_decides_and_the_metric_says_why(bench: Any, fleet: Fleet) -> None:
    router = await bench.router(await bench.server(), strategy="kvaware", kv_events_port=1)
    for _ in range(2):
        assert (await bench.ask(router, chat(bench, LONG))).status == 200
    text = (await bench.admin(router, "/metrics")).body.decode()
    assert 'router_kv_fallbacks_total{reason="no_events"} 2.0' in text
    assert 'router_decisions_total{reason="kv_fallback"} 2.0' in text


async def test_a_replica_whose_stream_is_cut_is_believed_no_more(bench: Any, fleet: Fleet) -> None:
    address = await fleet.start(HOSTS[0])
    router = await bench.router(address, **fleet.settings())
    strategy = await ready(bench, router, 1)
    await taught(bench, router, strategy, LONG)
    publisher = fleet.running[HOSTS[0]].publisher
    assert publisher
    await publisher.close()
    await bench.until(lambda: not strategy.reports)
    assert (await bench.ask(router, chat(bench, LONG))).status == 200
    assert strategy.fallbacks == Counter(disconnected=1)


@pytest.mark.parametrize(("replay", "counted"), [(True, "replayed"), (False, "lost")])
async def test_a_gap_is_filled_from_the_replay_or_the_report_starts_anew(
    bench: Any, fleet: Fleet, replay: bool, counted: str
) -> None:
    address = await fleet.start(HOSTS[0], replay=replay)
    router = await bench.router(address, **fleet.settings())
    strategy = router.proxy.strategy
    publisher = fleet.running[HOSTS[0]].publisher
    assert publisher
    block = tuple(range(16))

    count = iter(range(10**6))
    if replay:
        await ready(bench, router, 1)
    before = strategy.events.counts["batches"]

    def told() -> bool:
        """Publish until the stream itself brings a batch."""
        publisher.publish([Stored((next(count),), None, block)])
        return strategy.events.counts["batches"] > before

    await bench.until(told)
    gaps = strategy.events.counts[counted]
    publisher.lose([Stored((10**7,), None, block)])
    publisher.publish([Stored((10**8,), 10**7, block)])
    await bench.until(lambda: strategy.events.counts[counted] == gaps + 1)
    (report,) = strategy.reports.values()
    await bench.until(lambda: (report.orphans == 1) is not replay)
    assert report.depth(token_chain(block * 2, 16)) == (2 if replay else 0)


def test_a_report_follows_the_replicas_cache() -> None:
    report, tokens = Reported(), tuple(range(48))
    chain = token_chain(tokens, 16)
    report.apply([as_event(["BlockStored", [b"a", b"b"], None, tokens[:32], 16, None, "GPU"])])
    report.apply([as_event({"type": "BlockStored", "block_hashes": [b"c"], "parent_block_hash": b"b",
                            "token_ids": tokens[32:], "block_size": 16})])  # fmt: skip
    assert report.depth(chain) == 3
    report.apply([as_event(["BlockStored", [b"z"], None, tokens[:16], 16, None, "CPU"])])
    report.apply([as_event(["BlockRemoved", [b"c"], "GPU"])])
    assert (report.depth(chain), len(report)) == (2, 2)
    report.apply([as_event(["BlockStored", [b"e"], b"unknown", tokens[:16], 16, None, "GPU"])])
    assert report.orphans == 1
    report.apply([as_event(["AllBlocksCleared"])])
    assert (report.depth(chain), len(report)) == (0, 0)


def test_what_is_learned_is_bounded() -> None:
    learned = Learned(10)
    for number in range(100):
        learned.learn([number * 10 + at for at in range(4)], 256, range(64), 16)
        assert len(learned) <= 10
    depth, known = learned.find([990, 991, 992, 5])
    assert (depth, known and known.bytes_each) == (3, 64.0)
    assert learned.find([0, 1]) == (0, None)


ANYTHING = st.recursive(
    st.none() | st.integers(-(2**63), 2**63) | st.binary(max_size=4) | st.text(max_size=4) | st.floats(),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
KINDS = st.sampled_from(["BlockStored", "BlockRemoved", "AllBlocksCleared", "Other"])
ROWS = st.lists(st.tuples(KINDS, ANYTHING, ANYTHING, ANYTHING, ANYTHING).map(list), max_size=3)


@given(st.binary(max_size=40) | ROWS.map(lambda rows: msgspec.msgpack.encode([0.0, rows, 0])))
async def test_no_batch_whatever_it_holds_ends_the_stream(payload: bytes) -> None:
    async def nothing(first: int) -> None:
        return None

    replica = Replica(Address("10.0.0.1", 1), None)  # type: ignore[arg-type]
    strategy = KvAware(PrefixAware(Prefix()), 10, lambda: 0.0)
    follower = Follower(replica, strategy, Counter(), nothing)
    await follower.batch([b"", (0).to_bytes(8, "big"), payload])
    await follower.batch([b"short", payload])
    assert replica in strategy.reports
