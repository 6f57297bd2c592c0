"""Data capture over real sockets: what is kept, what is not, and that nobody waits for it."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from hyperpod_inference.router import spool
from hyperpod_inference.router.app import Router
from hyperpod_inference.router.capture import Capture, CaptureSettings
from hyperpod_inference.router.spool import Payload, Record, SpoolWriter

Starts = Callable[..., Any]
JSON = "Content-Type: application/json\r\n"


@pytest.fixture
async def captured(bench: Any, tmp_path: Path) -> AsyncIterator[Starts]:
    """captured(server, **settings): a router that keeps calls in tmp_path, and its capture."""
    async with AsyncExitStack() as stack:

        async def start(server: Any, **settings: Any) -> tuple[Router, Capture]:
            rng = settings.pop("rng", lambda: 0.0)
            capture = Capture(CaptureSettings(directory=tmp_path, **{"batch_size": 1} | settings), rng)
            await stack.enter_async_context(capture)
            return await bench.router(server, retries=0, exchange=capture.exchange), capture

        yield start


def kept(directory: Path) -> list[Record]:
    """All records of the finished batches."""
    found: list[Record] = []
    for batch in spool.batches(directory):
        with batch.open("rb") as file:
            found += spool.records(file)
    return found


async def stream(asked: Any, writer: asyncio.StreamWriter) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write(head + b"4\r\none \r\n")
    await writer.drain()
    writer.write(b"3\r\ntwo\r\n0\r\n\r\n")


async def test_a_call_is_kept_with_both_directions(bench: Any, captured: Starts, tmp_path: Path) -> None:
    router, capture = await captured(await bench.server(stream))
    answer = await bench.ask(router, bench.post(b'{"prompt": 1}', extra=f"{JSON}X-Request-Id: call-1\r\n"))
    assert answer.status == 200
    await bench.until(lambda: capture.outcomes["written"] == 1)
    (record,) = kept(tmp_path)
    assert record.id == "call-1"
    assert record.input == Payload("application/json", b'{"prompt": 1}')
    assert record.output == Payload("text/event-stream", b"one two")
    assert capture.held == 0


async def test_only_what_was_asked_for_is_kept(bench: Any, captured: Starts, tmp_path: Path) -> None:
    router, capture = await captured(await bench.server(stream), options=frozenset({"Output"}))
    await bench.ask(router, bench.post(b"secret"))
    await bench.until(lambda: capture.outcomes["written"] == 1)
    (record,) = kept(tmp_path)
    assert record.input is None
    assert b"secret" not in b"".join(path.read_bytes() for path in spool.batches(tmp_path))


async def test_long_payloads_are_cut_where_they_are_kept_and_nowhere_else(
    bench: Any, captured: Starts, tmp_path: Path
) -> None:
    router, capture = await captured(await bench.server(stream), most_payload=5)
    answer = await bench.ask(router, bench.post(b"0123456789"))
    assert b"one " in answer.body
    assert b"two" in answer.body
    await bench.until(lambda: capture.outcomes["written"] == 1)
    (record,) = kept(tmp_path)
    assert record.input == Payload("", b"01234", cut=True)
    assert record.output == Payload("text/event-stream", b"one t", cut=True)


async def test_failed_calls_other_methods_and_cut_answers_are_not_kept(
    bench: Any, captured: Starts, tmp_path: Path
) -> None:
    async def behave(asked: Any, writer: asyncio.StreamWriter) -> None:
        if asked.head.startswith(b"GET"):
            writer.write(bench.OK)
        elif asked.body == b"broken":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            writer.close()
        else:
            writer.write(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")

    router, capture = await captured(await bench.server(behave))
    await bench.ask(router, b"GET /ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    await bench.ask(router, bench.post(b"bad"))
    await bench.ask(router, bench.post(b"broken"))
    await bench.until(lambda: capture.held == 0)
    assert kept(tmp_path) == []
    assert not capture.outcomes


async def test_the_sample_is_the_share_that_was_asked_for(bench: Any, captured: Starts) -> None:
    numbers = iter([0.1, 0.9, 0.29, 0.3])
    router, capture = await captured(
        await bench.server(stream), sampling_percent=30, rng=lambda: next(numbers)
    )
    for _ in range(4):
        await bench.ask(router, bench.post())
    await bench.until(lambda: capture.outcomes["written"] == 2)


async def test_what_does_not_fit_into_memory_is_dropped_and_counted_and_the_call_goes_on(
    bench: Any, captured: Starts, tmp_path: Path
) -> None:
    router, capture = await captured(await bench.server(stream), most_memory=8)
    for body in (b"0123456789", b"01234567"):
        assert b"two" in (await bench.ask(router, bench.post(body))).body
    await bench.until(lambda: capture.outcomes["memory"] == 2)
    assert capture.held == 0
    assert kept(tmp_path) == []


async def test_a_full_spool_drops_what_comes_and_takes_again_when_there_is_room(tmp_path: Path) -> None:
    moment = 1000.0
    writer = SpoolWriter(tmp_path, 1, 400, lambda: moment)
    record = Record("a", 1.0, Payload("", b"x" * 200), None)
    assert writer.append(record)
    assert not writer.append(record)
    spool.batches(tmp_path)[0].unlink()
    moment += 2
    assert writer.append(record)
    writer.close()


async def test_an_open_batch_is_handed_over_when_it_is_old(
    bench: Any, captured: Starts, tmp_path: Path
) -> None:
    router, _ = await captured(await bench.server(stream), batch_size=10, flush_seconds=0.2)
    await bench.ask(router, bench.post())
    await bench.until(lambda: len(kept(tmp_path)) == 1)


async def test_ending_hands_over_what_is_open_and_says_so(bench: Any, tmp_path: Path) -> None:
    async with Capture(CaptureSettings(directory=tmp_path)) as capture:
        router = await bench.router(await bench.server(stream), exchange=capture.exchange)
        await bench.ask(router, bench.post())
        await bench.until(lambda: router.proxy.queue.active == 0)
        assert spool.batches(tmp_path) == []
        assert not spool.writer_is_gone(tmp_path)
    assert len(kept(tmp_path)) == 1
    assert spool.writer_is_gone(tmp_path)


async def test_a_disk_that_fails_is_counted_and_no_call_notices(
    bench: Any, captured: Starts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    router, capture = await captured(await bench.server(stream))

    def broken(self: SpoolWriter, record: Record) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SpoolWriter, "append", broken)
    assert b"two" in (await bench.ask(router, bench.post())).body
    await bench.until(lambda: capture.outcomes["error"] == 1)
    assert capture.held == 0


def test_what_a_killed_process_left_open_is_handed_over_and_a_torn_record_dropped(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, sys\n"
        "from hyperpod_inference.router.spool import Payload, Record, SpoolWriter\n"
        "writer = SpoolWriter(pathlib.Path(sys.argv[1]), 10, 10_000)\n"
        "for name in 'ab':\n"
        "    writer.append(Record(name, 1.0, Payload('', b'payload'), None))\n"
        "os._exit(9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert killed.returncode == 9
    open_file = tmp_path / spool.OPEN
    open_file.write_bytes(open_file.read_bytes()[:-3])
    SpoolWriter(tmp_path, 10, 10_000).close()
    assert [record.id for record in kept(tmp_path)] == ["a"]


def test_heads_on_the_spool_are_json_lines(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, 1, 10_000)
    writer.append(Record("a", 1.5, Payload("text/csv", b"1,2"), Payload("", b"")))
    writer.close()
    (batch,) = spool.batches(tmp_path)
    assert json.loads(batch.read_bytes().partition(b"\n")[0]) == {
        "id": "a",
        "at": 1.5,
        "input": {"type": "text/csv", "bytes": 3, "cut": False},
        "output": {"type": "", "bytes": 0, "cut": False},
    }
