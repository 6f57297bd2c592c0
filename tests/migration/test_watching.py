"""While steps run, the endpoints that served are looked at, and what was seen is told."""

import asyncio
from typing import Any

import pytest

from hyperpod_inference.kube.errors import ApiError
from hyperpod_inference.migration import watching
from hyperpod_inference.migration.facts import Endpoint
from hyperpod_inference.migration.plan import Plan
from hyperpod_inference.migration.steps import Verify
from hyperpod_inference.migration.watching import Watch
from hyperpod_inference.migration.world import World

CHAT = "InferenceEndpointConfig team/chat"


async def watched(
    monkeypatch: pytest.MonkeyPatch, *seen: int | None, ready: bool = True
) -> tuple[Watch, list[str]]:
    """A watch that saw these numbers of ready replicas, None for no answer, and what it said meanwhile."""
    looks, said, nothing = list(seen), list[str](), None
    gone = asyncio.Event()

    async def observed(_client: Any) -> list[Endpoint]:
        replicas = looks.pop(0) if looks else 1
        if len(looks) <= 1:
            gone.set()
        if replicas is None:
            raise ApiError("no answer")
        return [Endpoint(kind="InferenceEndpointConfig", namespace="team", name="chat", ready=replicas)]

    monkeypatch.setattr(watching, "observed", observed)
    world: Any = nothing
    world = World(client=world, eks=world, iam=world, tagging=world, now=lambda: 0.0, say=said.append)
    plan = Plan(cluster="a", region="b", steps=(Verify(ready=(CHAT,) if ready else (), all=(CHAT,)),))
    async with Watch(world, plan, seconds=0.001) as watch:
        await gone.wait()
    return watch, said


async def test_an_endpoint_that_served_throughout_is_reported_so(monkeypatch: pytest.MonkeyPatch) -> None:
    watch, said = await watched(monkeypatch, 1, 1, 1)
    assert (watch.missed, said) == ({}, [])
    assert watch.report() == f"1 endpoint served in each of {watch.looks} looks."


async def test_an_outage_is_told_at_once_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    watch, said = await watched(monkeypatch, 1, 0, 0, 1)
    assert said == [f"{CHAT} has no ready replica"]
    assert watch.report() == f"Without a ready replica in some of {watch.looks} looks: {CHAT} in 2."


async def test_a_look_without_an_answer_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    watch, _ = await watched(monkeypatch, 1, None, 1)
    assert watch.missed == {}


async def test_where_nothing_served_nothing_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    watch, _ = await watched(monkeypatch, 0, 0, ready=False)
    assert watch.report() == "No endpoint served before, so none was watched."
