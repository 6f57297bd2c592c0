"""Request limits as AWS documents them: who works, who waits, who is refused and with what."""

import asyncio
import json
from typing import Any

import pytest

from hyperpod_inference.router.settings import Admission


async def held(bench: Any, **limits: Any) -> tuple[Any, Any, asyncio.Event]:
    """A router before one server that answers when the event is set."""
    go = asyncio.Event()

    async def wait(asked: Any, writer: asyncio.StreamWriter) -> None:
        await go.wait()
        writer.write(bench.OK)

    server = await bench.server(wait)
    return await bench.router(server, admission=Admission(**limits)), server, go


@pytest.mark.parametrize("status", [429, 503])
async def test_a_request_too_many_is_refused_with_the_documented_body(bench: Any, status: int) -> None:
    router, server, go = await held(bench, max_concurrent=2, max_queue=0, overflow_status=status)
    working = [asyncio.create_task(bench.ask(router, bench.post())) for _ in range(2)]
    await bench.until(lambda: len(server.asked) == 2)
    answer = await bench.ask(router, bench.post())
    go.set()
    assert answer.status == status
    assert json.loads(answer.body) == {
        "error": "Too many concurrent requests", "max_concurrent": 2, "max_queue_size": 0, "current": 2,
    }  # fmt: skip
    assert [(await task).status for task in working] == [200, 200]
    assert router.proxy.queue.active == 0


async def test_those_who_wait_are_served_in_turn(bench: Any) -> None:
    router, server, go = await held(bench, max_concurrent=1, max_queue=2)
    tasks = []
    for number in range(3):
        tasks.append(asyncio.create_task(bench.ask(router, bench.post(b"%d" % number))))
        await bench.until(lambda: router.proxy.queue.active + len(router.proxy.queue) == len(tasks))
    assert (await bench.ask(router, bench.post())).status == 429
    assert len(server.asked) == 1
    go.set()
    assert [(await task).status for task in tasks] == [200] * 3
    assert [asked.body for asked in server.asked] == [b"0", b"1", b"2"]
    assert router.proxy.queue.active == 0


async def test_who_waits_too_long_is_refused(bench: Any) -> None:
    router, server, go = await held(bench, max_concurrent=1, max_queue=1, wait_seconds=0.2)
    working = asyncio.create_task(bench.ask(router, bench.post()))
    await bench.until(lambda: len(server.asked) == 1)
    assert (await bench.ask(router, bench.post())).status == 429
    go.set()
    assert (await working).status == 200


async def test_who_leaves_the_queue_frees_its_room(bench: Any) -> None:
    router, server, go = await held(bench, max_concurrent=1, max_queue=1)
    working = asyncio.create_task(bench.ask(router, bench.post()))
    await bench.until(lambda: len(server.asked) == 1)
    _, writer = await bench.connect(router)
    writer.write(bench.post())
    await bench.until(lambda: len(router.proxy.queue) == 1)
    writer.close()
    await bench.until(lambda: len(router.proxy.queue) == 0)
    go.set()
    assert (await working).status == 200
    assert len(server.asked) == 1


@pytest.mark.parametrize("line", ["GET /v1/models", "POST /tokenize"])
async def test_only_calls_of_the_model_are_limited(bench: Any, line: str) -> None:
    router, server, go = await held(bench, max_concurrent=1)
    working = asyncio.create_task(bench.ask(router, bench.post()))
    await bench.until(lambda: len(server.asked) == 1)
    asked = f"{line} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    getting = asyncio.create_task(bench.ask(router, asked.encode()))
    await bench.until(lambda: len(server.asked) == 2)
    go.set()
    assert {(await task).status for task in (working, getting)} == {200}
