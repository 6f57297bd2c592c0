"""Faults of the view: watches that break, lie, fall silent, or bring things late, twice or not at all."""

import asyncio
import json

import pytest
from faultrig.actions import (
    Answer,
    Edit,
    Stream,
    after,
    closed_after,
    coalesced,
    delayed,
    each_line,
    error_event,
    replayed,
)
from faultrig.calls import about, watches
from faultrig.proxy import Rule
from faultrig.selection import full, some
from faultrig.snapshot import NAMESPACE
from faultrig.trial import ACTIONS, CONVERGE, Failed, Trial, World, eventually

from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.kube.resources import DEPLOYMENTS

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

PAUSE = 1.0
"""Seconds between two lists of a kind under constant 410, as the rig sets it; ten in production."""
NEWS = ("deployments", "inferenceendpointconfigs")

CLOSED = {"each event": after(1), "each half second": closed_after(0.5)}


@pytest.mark.parametrize("when", some(tuple(CLOSED), "each event"))
@pytest.mark.parametrize("action", some(ACTIONS, "scale"))
async def test_f06_watches_that_close(world: World, action: str, when: str) -> None:
    await _with_watches(world, action, CLOSED[when])


GONE = {
    "status": Answer(410, "Expired"),
    "event": Stream(after(0, error_event(410, "Expired"))),
}


@pytest.mark.parametrize("form", some(tuple(GONE), "event"))
async def test_f07_what_was_deleted_while_history_was_lost_is_noticed(world: World, form: str) -> None:
    await _ghost(world, form)


async def test_f07_the_table_catches_a_list_that_leaves_ghosts(world: World) -> None:
    await world.baseline("scale")
    world.bug = "no_ghost_removal"
    with pytest.raises(Failed, match="O1-O3"):
        await _ghost(world, "event", patience=20.0 if full() else 3.0)


async def _ghost(world: World, form: str, patience: float = CONVERGE) -> None:
    """A Deployment is deleted while nobody watches, and the history of that is gone."""
    baseline = await world.baseline("scale")
    async with world.trial("scale") as trial:
        await world.act("scale", trial.name)
        await eventually(lambda: trial.is_as(baseline), trial.explain)
        await trial.quiet()
        away = Rule(watches("deployments"), Answer(503, retry_after=0))
        trial.proxy.rules.append(away)
        trial.proxy.cut(about("deployments"))
        await eventually(lambda: _hit(away), trial.explain)
        await world.client.delete(DEPLOYMENTS, trial.name, NAMESPACE)
        await eventually(lambda: _is_gone(world, trial.name), trial.explain)
        trial.proxy.rules[:] = [Rule(watches("deployments"), GONE[form], times=1)]
        again = baseline.without_foreign("Deployment/NAME")
        await trial.judged(again, replaced=("Deployment/NAME",), seconds=patience)


async def _hit(rule: Rule) -> bool:
    return rule.hits > 0


async def _is_gone(world: World, name: str) -> bool:
    try:
        await world.client.get(DEPLOYMENTS, name, NAMESPACE)
    except NotFound:
        return True
    return False


@pytest.mark.parametrize("form", some(tuple(GONE), "status"))
async def test_f07_history_that_is_always_lost_makes_no_storm_of_lists(world: World, form: str) -> None:
    baseline = await world.baseline("create")
    async with world.trial("create") as trial:
        trial.proxy.rules.append(Rule(watches(), GONE[form]))
        trial.proxy.cut()
        began = len(trial.proxy.calls)
        await world.act("create", trial.name)
        await eventually(lambda: trial.is_as(baseline), trial.explain)
        seconds = trial.seconds()
        lists = [call for call in trial.proxy.calls[began:] if call.listing]
        for kind in NEWS:
            assert 0 < sum(call.resource == kind for call in lists) <= seconds / PAUSE + 2
        trial.proxy.rules.clear()
        await trial.judged(baseline, budget=5)


async def test_f07_a_list_that_expires_half_way(world: World) -> None:
    baseline = await world.baseline("change")
    async with world.trial("change", page_limit=1) as trial:
        # Every endpoint has two Services, so their list always has a second page.
        expired = Rule(lambda call: call.listing and "continue" in call.query, Answer(410, "Expired"))
        trial.proxy.rules += [expired, Rule(watches("services"), GONE["event"], times=1)]
        trial.proxy.cut()
        await eventually(lambda: _hit(expired), trial.explain)
        await world.act("change", trial.name)
        await trial.judged(baseline)


