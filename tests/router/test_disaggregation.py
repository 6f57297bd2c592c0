"""Long prompts are prefilled on one server, decoded on another; what goes wrong costs time, not answers."""

import asyncio
import json
from typing import Any

import pytest

Bench = Any
LONG = "word " * 400
PARAMS = {"remote_engine_id": "e", "remote_block_ids": [1, 2]}


def chat(content: str = LONG, **more: Any) -> bytes:
    return json.dumps({"messages": [{"role": "user", "content": content}], "max_tokens": 64, **more}).encode()


def said(server: Any, number: int = -1) -> Any:
    return json.loads(server.asked[number].body)


async def answer_with_params(asked: Any, writer: asyncio.StreamWriter) -> None:
    body = json.dumps({"kv_transfer_params": PARAMS}).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


async def answer_503(asked: Any, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")


async def hang(asked: Any, writer: asyncio.StreamWriter) -> None:
    await asked.reader.read(1)


async def stream(asked: Any, writer: asyncio.StreamWriter) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write(head + b"8\r\ndata: a\n\r\n8\r\ndata: b\n\r\n0\r\n\r\n")


async def post(bench: Bench, router: Any, body: bytes, path: str = "/v1/chat/completions") -> Any:
    return await bench.ask(router, bench.post(body, path))


async def test_a_long_prompt_is_prefilled_with_one_token_and_then_decoded_as_it_came(bench: Bench) -> None:
    prefill, decode = await bench.server(), await bench.server(stream)
    router = await bench.router(decode, prefill=[prefill], routing_threshold=100)
    body = chat(stream=True, stream_options={"include_usage": True}, max_completion_tokens=64, n=2)
    answer = await post(bench, router, body)
    assert answer.status == 200
    assert b"data: a" in answer.body
    assert b"data: b" in answer.body
    first = said(prefill)
    assert (first["max_tokens"], first["max_completion_tokens"], first["n"]) == (1, 1, 1)
    assert first["stream"] is False
    assert "stream_options" not in first
    assert first["messages"] == json.loads(body)["messages"]
    assert decode.asked[0].body == body
    assert decode.asked[0].fields["x-request-id"] == prefill.asked[0].fields["x-request-id"]


async def test_the_prefill_names_the_server_that_will_decode(bench: Bench) -> None:
    prefill, decode = await bench.server(), await bench.server()
    router = await bench.router(decode, prefill=[prefill], routing_threshold=0)
    await post(bench, router, chat("hi"))
    spec = said(prefill)["kv_transfer_params"]["disagg_spec"]
    assert spec["receiver_host"] == decode.address.host
    assert len(spec["receiver_init_port"]) == len(spec["receiver_alloc_port"]) == 8
    assert spec["req_id"] == prefill.asked[0].fields["x-request-id"]


async def test_of_several_decoders_the_one_that_was_named_decodes(bench: Bench) -> None:
    decoders = [await bench.server() for _ in range(3)]
    named: list[str] = []

    async def note(asked: Any, writer: asyncio.StreamWriter) -> None:
        (pinned,) = router.proxy.decoders.pins.values()
        named.append(pinned.name)
        writer.write(bench.OK)

    prefill = await bench.server(note)
    router = await bench.router(*decoders, prefill=[prefill], routing_threshold=0)
    for number in range(6):
        before = [len(each.asked) for each in decoders]
        await post(bench, router, chat(f"question {number}"))
        (asked,) = [each for each, count in zip(decoders, before, strict=True) if len(each.asked) > count]
        assert str(asked.address) == named[-1]


async def test_what_the_prefill_answers_for_it_reaches_the_decoder(bench: Bench) -> None:
    prefill, decode = await bench.server(answer_with_params), await bench.server()
    router = await bench.router(decode, prefill=[prefill], routing_threshold=0)
    await post(bench, router, chat())
    assert said(decode)["kv_transfer_params"] == PARAMS
    assert said(decode)["max_tokens"] == 64


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (chat("short"), "/v1/chat/completions"),
        (chat(), "/v1/embeddings"),
        (b"[" + chat() + b"]", "/v1/completions"),
        (b"no json: " + chat(), "/v1/completions"),
    ],
    ids=["short", "another path", "no object", "no JSON"],
)
async def test_the_rest_goes_to_a_decoder_alone(bench: Bench, body: bytes, path: str) -> None:
    prefill, decode = await bench.server(), await bench.server()
    router = await bench.router(decode, prefill=[prefill], routing_threshold=100)
    assert (await post(bench, router, body, path)).status == 200
    assert prefill.asked == []
    assert decode.asked[0].body == body


