"""Random damage to requests and to answers: nothing crashes, every status is one of those that fit.

`make fuzz-router` sends 100,000 of each.
"""

import asyncio
import gc
import os
import random
from typing import Any

from hyperpod_inference.router.settings import HeadLimits

COUNT = int(os.environ.get("HYPERPOD_FUZZ_REQUESTS", "1000"))
AT_ONCE = 100
QUICK = HeadLimits(head_seconds=0.2, body_seconds=0.2, idle_seconds=0.2)
INSERTS = [
    b"\r\n", b"\r", b"\n", b" ", b"\t", b"\x00", b":", b"0", b"\xff", b"chunked", b"Content-Length: 1",
    b"\r\nContent-Length: 1", b"\r\nTransfer-Encoding: chunked", b"\r\n\r\n", b"HTTP/1.1", b"Upgrade: x",
]  # fmt: skip
PLAIN = b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
REQUESTS = [
    PLAIN,
    b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"GET /v1/models HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"POST /invocations HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
]
ANSWERS = [
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 204 No Content\r\n\r\n",
]
TO_A_BAD_REQUEST = {0, 100, 200, 400, 408, 413, 414, 417, 431, 501, 505}


def damaged(rng: random.Random, seeds: list[bytes]) -> bytes:
    """One of the messages with one to six changes."""
    raw = bytearray(rng.choice(seeds))
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(raw))
        match rng.randrange(4):
            case 0:
                raw[at] = rng.randrange(256)
            case 1:
                del raw[at : at + rng.randint(1, 8)]
            case 2:
                raw[at:at] = rng.choice(INSERTS)
            case _:
                raw[at:at] = raw[at : at + rng.randint(1, 20)]
        raw = raw or bytearray(b"G")
    return bytes(raw)


async def in_turns(count: int, one: Any) -> list[Any]:
    """`count` calls, so many at once."""
    results: list[Any] = []
    for begin in range(0, count, AT_ONCE):
        results += await asyncio.gather(*[one() for _ in range(min(AT_ONCE, count - begin))])
    return results


def watched() -> list[dict[str, Any]]:
    """What the loop reports as an error from now on."""
    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reports.append(context))
    return reports


async def test_damaged_requests_leave_the_router_well(bench: Any) -> None:
    rng, reports = random.Random(7), watched()  # noqa: S311
    server = await bench.server()
    router = await bench.router(server, head=QUICK, retries=0)

    async def one() -> tuple[int, int]:
        known = PLAIN * rng.randint(0, 2)
        answer = await bench.ask(router, known + damaged(rng, REQUESTS))
        heads = answer.raw.split(b"HTTP/1.1 ")[1:]
        return int(heads[-1][:3]) if heads else 0, sum(head.startswith(b"200") for head in heads)

    found = await in_turns(COUNT, one)
    assert {status for status, _ in found} <= TO_A_BAD_REQUEST
    assert len(server.asked) >= sum(good for _, good in found)
    sent = router.proxy.metrics.requests
    assert sum(sent.values()) == len(server.asked)
    assert not any("transfer-encoding" in asked.fields for asked in server.asked)
    await well(bench, router, reports)


async def test_damaged_answers_leave_the_router_well(bench: Any) -> None:
    rng, reports = random.Random(8), watched()  # noqa: S311

    async def damage(asked: Any, writer: asyncio.StreamWriter) -> None:
        good = b"fine" in asked.head
        writer.write(bench.OK if good else damaged(rng, ANSWERS))
        if not good and rng.random() < 0.5:
            writer.close()

    router = await bench.router(await bench.server(damage), retries=0, request_seconds=0.3)

    async def one() -> int:
        return (await bench.ask(router, bench.post(path=rng.choice(["/v1/completions", "/bad"])))).status

    statuses = {*await in_turns(COUNT, one)}
    assert {200, 502} <= statuses
    await well(bench, router, reports)


async def well(bench: Any, router: Any, reports: list[dict[str, Any]]) -> None:
    """It answers, nothing is left over, and the loop had nothing to report."""
    gc.collect()  # what a great many requests left behind: not within the deadline of the next one
    await asyncio.sleep(0)  # the loop's clock stood still meanwhile
    assert (await bench.ask(router, bench.post(path="/fine"))).status == 200
    await bench.until(lambda: router.proxy.replicas.everyone[0].in_flight == 0)
    await bench.until(lambda: len(router.proxy.queue) == router.proxy.queue.active == 0)
    assert reports == []