def _padded(line: bytes) -> list[bytes]:
    """The same event, two megabytes long."""
    return [line.replace(b"{", b"{" + b" " * 2_000_000, 1)]


BROKEN: dict[str, Edit] = {
    "error 500": after(1, error_event(500, "InternalError")),
    "malformed": after(1, b"{nonsense\n"),
    "truncated": after(1, b'{"type":"MODIFIED","object":{"metadata":'),
    "no event": after(1, b"[]\n"),
    "2 MB": each_line(_padded),
}


@pytest.mark.parametrize("line", some(tuple(BROKEN), "truncated"))
@pytest.mark.parametrize("action", some(("create", "rename"), "create"))
async def test_f08_lines_that_make_no_sense(world: World, action: str, line: str) -> None:
    trial = await _with_watches(world, action, BROKEN[line])
    assert trial.operators_started == 1


@pytest.mark.parametrize("action", some(ACTIONS, "change"))
async def test_f09_a_watch_that_falls_silent(world: World, action: str) -> None:
    """Every watch hangs after the fault; the rig's silence is 3 s, production's 70 s."""
    baseline = await world.baseline(action)
    async with world.trial(action) as trial:
        silent = Rule(watches(), Stream(after(0, hang=True)), times=20)
        trial.proxy.rules.append(silent)
        trial.proxy.cut()
        await eventually(lambda: _hit(silent), trial.explain)
        await world.act(action, trial.name)
        await trial.judged(baseline)


MISSED: dict[str, Edit] = {"pairs and steps": coalesced(0.4)}


@pytest.mark.parametrize("action", some(ACTIONS, "rename"))
async def test_f11_states_that_were_never_seen(world: World, action: str) -> None:
    await _with_watches(world, action, MISSED["pairs and steps"])


ODD: dict[str, Edit] = {
    "twice": each_line(lambda line: (line, line)),
    "replayed": replayed(5),
    "one kind late": delayed(0.5),
}


@pytest.mark.skipif(not full(), reason="part of the whole table only")
@pytest.mark.parametrize("way", tuple(ODD))
@pytest.mark.parametrize("action", ACTIONS)
async def test_f12_events_twice_again_and_out_of_order(world: World, action: str, way: str) -> None:
    late = "inferenceendpointconfigs" if action in ("create", "delete") else "deployments"
    await _with_watches(world, action, ODD[way], late if way == "one kind late" else "", budget=1.5)


async def _with_watches(
    world: World, action: str, edit: Edit, kind: str = "", *, budget: float = 3.0
) -> Trial:
    """A trial in which watches, of one kind or all, go through `edit` from before the action on."""
    baseline = await world.baseline(action)
    async with world.trial(action) as trial:
        edited = Rule(watches(kind), Stream(edit))
        trial.proxy.rules.append(edited)
        trial.proxy.cut()
        await eventually(lambda: _hit(edited), trial.explain)
        await world.act(action, trial.name)
        await trial.judged(baseline, budget=budget)
    return trial


def test_the_rigs_own_edits_do_what_they_say() -> None:
    def event(kind: str, name: str, version: int) -> bytes:
        obj = {"metadata": {"name": name, "uid": name, "resourceVersion": str(version)}}
        return json.dumps({"type": kind, "object": obj}).encode() + b"\n"

    async def through(edit: Edit, *lines: bytes) -> list[bytes]:
        async def source():  # type: ignore[no-untyped-def]
            for line in lines:
                yield line

        return [line async for line in edit(source(), None)]  # type: ignore[arg-type]

    a1, a2, a3 = event("ADDED", "a", 1), event("MODIFIED", "a", 2), event("DELETED", "a", 3)
    b4, b5 = event("ADDED", "b", 4), event("MODIFIED", "b", 5)
    first = event("ADDED", "b", 5)
    assert asyncio.run(through(coalesced(0.05), a1, a2, a3, b4, b5)) == [first]
    assert asyncio.run(through(coalesced(0.05), a2, a3)) == [a3]
    assert asyncio.run(through(replayed(1), a1, a2)) == [a1, a2, a1]
    assert asyncio.run(through(delayed(0.01), a1, a2)) == [a1, a2]
