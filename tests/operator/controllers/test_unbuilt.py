"""Kinds without a reconciler of their own say so, in a status that their schema allows."""

from typing import Any

import pytest

from hyperpod_inference.api import conditions, names
from hyperpod_inference.api.kinds import KINDS, Kind
from hyperpod_inference.controllers import kinds
from hyperpod_inference.controllers.unbuilt import UnbuiltReconciler
from hyperpod_inference.kube.store import Store

UNBUILT = [kind for kind in KINDS if kind.kind in {resource.kind for resource in kinds.UNBUILT}]


def resource(kind: Kind, **more: Any) -> dict[str, Any]:
    metadata = {"name": "one", "namespace": "default", "generation": 1}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "spec": {}} | more


async def reconcile(world: Any, kind: Kind, body: dict[str, Any]) -> list[Any]:
    store = Store()
    store.put(world.cluster.put(body))
    world.cluster.writes.clear()
    reconciler = UnbuiltReconciler(kind.kind, store, world.statuses, world.recorder, lambda: world.moment)
    await reconciler(("default", "one"))
    return [*world.cluster.writes]


@pytest.mark.parametrize("kind", UNBUILT, ids=lambda kind: kind.kind)
async def test_the_first_status_is_valid_and_says_not_built(world: Any, kind: Kind) -> None:
    assert len(await reconcile(world, kind, resource(kind))) == 1
    status = world.status(kind.kind, "one")
    kind.status.model_validate(status)
    accepted = conditions.find(status["conditions"], conditions.ACCEPTED)
    assert accepted is not None
    assert (accepted["status"], accepted["reason"]) == ("False", conditions.NOT_BUILT)
    assert accepted["message"].startswith(f"{kind.kind} is not reconciled by this version")
    assert [event["reason"] for event in world.cluster.events] == [conditions.NOT_BUILT]


@pytest.mark.parametrize("kind", UNBUILT, ids=lambda kind: kind.kind)
async def test_the_status_is_written_once(world: Any, kind: Kind) -> None:
    await reconcile(world, kind, resource(kind))
    (body,) = world.cluster.objects[kind.kind].values()
    assert await reconcile(world, kind, body) == []


async def test_a_status_of_another_operator_is_left_alone(world: Any) -> None:
    kind = next(kind for kind in UNBUILT if kind.kind == names.KIND_GATEWAY)
    body = resource(kind, status={"schedulers": []})
    assert await reconcile(world, kind, body) == []


async def test_a_resource_on_its_way_out_is_left_alone(world: Any) -> None:
    kind = UNBUILT[0]
    body = resource(kind)
    body["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert await reconcile(world, kind, body) == []
