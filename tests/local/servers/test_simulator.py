"""The simulated vLLM: what its cache keeps, what its clients see, what its event stream says."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import msgspec
import pytest
import zmq
import zmq.asyncio
from hypothesis import given
from hypothesis import strategies as st

from hyperpod_inference.local import images
from hyperpod_inference.local.agent.dcgm import computed
from hyperpod_inference.local.servers.simulator.__main__ import Options, Running, parse, running
from hyperpod_inference.local.servers.simulator.cache import BlockCache, Event, Full, Stored
from hyperpod_inference.local.servers.simulator.dialects import BYTES_PER_TOKEN, p90
from hyperpod_inference.local.servers.simulator.engine import CostModel
from hyperpod_inference.local.servers.simulator.kv_events import END
from hyperpod_inference.local.servers.simulator.tokens import answer, prompt_tokens, tokenize

FAST = CostModel(scale=1000)


def replayed(events: Sequence[Event], held: set[int]) -> set[int]:
    """What a reader of the events believes to be in the cache."""
    for event in events:
        held = held | {*event.hashes} if isinstance(event, Stored) else held - {*event.hashes}
    return held


@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=12), max_size=40), st.integers(6, 20))
def test_events_tell_exactly_what_the_cache_holds(prompts: list[list[int]], capacity: int) -> None:
    cache, believed = BlockCache(capacity, 2, seed=7), set[int]()
    for prompt in prompts:
        chain = cache.chain(prompt)
        hit = cache.hit(chain)
        assert all(block in believed for block in chain[:hit])
        cache.take(chain[:hit])
        cache.store(chain[hit:], chain[hit - 1] if hit else None, prompt[hit * 2 :])
        cache.release(chain)
        believed = replayed(cache.events(), believed)
        assert len(believed) == len(cache) <= capacity
        assert cache.hit(chain) == len(chain)


def test_blocks_in_use_are_not_evicted() -> None:
    cache = BlockCache(2, 1, seed=7)
    first = cache.chain([1, 2])
    cache.store(first, None, [1, 2])
    with pytest.raises(Full):
        cache.store(cache.chain([3]), None, [3])
    cache.release(first)
    cache.store(cache.chain([3]), None, [3])
    assert cache.hit(first) == 1  # the beginning outlives what follows it


def test_the_next_turn_of_a_conversation_begins_with_the_tokens_of_the_last() -> None:
    turns = [{"role": "user", "content": "What is a pod?"}]
    first = prompt_tokens({"messages": turns})
    words = answer(first, 9)
    turns += [{"role": "assistant", "content": "".join(words)}, {"role": "user", "content": "And a node?"}]
    second = prompt_tokens({"messages": turns})
    known = [*first, *tokenize("".join(words))]
    assert len(tokenize("".join(words))) == 9
    assert second[: len(known)] == known


def test_the_command_line_is_vllms() -> None:
    events = {"endpoint": "tcp://*:5557", "replay_endpoint": "tcp://*:5558"}
    config = json.dumps({"enable_kv_cache_events": True, "publisher": "zmq", **events})
    arguments = ["/m", "--port", "81", "--block-size", "32", "--kv-events-config", config]
    options = parse([*arguments, "--tensor-parallel-size", "8"], {"HYPERPOD_LOCAL_POD_IP": "10.244.1.1"})
    found = (options.port, options.block_size, options.events_port, options.replay_port, options.address)
    assert found == (81, 32, 5557, 5558, "10.244.1.1")
    assert parse([], {}).events_port is None


def test_the_image_is_in_the_table_of_local_nodes() -> None:
    argv = images.find("hyperpod-local/simulator:1").argv([], ["--port", "8000"])
    assert argv[-3:] == ["hyperpod_inference.local.servers.simulator", "--port", "8000"]


@pytest.fixture
async def simulator() -> AsyncIterator[Running]:
    """One that hurries, with events and replay."""
    async with running(Options(port=0, costs=FAST, blocks=64, events_port=0, replay_port=0)) as started:
        yield started


@pytest.fixture
async def client(simulator: Running) -> AsyncIterator[aiohttp.ClientSession]:
    """A session whose base is the simulator."""
    async with aiohttp.ClientSession(f"http://127.0.0.1:{simulator.port}") as session:
        yield session


def chat(text: str, **fields: Any) -> dict[str, Any]:
    """A chat request."""
    return {"model": "m", "messages": [{"role": "user", "content": text}], "max_tokens": 5, **fields}


async def test_a_streamed_answer_is_the_whole_one(client: aiohttp.ClientSession) -> None:
    async with client.post("/v1/chat/completions", json=chat("hello")) as answered:
        whole = (await answered.json())["choices"][0]["message"]["content"]
    async with client.post("/v1/chat/completions", json=chat("hello", stream=True)) as answered:
        lines = [line[6:] async for line in answered.content if line.startswith(b"data: ")]
    assert lines[-1] == b"[DONE]\n"
    chunks = [json.loads(line)["choices"][0] for line in lines[:-1]]
    assert "".join(chunk["delta"]["content"] for chunk in chunks) == whole
    assert [chunk["finish_reason"] for chunk in chunks] == [None] * 4 + ["length"]


async def test_a_repeated_prompt_is_found_in_the_cache(client: aiohttp.ClientSession) -> None:
    found = []
    for _ in range(2):
        async with client.post("/v1/chat/completions", json=chat("word " * 100)) as answered:
            found.append((await answered.json())["usage"]["prompt_tokens_details"]["cached_tokens"])
    assert found[0] == 0
    assert found[1] >= 120
    async with client.get("/metrics") as answered:
        text = await answered.text()
    assert f'vllm:prefix_cache_hits_total{{engine="0",model_name="simulated"}} {found[1]}.0' in text
    assert 'num_gpu_blocks="64"' in text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "not JSON"), (b"[]", "expected an object"), (b"{}", "'messages'"),
        (b'{"prompt": "a", "max_tokens": -1}', "max_tokens: got -1"),
        (b'{"prompt": "%b"}' % (b"a" * 5000), "the cache has room for 1024"),
    ],
)  # fmt: skip
async def test_a_bad_request_says_what_is_expected(
    client: aiohttp.ClientSession, body: bytes, said: str
) -> None:
    async with client.post("/v1/completions", data=body) as answered:
        assert answered.status == 400
        assert said in await answered.text()


async def test_the_event_stream_is_vllms(simulator: Running, client: aiohttp.ClientSession) -> None:
    publisher = simulator.publisher
    assert publisher
    context = zmq.asyncio.Context()
    try:
        async with asyncio.timeout(20):
            async with client.post("/v1/completions", json={"prompt": "a" * 128, "max_tokens": 1}):
                pass
            async with client.post("/tokenize", json={"prompt": "a" * 128}) as answered:
                tokens = (await answered.json())["tokens"]
            stream = context.socket(zmq.DEALER)
            stream.connect(f"tcp://127.0.0.1:{publisher.replay_port}")
            await stream.send_multipart([b"", (0).to_bytes(8, "big")])
            frames = await stream.recv_multipart()
            assert await stream.recv_multipart() == [b"", END, b""]
    finally:
        context.destroy(linger=0)
    assert frames[:2] == [b"", (0).to_bytes(8, "big")]
    _, events, rank = msgspec.msgpack.decode(frames[2])
    kind, hashes, parent, ids, size, *_ = events[0]
    assert (kind, len(hashes), parent, ids, size, rank) == ("BlockStored", 2, None, tokens, 16, 0)


async def test_its_times_are_told_under_vllms_names(client: aiohttp.ClientSession) -> None:
    async with client.post("/v1/chat/completions", json=chat("word " * 100)) as answered:
        assert answered.status == 200
        await answered.read()
    async with client.get("/metrics") as page:
        text = await page.text()
    labels = '{engine="0",model_name="simulated"}'
    assert f"vllm:request_prefill_time_seconds_count{labels} 1.0" in text
    assert f"vllm:inter_token_latency_seconds_count{labels} 4.0" in text
    assert f"vllm:time_to_first_token_seconds_count{labels} 1.0" in text
    assert (computed(text) or 0) > 0


async def test_it_tells_the_same_under_the_names_of_other_servers() -> None:
    options = Options(port=0, costs=FAST, blocks=64, others=("lmcache", "tgi", "lmi"))
    async with running(options) as other, aiohttp.ClientSession(f"http://127.0.0.1:{other.port}") as session:
        for _ in range(2):
            async with session.post("/v1/chat/completions", json=chat("word " * 100)) as answered:
                await answered.read()
        async with session.get("/metrics") as page:
            text = await page.text()
    assert "tgi_request_queue_duration_count 2.0" in text
    assert 'tgi_batch_inference_duration_count{method="prefill"} 2.0' in text
    assert 'tgi_batch_forward_duration_count{method="decode"} 8.0' in text
    assert "tgi_request_generated_tokens_sum 10.0" in text
    assert "OutputTokens_p90 5.0" in text
    assert "RollingBatchSize_p90 1.0" in text
    used = other.engine.cache.used * other.engine.cache.block_size
    assert f"lmcache:local_cache_usage {float(used * BYTES_PER_TOKEN)!r}" in text
    assert other.engine.counts.hit / other.engine.counts.queried == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("values", "expected"), [((), 0.0), ((3,), 3.0), (range(1, 11), 9.0), ((5, 1, 1, 1, 1), 5.0)]
)
def test_nine_of_ten_do_not_exceed_the_90th_percentile(values: Sequence[float], expected: float) -> None:
    assert p90([*values]) == expected


def test_metric_names_of_an_unknown_server_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--also-metrics-of", "tgi,triton"], {})
    assert "got ['triton'], expected some of lmcache, tgi, lmi" in capsys.readouterr().err
