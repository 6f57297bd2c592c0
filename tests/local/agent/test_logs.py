"""Logs are kept with the time of each line and given back as asked."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hyperpod_inference.local.agent.kubelet_api import BadQuery, parse_query
from hyperpod_inference.local.agent.logs import Log, Query, read

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    """A log whose clock moves one second a write."""
    times = (START + timedelta(seconds=number) for number in range(1000))
    log = Log(tmp_path / "c/0.log", now=lambda: next(times))
    yield log
    if not log.closed:
        log.close()


async def text(log: Log, query: Query) -> str:
    return b"".join([chunk async for chunk in read(log, query)]).decode()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query(), "one\ntwo\nthree\n"),
        (Query(tail_lines=2), "two\nthree\n"),
        (Query(tail_lines=0), ""),
        (Query(since=START + timedelta(seconds=1)), "two\nthree\n"),
        (Query(limit_bytes=5), "one\nt"),
        (
            Query(timestamps=True, tail_lines=1),
            "2026-01-02T03:04:07.000000000Z three\n",
        ),
    ],
)
async def test_a_query_selects_lines(log: Log, query: Query, expected: str) -> None:
    for line in (b"one\n", b"two\n", b"three\n"):
        log.write("stdout", line)
    assert await text(log, query) == expected


async def test_lines_arrive_in_pieces_and_from_both_streams(log: Log) -> None:
    log.write("stdout", b"be")
    log.write("stderr", b"warn\n")
    log.write("stdout", b"gin\nunfinished")
    log.close()
    assert await text(log, Query()) == "warn\nbegin\nunfinished\n"
    assert log.last_lines == "warn\nbegin\nunfinished"


async def test_following_gives_new_lines_until_the_run_ends(log: Log) -> None:
    log.write("stdout", b"old\n")
    chunks: list[bytes] = []

    async def follow() -> None:
        async for chunk in read(log, Query(follow=True, tail_lines=1)):
            chunks.append(chunk)
            if chunk == b"old\n":
                log.write("stdout", b"new\n")
            else:
                log.close()

    await asyncio.wait_for(follow(), 10)
    assert chunks == [b"old\n", b"new\n"]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({}, Query()),
        ({"follow": "true", "timestamps": "1"}, Query(follow=True, timestamps=True)),
        ({"tailLines": "5", "limitBytes": "10"}, Query(tail_lines=5, limit_bytes=10)),
        ({"sinceSeconds": "60"}, Query(since=START - timedelta(seconds=60))),
        ({"sinceTime": "2026-01-02T03:04:05Z"}, Query(since=START)),
    ],
)
def test_log_options_are_those_of_the_kubelet(raw: dict[str, str], expected: Query) -> None:
    assert parse_query(raw, START) == expected


@pytest.mark.parametrize("raw", [{"tailLines": "-1"}, {"follow": "maybe"}, {"sinceTime": "yesterday"}])
def test_a_wrong_log_option_says_what_is_allowed(raw: dict[str, str]) -> None:
    with pytest.raises(BadQuery, match="expected"):
        parse_query(raw, START)
