"""Replicas and clients that fail: who is asked instead, what the client sees, what is cut."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from hyperpod_inference.router.replicas import Address


async def close_at_once(asked: Any, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def reset(asked: Any, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def half_a_head(asked: Any, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")
    await writer.drain()
    writer.close()


async def garbage(asked: Any, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x16\x03\x01 this is no HTTP\r\n\r\n")


async def two_framings(asked: Any, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")


async def endless_head(asked: Any, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000)


async def switching(asked: Any, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")


async def interim_with_a_body(asked: Any, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 103 Early Hints\r\nContent-Length: 2\r\n\r\n{}" + OK)


async def status_of_no_class(asked: Any, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 093 Early Hints\r\n\r\n" + OK)


async def unavailable(asked: Any, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy")


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
BEFORE = [
    close_at_once, reset, half_a_head, garbage, two_framings, endless_head, switching, interim_with_a_body,
    status_of_no_class, unavailable,
]  # fmt: skip


@pytest.mark.parametrize("fault", BEFORE, ids=lambda fault: fault.__name__)
async def test_another_replica_answers_when_one_fails_before_its_answer(
    bench: Any, fault: Callable[..., Any]
) -> None:
    ill, well = await bench.server(fault), await bench.server()
    router = await bench.router(ill, well)
    for _ in range(4):
        answer = await bench.ask(router, bench.post(b'{"prompt": "once"}'))
        assert (answer.status, answer.body) == (200, b"{}")
    assert {asked.body for asked in well.asked} == {b'{"prompt": "once"}'}
    assert router.proxy.metrics.retries >= 1
    assert [replica.in_flight for replica in router.proxy.replicas.everyone] == [0, 0]


@pytest.mark.parametrize("fault", BEFORE[:-1], ids=lambda fault: fault.__name__)
async def test_a_single_replica_that_fails_is_told_as_502(bench: Any, fault: Callable[..., Any]) -> None:
    router = await bench.router(await bench.server(fault))
    answer = await bench.ask(router, bench.post())
    assert answer.status == 502
    assert json.loads(answer.body)["error"]["type"] == "router_error"


async def test_the_last_replicas_own_503_reaches_the_client(bench: Any) -> None:
    router = await bench.router(*[await bench.server(unavailable) for _ in range(2)])
    answer = await bench.ask(router, bench.post())
    assert (answer.status, answer.body) == (503, b"busy")


async def test_a_replica_nobody_listens_on_is_passed_over(bench: Any) -> None:
    router = await bench.router(Address("127.0.0.1", 1), await bench.server())
    for _ in range(4):
        assert (await bench.ask(router, bench.post())).status == 200


async def test_retries_are_bounded(bench: Any) -> None:
    servers = [await bench.server(reset) for _ in range(6)]
    answer = await bench.ask(await bench.router(*servers, retries=2), bench.post())
    assert answer.status == 502
    assert sum(len(server.asked) for server in servers) == 3


@pytest.mark.parametrize("framing", [b"Content-Length: 100", b"Transfer-Encoding: chunked"])
async def test_an_answer_cut_half_way_is_cut_for_the_client_too(bench: Any, framing: bytes) -> None:
    async def half(asked: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % framing)
        writer.write(b"3\r\nabc\r\n" if b"chunked" in framing else b"abc")
        await writer.drain()
        writer.transport.abort()

    servers = [await bench.server(half) for _ in range(2)]
    router = await bench.router(*servers)
    answer = await bench.ask(router, bench.post())
    assert not answer.raw.endswith(b"0\r\n\r\n")
    assert sum(len(server.asked) for server in servers) == 1  # no retry once something was sent back
    assert router.proxy.metrics.errors == 1


async def test_a_connection_closed_while_unused_costs_no_failure(bench: Any) -> None:
    writers = []

    async def answer_and_remember(asked: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(bench.OK)
        writers.append(writer)

    server = await bench.server(answer_and_remember)
    router = await bench.router(server)
    await bench.ask(router, bench.post())
    writers[0].transport.abort()
    for _ in range(3):
        assert (await bench.ask(router, bench.post())).status == 200
    assert router.proxy.replicas.everyone[0].failures == 0


async def test_a_replica_that_hangs_costs_a_504_within_the_deadline(bench: Any) -> None:
    async def hang(asked: Any, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    server = await bench.server(hang)
    router = await bench.router(server, request_seconds=0.3)
    answer = await bench.ask(router, bench.post())
    assert answer.status == 504
    assert router.proxy.replicas.everyone[0].in_flight == 0


async def test_a_client_that_leaves_takes_its_request_along(bench: Any) -> None:
    async def hang(asked: Any, writer: asyncio.StreamWriter) -> None:
        await asked.reader.read()
        writer.close()

    server = await bench.server(hang)
    router = await bench.router(server)
    _, writer = await bench.connect(router)
    writer.write(bench.post())
    await bench.until(lambda: len(server.asked) == 1)
    writer.close()
    await bench.until(lambda: server.left == 1)
    assert router.proxy.metrics.requests[b"/v1/completions", 499] == 1
    assert router.proxy.replicas.everyone[0].in_flight == 0


async def test_a_replica_that_fails_in_a_row_is_left_out_and_tried_again(bench: Any) -> None:
    ill, well = await bench.server(reset), await bench.server()
    router = await bench.router(ill, well)
    for _ in range(30):
        assert (await bench.ask(router, bench.post())).status == 200
    replica = next(r for r in router.proxy.replicas.everyone if r.address == ill.address)
    assert replica.breaker.state in ("open", "trial")
    assert len(ill.asked) < 15
    ill.behave = well.behave
    replica.breaker._until = 0.0
    for _ in range(4):
        assert (await bench.ask(router, bench.post())).status == 200
    assert replica.breaker.state == "closed"


async def test_when_every_replica_is_left_out_all_are_asked(bench: Any) -> None:
    server = await bench.server(reset)
    router = await bench.router(server)
    for _ in range(8):
        assert (await bench.ask(router, bench.post())).status == 502
    server.behave = (await bench.server()).behave
    assert (await bench.ask(router, bench.post())).status == 200


async def test_no_request_is_lost_while_replicas_come_and_go(bench: Any) -> None:
    servers = [await bench.server() for _ in range(4)]
    router = await bench.router(*servers, strategy="prefixaware")
    statuses: list[int] = []

    async def client(number: int) -> None:
        for turn in range(25):
            body = b'{"prompt": "%b%d"}' % (b"x" * 600, number % 3)
            statuses.append((await bench.ask(router, bench.post(body))).status)
            if number == 0:
                left = [server.address for at, server in enumerate(servers) if at != turn % 4]
                router.proxy.replicas.update(left)

    await asyncio.gather(*[client(number) for number in range(8)])
    assert statuses == [200] * 200