async def test_a_prefill_that_fails_everywhere_leaves_it_to_the_decoder(bench: Bench) -> None:
    ill, decode = [await bench.server(answer_503) for _ in range(2)], await bench.server()
    router = await bench.router(decode, prefill=ill, routing_threshold=0)
    assert (await post(bench, router, chat())).status == 200
    assert [len(each.asked) for each in ill] == [1, 1], "another prefill server is tried first"
    assert decode.asked[0].body == chat()
    metrics = (await bench.admin(router, "/metrics")).body.decode()
    assert "dpd_routing_fallback_total 1.0" in metrics
    assert "dpd_routing_inflight_prefill 0.0" in metrics


async def test_a_prefill_that_hangs_leaves_time_to_decode(bench: Bench) -> None:
    prefill, decode = await bench.server(hang), await bench.server()
    router = await bench.router(decode, prefill=[prefill], routing_threshold=0, prefill_seconds=0.1)
    assert (await post(bench, router, chat())).status == 200
    assert decode.asked[0].body == chat()


async def test_without_any_prefill_server_decoders_do_it_all(bench: Bench) -> None:
    gone, decode = await bench.server(), await bench.server()
    router = await bench.router(decode, prefill=[gone], routing_threshold=0)
    router.proxy.prefillers.replicas.update([])
    assert (await post(bench, router, chat())).status == 200
    assert gone.asked == []


async def test_without_any_decoder_nothing_is_prefilled(bench: Bench) -> None:
    prefill, decode = await bench.server(), await bench.server()
    router = await bench.router(decode, prefill=[prefill], routing_threshold=0)
    router.proxy.replicas.update([])
    assert (await post(bench, router, chat())).status == 503
    assert prefill.asked == []


async def test_a_decoder_that_went_during_the_prefill_is_replaced(bench: Bench) -> None:
    decoders = [await bench.server() for _ in range(2)]

    async def shrink(asked: Any, writer: asyncio.StreamWriter) -> None:
        named = [each.address for each in router.proxy.decoders.pins.values()]
        router.proxy.replicas.update(each.address for each in decoders if each.address not in named)
        writer.write(bench.OK)

    prefill = await bench.server(shrink)
    router = await bench.router(*decoders, prefill=[prefill], routing_threshold=0)
    assert (await post(bench, router, chat())).status == 200
    assert sum(len(each.asked) for each in decoders) == 1


async def test_a_client_that_leaves_during_the_prefill_ends_it(bench: Bench) -> None:
    prefill, decode = await bench.server(hang), await bench.server()
    router = await bench.router(decode, prefill=[prefill], routing_threshold=0)
    _, writer = await bench.connect(router)
    writer.write(bench.post(chat(), "/v1/chat/completions"))
    await bench.until(lambda: bool(prefill.asked))
    assert router.proxy.replicas.everyone[0].in_flight == 1, "the decoder that was chosen counts it already"
    writer.close()
    await bench.until(lambda: prefill.left == 1)
    assert decode.asked == []
    assert router.proxy.replicas.everyone[0].in_flight == 0
    assert router.proxy.decoders.pins == {}
    metrics = (await bench.admin(router, "/metrics")).body.decode()
    assert 'router_requests_total{code="499",path="/v1/chat/completions"} 1.0' in metrics


async def test_the_ways_that_requests_took_are_counted_under_awss_names(bench: Bench) -> None:
    prefill, decode = await bench.server(), await bench.server()
    router = await bench.router(decode, prefill=[prefill], routing_threshold=100)
    for body in (chat(), chat("short"), chat()):
        await post(bench, router, body)
    metrics = (await bench.admin(router, "/metrics")).body.decode()
    assert "dpd_routing_disaggregated_total 2.0" in metrics
    assert "dpd_routing_local_total 1.0" in metrics
    assert "dpd_e2e_ttft_seconds_count 3.0" in metrics


async def test_the_whole_request_keeps_its_deadline(bench: Bench) -> None:
    prefill, decode = await bench.server(), await bench.server(hang)
    router = await bench.router(decode, prefill=[prefill], routing_threshold=0, request_seconds=0.3)
    assert (await post(bench, router, chat())).status == 504
    assert router.proxy.queue.active == 0


async def test_pipelined_and_repeated_requests_keep_their_order(bench: Bench) -> None:
    prefill, decode = await bench.server(), await bench.server(stream)
    router = await bench.router(decode, prefill=[prefill], routing_threshold=100)
    both = bench.post(chat(), "/v1/chat/completions", close=False) + bench.post(chat("s"), "/v1/completions")
    answer = await bench.ask(router, both)
    assert answer.raw.count(b"HTTP/1.1 200 OK") == 2
    assert [len(each.body) > 1000 for each in decode.asked] == [True, False]
