"""Waiting: until it is there, or with what was seen last when time is over."""

from typing import Any

import pytest

from hyperpod_inference.cloud.errors import CloudError, Denied, Throttled
from hyperpod_inference.migration.world import OutOfTime, World


def world_of(said: list[str]) -> World:
    """A world in which ten seconds pass with every look; what it says goes to `said`."""
    nothing: Any = None
    times = iter(range(0, 100_000, 5))

    async def pause(_seconds: float) -> None:
        return

    return World(
        client=nothing,
        eks=nothing,
        iam=nothing,
        tagging=nothing,
        now=lambda: next(times),
        pause=pause,
        say=said.append,
    )


async def test_what_stays_degraded_ends_the_wait_and_is_said_with_the_reason() -> None:
    said: list[str] = []

    async def degraded() -> str:
        return "DEGRADED: InsufficientNumberOfReplicas: 0 of 1"

    with pytest.raises(OutOfTime, match=r"add-on x: not after 60 s; last seen: DEGRADED: Insufficient"):
        await world_of(said).until("add-on x", degraded, 60)
    assert said == ["add-on x: DEGRADED: InsufficientNumberOfReplicas: 0 of 1"]


async def test_each_change_of_what_is_seen_is_told_once() -> None:
    said: list[str] = []
    looks = iter(["CREATING", "CREATING", "ACTIVE: issue", ""])

    async def look() -> str:
        return next(looks)

    await world_of(said).until("add-on x", look, 600)
    assert said == ["add-on x: CREATING", "add-on x: ACTIVE: issue"]


async def test_an_aws_that_is_busy_is_waited_for_and_one_that_refuses_is_not() -> None:
    said: list[str] = []
    looks: list[CloudError | str] = [Throttled("eks:DescribeAddon", "Throttling", "slower"), "CREATING", ""]

    async def look() -> str:
        answer = looks.pop(0)
        if isinstance(answer, CloudError):
            raise answer
        return answer

    await world_of(said).until("add-on x", look, 600)
    assert said == ["add-on x: eks:DescribeAddon: Throttling: slower", "add-on x: CREATING"]
    looks.append(Denied("eks:DescribeAddon", "AccessDenied", "not you"))
    with pytest.raises(Denied):
        await world_of(said).until("add-on x", look, 600)
