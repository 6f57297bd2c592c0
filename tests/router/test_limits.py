"""Clients that send too much, too slowly or nonsense: the status they get, and that the router lives on."""

import asyncio
from typing import Any

import pytest

HOST = b"POST / HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize(
    ("status", "raw"),
    [
        (414, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
        (431, HOST + b"X: " + b"a" * 70_000 + b"\r\n\r\n"),
        (431, HOST + b"X: a\r\n" * 101 + b"\r\n"),
        (431, HOST + b"X: " + b"a" * 300_000),
        (413, HOST + b"Content-Length: 2000\r\n\r\n"),
        (
            413,
            HOST
            + b"Transfer-Encoding: chunked\r\n\r\n"
            + b"400\r\n"
            + b"x" * 1024
            + b"\r\n1\r\nx\r\n0\r\n\r\n",
        ),
    ],
    ids=["long target", "long header", "many headers", "endless header", "large body", "large chunks"],
)
async def test_what_is_too_large_is_refused(bench: Any, status: int, raw: bytes) -> None:
    server = await bench.server()
    answer = await bench.ask(await bench.router(server, max_body_bytes=1024), raw)
    assert answer.status == status
    assert server.asked == []


@pytest.mark.parametrize(
    ("status", "raw"),
    [
        (408, b"P"),
        (408, b"POST / HTTP/1.1\r\nHost: a\r\nX"),
        (408, HOST + b"Content-Length: 10\r\n\r\nabc"),
        (408, HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"),
        (0, b""),
    ],
    ids=["one byte", "half a head", "half a body", "half a chunk", "nothing"],
)
async def test_who_is_too_slow_is_cut_off(bench: Any, status: int, raw: bytes) -> None:
    router = await bench.router(await bench.server(), head=bench.QUICK)
    assert (await bench.ask(router, raw)).status == status


async def test_a_byte_now_and_then_buys_no_time(bench: Any) -> None:
    router = await bench.router(await bench.server(), head=bench.QUICK)
    reader, writer = await bench.connect(router)
    writer.write(HOST)

    async def drip() -> None:
        while True:
            writer.write(b"X: a\r\n")
            await asyncio.sleep(0.05)

    dripping = asyncio.create_task(drip())
    async with asyncio.timeout(10):
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 408")
    dripping.cancel()


async def test_the_clock_of_a_slow_client_stands_still_while_its_request_is_in_work(bench: Any) -> None:
    async def slow(asked: Any, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1.0)
        writer.write(bench.OK)

    router = await bench.router(await bench.server(slow), head=bench.QUICK)
    assert (await bench.ask(router, bench.post())).status == 200
