"""Faults of single requests: crashes, conflicts, overload, errors, lost answers, missing rights and kinds."""

import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from faultrig.actions import Answer, Lose
from faultrig.calls import Call, Match, about, anything, writes
from faultrig.proxy import Rule
from faultrig.selection import full, some
from faultrig.snapshot import NAMESPACE
from faultrig.trial import ACTIONS, World, eventually

from hyperpod_inference.api import conditions, names
from hyperpod_inference.controllers.kinds import ENDPOINTS
from hyperpod_inference.kube.resources import CRDS, DEPLOYMENTS, SCALED_OBJECTS

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

CHILDREN = ("persistentvolumes", "persistentvolumeclaims", "services", "deployments")


def first_of_each(count: int) -> Match:
    """The first `count` writes to each object or subresource."""
    seen: Counter[tuple[str, ...]] = Counter()

    def match(call: Call) -> bool:
        if not call.write:
            return False
        key = (call.method, call.resource, call.name, call.subresource)
        seen[key] += 1
        return seen[key] <= count

    return match


def during(seconds: float, match: Match = anything) -> Match:
    """Calls from now on, for so long."""
    end = time.monotonic() + seconds
    return lambda call: call.at < end and match(call)


@pytest.mark.parametrize("times", some((1, 3), 1))
@pytest.mark.parametrize("action", some(ACTIONS, "rename"))
async def test_f02_conflicts(world: World, action: str, times: int) -> None:
    # What is refused so many times is written once more than that; a deletion writes little else.
    await world.run(action, Rule(first_of_each(times), Answer(409, "Conflict")), budget=times + 1)


@pytest.mark.parametrize("share", some(("all", "every third"), "all"))
async def test_f03_too_many_requests(world: World, share: str) -> None:
    baseline = await world.baseline("create")
    async with world.trial("create") as trial:
        seconds, pause = (6.0, 2) if full() else (2.0, 1)
        turn = iter(range(10_000))
        match = anything if share == "all" else lambda call: next(turn) % 3 == 0
        refused: list[Call] = []

        def noted(call: Call) -> bool:
            if call.resource == "events" or not match(call):
                return False
            refused.append(call)
            return True

        trial.proxy.rules.append(
            Rule(during(seconds, noted), Answer(429, "TooManyRequests", retry_after=pause))
        )
        trial.proxy.cut()
        await world.act("create", trial.name)
        await trial.judged(baseline)
    for call in refused:
        again = [
            each.at
            for each in trial.proxy.calls
            if each.at > call.at
            and (each.method, each.resource, each.name, each.subresource, each.watch)
            == (call.method, call.resource, call.name, call.subresource, call.watch)
        ]
        # One reconcile's failure is told in the status at once: that is another request, of another kind.
        if again and call.watch:
            assert again[0] - call.at >= pause, f"{call} was repeated after {again[0] - call.at:.2f} s"


@pytest.mark.parametrize("code", some((500, 502, 503, 504), 503))
@pytest.mark.parametrize("kind", some((*CHILDREN, "inferenceendpointconfigs"), "deployments"))
async def test_f04_errors_on_the_writes_of_a_kind(world: World, kind: str, code: int) -> None:
    await world.run("create", Rule(writes(kind), Answer(code), times=3))


@pytest.mark.parametrize("kind", some((*CHILDREN, "inferenceendpointconfigs", "pods"), "services"))
async def test_f04_errors_on_the_reads_of_a_kind(world: World, kind: str) -> None:
    baseline = await world.baseline("change")
    async with world.trial("change") as trial:
        reads = Rule(lambda call: call.method == "GET" and call.resource == kind, Answer(500), times=4)
        trial.proxy.rules.append(reads)
        trial.proxy.cut(about(kind))
        await world.act("change", trial.name)
        await trial.judged(baseline)
        assert reads.hits > 0


