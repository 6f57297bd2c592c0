"""The strategies as pure decisions: facts in, replica and reason out."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperpod_inference.router import settings
from hyperpod_inference.router.replicas import Address, Replica, ReplicaSet
from hyperpod_inference.router.request import Request
from hyperpod_inference.router.settings import RouterSettings
from hyperpod_inference.router.strategies import PrefixAware, Session, Strategy, by_name
from hyperpod_inference.router.strategies.index import PrefixIndex


def replicas(count: int, strategy: Strategy) -> ReplicaSet:
    """So many replicas, known to the strategy."""
    made = ReplicaSet(settings.Breaker())
    made.on_change(strategy.changed)
    made.update(Address(f"10.0.{number // 256}.{number % 256}", 8000) for number in range(count))
    return made


def chat(prompt: str, **fields: str) -> Request:
    """A chat request."""
    others = "".join(f'"{name}": "{value}", ' for name, value in fields.items())
    body = f'{{{others}"messages": [{{"role": "user", "content": "{prompt}"}}]}}'
    return Request(b"POST", b"/v1/chat/completions", body=body.encode())


PREFIX = settings.Prefix(block_bytes=64)
LONG = "".join(f"{number} " for number in range(400))


@pytest.mark.parametrize("name", settings.STRATEGIES)
@pytest.mark.parametrize("count", [1, 2, 7, 40])
def test_every_strategy_chooses_among_what_it_is_given(name: str, count: int) -> None:
    strategy = by_name(RouterSettings(strategy=name))
    everyone = replicas(count, strategy).everyone
    some = everyone[: max(1, count // 2)]
    for turn in range(50):
        assert strategy.choose(chat(f"{turn}" * 200, user="a"), some).replica in some


def test_roundrobin_is_even() -> None:
    strategy = by_name(RouterSettings(strategy="roundrobin"))
    everyone = replicas(4, strategy).everyone
    counts = Counter(strategy.choose(chat("x"), everyone).replica for _ in range(400))
    assert set(counts.values()) == {100}


@pytest.mark.parametrize("by", ["header", "field"])
def test_a_session_stays_where_it_is_when_others_come_and_go(by: str) -> None:
    strategy = Session("user_id")
    made = replicas(8, strategy)

    def request(number: int) -> Request:
        if by == "field":
            return chat("hello", user_id=f"u{number}")
        return Request(b"POST", b"/", [(b"USER_ID", b"u%d" % number)], b"{}")

    before = [strategy.choose(request(number), made.everyone).replica for number in range(400)]
    assert len({*before}) == 8
    made.update(replica.address for replica in made.everyone[:-1])
    after = [strategy.choose(request(number), made.everyone).replica for number in range(400)]
    moved = [old for old, new in zip(before, after, strict=True) if old is not new]
    assert {replica.gone for replica in moved} == {True}


def test_a_request_without_a_session_goes_where_the_fewest_are_in_flight() -> None:
    strategy = Session("user_id")
    everyone = replicas(3, strategy).everyone
    everyone[0].in_flight = everyone[2].in_flight = 2
    choice = strategy.choose(chat("hello"), everyone)
    assert (choice.replica, choice.reason) == (everyone[1], "no_session")


def test_a_known_prefix_goes_to_its_holder() -> None:
    strategy = PrefixAware(PREFIX)
    everyone = replicas(4, strategy).everyone
    first = strategy.choose(chat(LONG), everyone)
    again = strategy.choose(chat(LONG + "and more"), everyone)
    assert (first.reason, again.reason) == ("new_prefix", "prefix")
    assert again.replica is first.replica
    assert again.misses <= 3 < first.misses


def test_a_holder_with_a_long_queue_loses_against_an_idle_replica() -> None:
    strategy = PrefixAware(PREFIX)
    everyone = replicas(4, strategy).everyone
    holder = strategy.choose(chat(LONG), everyone).replica
    holder.pending = 10
    assert strategy.choose(chat(LONG), everyone).replica is holder
    holder.pending = 10_000
    choice = strategy.choose(chat(LONG), everyone)
    assert choice.replica is not holder
    assert choice.reason == "balance"


def test_the_model_is_part_of_the_prefix() -> None:
    strategy = PrefixAware(PREFIX)
    everyone = replicas(4, strategy).everyone
    strategy.choose(chat(LONG, model="a"), everyone)
    assert strategy.choose(chat(LONG, model="b"), everyone).reason == "new_prefix"


def test_short_prompts_spread_by_load() -> None:
    strategy = PrefixAware(PREFIX)
    everyone = replicas(4, strategy).everyone
    for _ in range(40):
        strategy.choose(Request(b"POST", b"/", body=b'{"prompt": "hi"}'), everyone).replica.in_flight += 1
    assert {replica.in_flight for replica in everyone} == {10}


@pytest.mark.parametrize("count", [4, 100])
def test_two_routers_choose_alike(count: int) -> None:
    one, other = PrefixAware(PREFIX, salt=1), PrefixAware(PREFIX, salt=2)
    here, there = replicas(count, one).everyone, replicas(count, other).everyone
    same = 0
    for number in range(300):
        request = chat(f"{number} {LONG}")
        same += one.choose(request, here).replica.name == other.choose(request, there).replica.name
    assert same == 300


def test_new_prompts_spread_over_many_replicas() -> None:
    strategy = PrefixAware(PREFIX)
    everyone = replicas(64, strategy).everyone
    counts = Counter(strategy.choose(chat(f"{number} {LONG}"), everyone).replica for number in range(2000))
    assert len(counts) == 64
    assert max(counts.values()) < 4 * 2000 / 64


def test_kvaware_says_that_it_falls_back() -> None:
    strategy = by_name(RouterSettings(strategy="kvaware"))
    everyone = replicas(2, strategy).everyone
    assert strategy.choose(chat(LONG), everyone).reason == "kv_fallback"


CHAINS = st.lists(st.integers(0, 5), min_size=1, max_size=8)


def chained(steps: list[int]) -> list[int]:
    """Block hashes as a chain makes them: each is determined by all before it."""
    return [hash(tuple(steps[: at + 1])) for at in range(len(steps))]


@given(st.lists(st.tuples(st.integers(0, 2), CHAINS), max_size=60), st.integers(3, 12))
def test_what_a_replica_holds_is_closed_under_prefixes_and_bounded(
    touches: list[tuple[int, list[int]]], capacity: int
) -> None:
    index = PrefixIndex(capacity, 10**6)
    everyone = tuple(Replica(Address("10.0.0.1", port), None) for port in (1, 2, 3))  # type: ignore[arg-type]
    index.changed(everyone, ())
    for which, steps in touches:
        index.touch(everyone[which], chained(steps))
    for replica in everyone:
        assert index.held(replica) <= capacity
        for _, steps in touches:
            chain = chained(steps)
            depth = index.depth(replica, chain)
            held = [index._holders[replica].blocks.__contains__(block) for block in chain]
            assert held == [True] * depth + [False] * (len(chain) - depth)
    union = {block for replica in everyone for block in index._holders[replica].blocks}
    assert {*index._bits} == union
    index.changed(everyone[1:], everyone[:1])
    index.changed((), everyone[1:])
    assert len(index) == 0
