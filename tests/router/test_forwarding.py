"""What goes through, goes through unchanged; what must not, does not."""

import asyncio
import json
from typing import Any

import pytest


async def test_a_request_and_its_answer_arrive_byte_for_byte(bench: Any) -> None:
    server = await bench.server()
    router = await bench.router(server)
    body = b'{"model" :"m",\n "odd":1.0, "prompt": "caf\xc3\xa9 \\u00e9"}'
    answer = await bench.ask(router, bench.post(body, "/v1/completions?x=1"))
    assert (answer.status, answer.body) == (200, b"{}")
    assert server.asked[0].body == body
    assert server.asked[0].head.startswith(b"POST /v1/completions?x=1 HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/embeddings",
        "/invocations",
        "/anything/else",
        "/v1/rerank",
    ],
)
async def test_every_path_is_passed_through(bench: Any, path: str) -> None:
    server = await bench.server()
    answer = await bench.ask(await bench.router(server), bench.post(path=path))
    assert answer.status == 200
    assert server.asked[0].head.split()[1].decode() == path


async def test_get_requests_carry_no_body_framing(bench: Any) -> None:
    server = await bench.server()
    router = await bench.router(server)
    answer = await bench.ask(router, b"GET /v1/models HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert answer.status == 200
    assert "content-length" not in server.asked[0].fields


async def test_trace_headers_and_unknown_fields_are_passed_on(bench: Any) -> None:
    server = await bench.server()
    extra = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nX-Own: a, b\r\n"
    await bench.ask(await bench.router(server), bench.post(extra=extra))
    fields = server.asked[0].fields
    assert fields["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c")
    assert fields["x-own"] == "a, b"
    assert fields["host"] == "model"


async def test_hop_by_hop_fields_stay_on_their_hop(bench: Any) -> None:
    server = await bench.server()
    extra = "TE: trailers\r\nKeep-Alive: timeout=5\r\nProxy-Authorization: x\r\nX-Drop: 1\r\n"
    request = bench.post(extra=extra + "Connection: X-Drop, close\r\n", close=False)
    await bench.ask(await bench.router(server), request)
    assert not {"te", "keep-alive", "connection", "proxy-authorization", "x-drop"} & {*server.asked[0].fields}


@pytest.mark.parametrize(
    ("sent", "kept"), [("abc-123", True), ("a b", False), ("x" * 200, False), ("", False), ("ü", False)]
)
async def test_a_request_id_is_kept_or_made_and_comes_back(bench: Any, sent: str, kept: bool) -> None:
    server = await bench.server()
    answer = await bench.ask(await bench.router(server), bench.post(extra=f"X-Request-Id: {sent}\r\n"))
    seen = server.asked[0].fields["x-request-id"]
    assert (seen == sent) is kept
    assert f"x-request-id: {seen}".encode() in answer.head


async def test_a_chunked_request_goes_on_with_one_length(bench: Any) -> None:
    server = await bench.server()
    raw = (
        b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3;ext=1\r\nabc\r\n4\r\ndefg\r\n0\r\nX-Trailer: 1\r\n\r\n"
    )
    assert (await bench.ask(await bench.router(server), raw)).status == 200
    asked = server.asked[0]
    assert (asked.body, asked.fields["content-length"]) == (b"abcdefg", "7")
    assert not {"transfer-encoding", "x-trailer"} & {*asked.fields}


async def test_a_stream_arrives_event_by_event(bench: Any) -> None:
    read = asyncio.Event()

    async def stream(asked: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for number in range(3):
            event = b"data: %d\n\n" % number
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))
            await read.wait()
            read.clear()
        writer.write(b"0\r\n\r\n")

    router = await bench.router(await bench.server(stream))
    reader, writer = await bench.connect(router)
    writer.write(bench.post())
    await reader.readuntil(b"\r\n\r\n")
    for number in range(3):
        assert await reader.readuntil(b"\n\n\r\n") == b"9\r\ndata: %d\n\n\r\n" % number
        read.set()
    assert await reader.read() == b"0\r\n\r\n"
    assert router.proxy.metrics.chunk_gap.counts != [0] * len(router.proxy.metrics.chunk_gap.counts)


async def test_an_answer_that_ends_with_its_connection_becomes_chunks(bench: Any) -> None:
    async def old(asked: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nabc")
        writer.close()

    answer = await bench.ask(await bench.router(await bench.server(old)), bench.post())
    assert b"transfer-encoding: chunked" in answer.head
    assert answer.body == b"3\r\nabc\r\n0\r\n\r\n"


async def test_a_client_of_http_1_0_gets_no_chunks(bench: Any) -> None:
    async def chunked(asked: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")

    router = await bench.router(await bench.server(chunked))
    answer = await bench.ask(router, b"POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}")
    assert b"chunked" not in answer.head
    assert answer.body == b"abc"


async def test_head_gets_the_length_and_no_body(bench: Any) -> None:
    async def head(asked: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")

    router = await bench.router(await bench.server(head))
    answer = await bench.ask(router, b"HEAD /v1/models HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert b"content-length: 100" in answer.head
    assert answer.body == b""


async def test_interim_answers_are_not_passed_on(bench: Any) -> None:
    async def early(asked: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + bench.OK)

    answer = await bench.ask(await bench.router(await bench.server(early)), bench.post())
    assert (answer.status, answer.body) == (200, b"{}")


async def test_bytes_after_an_answer_reach_nobody(bench: Any) -> None:
    async def too_much(asked: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(bench.OK + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nSTOLEN")

    server = await bench.server(too_much)
    router = await bench.router(server)
    for _ in range(3):
        answer = await bench.ask(router, bench.post())
        assert answer.body == b"{}"
    assert server.connections == 3  # a connection out of step is never used again


async def test_connections_to_a_replica_are_used_again(bench: Any) -> None:
    server = await bench.server()
    router = await bench.router(server)
    for _ in range(5):
        assert (await bench.ask(router, bench.post())).status == 200
    assert server.connections == 1


async def test_pipelined_requests_are_answered_in_order(bench: Any) -> None:
    async def echo(asked: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(asked.body), asked.body))

    router = await bench.router(await bench.server(echo))
    raw = b"".join(bench.post(b"<%d>" % number, close=number == 39) for number in range(40))
    answer = await bench.ask(router, raw)

    positions = [answer.raw.index(b"<%d>" % number) for number in range(40)]
    assert positions == sorted(positions)


async def test_expect_100_continue_is_answered_before_the_body(bench: Any) -> None:
    router = await bench.router(await bench.server())
    reader, writer = await bench.connect(router)
    writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"{}")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")


async def test_a_slow_reader_slows_the_replica_and_loses_nothing(bench: Any) -> None:
    size, piece = 24 << 20, b"x" * 65536
    written = 0

    async def flood(asked: Any, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while written < size:
            writer.write(piece)
            written += len(piece)
            await writer.drain()

    router = await bench.router(await bench.server(flood))
    reader, writer = await bench.connect(router)
    writer.write(bench.post())
    head = await reader.readuntil(b"\r\n\r\n")
    last = -1
    while last != written:  # until nobody moves any more: every buffer on the way is full
        last = written
        await asyncio.sleep(0.1)
    assert written < size
    assert f"content-length: {size}".encode() in head
    assert len(await reader.read(-1)) == size


async def test_errors_have_the_shape_that_openai_clients_read(bench: Any) -> None:
    answer = await bench.ask(await bench.router(), bench.post())
    assert answer.status == 503
    assert json.loads(answer.body)["error"]["code"] == 503
    assert json.loads(bench.log[0])["problem"] == "no replica is ready"