async def test_f04_an_endpoint_that_always_fails_holds_up_no_other(world: World) -> None:
    baseline = await world.baseline("create")
    async with world.trial("create") as trial:
        broken = f"{trial.name}-broken"
        failing = Rule(lambda call: call.write and call.name == broken and not call.subresource, Answer(500))
        trial.proxy.rules.append(failing)
        await world.act("create", broken)
        await eventually(lambda: _hit(failing), trial.explain)
        began = time.monotonic()
        await world.act("create", trial.name)
        await eventually(lambda: trial.is_as(baseline), trial.explain)
        assert failing.hits < 30 + 5 * (time.monotonic() - began)  # back-off, not a hot loop
        failing.times = 0
        await trial.judged(baseline, budget=10)
        await trial.also_clean(broken)


async def _hit(rule: Rule) -> bool:
    return rule.hits > 2


@pytest.mark.parametrize("effect", [True, False], ids=["took-effect", "no-effect"])
@pytest.mark.parametrize("action", some(ACTIONS, "create"))
async def test_f05_answers_lost(world: World, action: str, effect: bool) -> None:
    await world.run(action, Rule(first_of_each(1), Lose(effect=effect)))


@pytest.mark.parametrize("kind", some(CHILDREN, "deployments"))
async def test_f16_rights_revoked_then_restored(world: World, kind: str) -> None:
    baseline = await world.baseline("create")
    async with world.trial("create") as trial:
        message = f'{kind} is forbidden: User "operator" cannot patch resource "{kind}"'
        forbidden = Rule(writes(kind), Answer(403, "Forbidden", message))
        trial.proxy.rules.append(forbidden)
        await world.act("create", trial.name)

        async def told() -> bool:
            body = await world.client.get(ENDPOINTS, trial.name, "faults")
            said = [each["message"] for each in (body.get("status") or {}).get("conditions", ())]
            return any("cannot patch" in each and kind in each and "permission" in each for each in said)

        await eventually(told, trial.explain)
        forbidden.times = 0
        await trial.judged(baseline, budget=10)


@pytest.fixture
async def keda(world: World) -> AsyncIterator[None]:
    """A ScaledObject that anything fits, as a kind of the cluster; it goes with the test."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"openAPIV3Schema": anything}
    version = {"name": SCALED_OBJECTS.version, "served": True, "storage": True, "schema": schema}
    spec = {
        "group": SCALED_OBJECTS.group,
        "names": {"kind": SCALED_OBJECTS.kind, "plural": SCALED_OBJECTS.plural},
        "scope": "Namespaced",
        "versions": [version],
    }
    metadata = {"name": names.CRD_SCALED_OBJECTS}
    await world.client.apply(
        {"apiVersion": CRDS.api_version, "kind": CRDS.kind, "metadata": metadata, "spec": spec}, "test"
    )
    await eventually(lambda: _is_served(world), lambda: "ScaledObjects are not served")
    yield
    await world.client.delete(CRDS, names.CRD_SCALED_OBJECTS)


async def _is_served(world: World) -> bool:
    await world.client.list(SCALED_OBJECTS)
    return True


@pytest.mark.skipif(not full(), reason="part of the whole table only")
async def test_f17_a_kind_that_is_installed_later(world: World, keda: None) -> None:
    baseline = await world.baseline("autoscale")
    absent = Rule(about(SCALED_OBJECTS.plural), Answer(404, "NotFound", "404 page not found"))
    async with world.trial("autoscale", rules=[absent]) as trial:
        await world.act("autoscale", trial.name)

        async def told() -> bool:
            body = await world.client.get(ENDPOINTS, trial.name, NAMESPACE)
            said = (body.get("status") or {}).get("conditions", ())
            found = conditions.find(said, conditions.DEPENDENCIES_READY)
            return (
                found is not None and found["status"] == "False" and SCALED_OBJECTS.plural in found["message"]
            )

        await eventually(told, trial.explain)
        await eventually(lambda: _has_pods_to_come(world, trial.name), trial.explain)
        absent.times = 0
        await trial.judged(baseline, budget=10)


async def _has_pods_to_come(world: World, name: str) -> bool:
    """Whether all else went on: the Deployment is there."""
    await world.client.get(DEPLOYMENTS, name, NAMESPACE)
    return True
