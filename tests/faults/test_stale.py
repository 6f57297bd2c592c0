"""F10: an operator that starts on an API server which lags behind; an object replaced under its delete."""

import json

import pytest
from faultrig.actions import Replay, Stream, Wait, after
from faultrig.calls import Call, lists, watches
from faultrig.proxy import Rule
from faultrig.selection import some
from faultrig.snapshot import NAMESPACE
from faultrig.trial import Failed, Trial, World, eventually

from hyperpod_inference.controllers.caches import CHILD_KINDS
from hyperpod_inference.controllers.kinds import ENDPOINTS
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.kube.resources import (
    DEPLOYMENTS,
    PERSISTENT_VOLUME_CLAIMS,
    PODS,
    Resource,
)

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

BEHIND = {
    "everything": (ENDPOINTS, *CHILD_KINDS, PODS),
    "endpoints": (ENDPOINTS,),
    "children": (*CHILD_KINDS, PODS),
}
"""Which kinds are read from the server that lags."""


async def _recorded(world: World, resources: tuple[Resource, ...]) -> list[Rule]:
    """Answer these kinds' lists as they are now, and tell nothing that happens later."""
    rules = []
    for resource in resources:
        found = await world.client.list(resource)
        body = {
            "apiVersion": resource.api_version,
            "kind": f"{resource.kind}List",
            "metadata": {"resourceVersion": found.resource_version},
            "items": found.items,
        }
        rules.append(Rule(lists(resource.plural), Replay(json.dumps(body).encode())))
        rules.append(Rule(watches(resource.plural), Stream(after(0, hang=True))))
    return rules


@pytest.mark.parametrize("which", some(tuple(BEHIND), "endpoints"))
@pytest.mark.parametrize("action", some(("change", "rename", "scale", "back"), "back"))
async def test_f10_an_operator_that_reads_from_the_past(world: World, action: str, which: str) -> None:
    """It starts on a snapshot from before the action, which its predecessor has finished."""
    baseline = await world.baseline(action)
    async with world.trial(action) as trial:
        past = await _recorded(world, BEHIND[which])
        await world.act(action, trial.name)
        await eventually(lambda: trial.is_as(baseline), trial.explain)
        await trial.quiet()
        before = await _facts(trial)
        trial.operator.kill()
        trial.proxy.rules += past
        began = len(trial.proxy.calls)
        trial.start()
        await trial.watching(began)
        await trial.at_rest()  # what it would do by what it sees, it has done
        assert await _facts(trial) == before
        trial.proxy.rules.clear()
        trial.proxy.cut()
        await trial.judged(baseline)
        assert await _facts(trial) == before


async def _facts(trial: Trial) -> tuple[int, set[str]]:
    """How often the Deployment's spec was written, and which claims there are."""
    deployment = await trial.client.get(DEPLOYMENTS, trial.name, NAMESPACE)
    claims = (await trial.client.list(PERSISTENT_VOLUME_CLAIMS, NAMESPACE)).items
    own = {each["metadata"]["uid"] for each in claims if each["metadata"]["name"].startswith(trial.name)}
    return deployment["metadata"]["generation"], own


async def _replaced_under_the_delete(world: World) -> None:
    """While the operator deletes a claim that it no longer wants, somebody puts another in its place."""
    baseline = await world.baseline("rename")
    async with world.trial("rename") as trial:
        claims = (await world.client.list(PERSISTENT_VOLUME_CLAIMS, NAMESPACE)).items
        (name,) = (
            each["metadata"]["name"] for each in claims if each["metadata"]["name"].startswith(trial.name)
        )

        async def replace() -> None:
            await world.client.delete(PERSISTENT_VOLUME_CLAIMS, name, NAMESPACE)
            await eventually(lambda: _is_gone(world, name), trial.explain)
            await world.client.apply(_somebodys_claim(name), "somebody")

        def deletes(call: Call) -> bool:
            return call.method == "DELETE" and call.name == name

        held = Rule(deletes, Wait(replace), times=1)
        trial.proxy.rules.append(held)
        await world.act("rename", trial.name)
        await trial.judged(baseline)
        assert held.hits == 1
        try:
            there = await world.client.get(PERSISTENT_VOLUME_CLAIMS, name, NAMESPACE)
            lost = "deletionTimestamp" in there["metadata"]
        except NotFound:
            lost = True
        if lost:
            raise Failed("O2: somebody else's object was deleted")
        await world.client.delete(PERSISTENT_VOLUME_CLAIMS, name, NAMESPACE)


async def _is_gone(world: World, name: str) -> bool:
    try:
        await world.client.get(PERSISTENT_VOLUME_CLAIMS, name, NAMESPACE)
    except NotFound:
        return True
    return False


def _somebodys_claim(name: str) -> dict[str, object]:
    spec = {
        "accessModes": ["ReadOnlyMany"],
        "storageClassName": "",
        "resources": {"requests": {"storage": "1Gi"}},
    }
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


async def test_f10_a_delete_meets_another_object_of_the_name(world: World) -> None:
    await _replaced_under_the_delete(world)


async def test_f10_the_table_catches_a_delete_without_precondition(world: World) -> None:
    await world.baseline("rename")
    world.bug = "delete_without_precondition"
    with pytest.raises(Failed, match="O2"):
        await _replaced_under_the_delete(world)
