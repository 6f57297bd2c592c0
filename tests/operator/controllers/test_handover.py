"""replicas to pdSpec and back: what serves stays, and is found, until the other Deployments are ready."""

from typing import Any

import pytest

from hyperpod_inference.api import names

Body = dict[str, Any]
KEY = ("default", "llm-fallback")
OLD, PREFILL, DECODE = "llm-fallback", "prefill-llm-fallback", "decode-llm-fallback"
PD = {
    "pdSpec": {"prefillSpec": {}, "decodingSpec": {}},
    "intelligentRoutingSpec": {"enabled": True},
    "autoScalingSpec": None,
    "kvCacheSpec": None,
}


def become(world: Any, name: str, ready: int, namespace: str = "default") -> None:
    """What the Deployment controller says once so many pods serve."""
    body = world.cluster.objects["Deployment"][(namespace, name)]
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), ready)
    world.cluster.put(body | {"status": counts | {"observedGeneration": 1}})


def routers(world: Any) -> list[tuple[str, str]]:
    return [key for key in world.cluster.objects["Deployment"] if key[0] != "default"]


def everything_ready(world: Any) -> None:
    for namespace, name in world.cluster.objects["Deployment"]:
        wanted = world.cluster.objects["Deployment"][(namespace, name)]["spec"].get("replicas", 1)
        become(world, name, wanted, namespace)


def role_found(world: Any) -> str | None:
    """Which role's pods the endpoint's own Service leads to; None: any pod of the model."""
    found: str | None = world.cluster.objects["Service"][KEY]["spec"]["selector"].get(names.LABEL_DPD_ROLE)
    return found


@pytest.fixture
def plain(example: Body) -> Body:
    for key in PD:
        example["spec"].pop(key, None)
    return example


async def test_the_old_deployment_stays_and_is_found_until_both_roles_and_the_router_are_ready(
    world: Any, plain: Body, edited: Any
) -> None:
    world.cluster.put(plain)
    await world.reconcile()
    become(world, OLD, 3)
    await world.reconcile()
    edited(**{key: value for key, value in PD.items() if value})
    writes = await world.reconcile()
    assert {OLD, PREFILL, DECODE} <= world.names_of("Deployment")
    assert [each for each in writes if each[0] == "delete"] == []
    assert role_found(world) is None

    become(world, DECODE, 1)
    assert [each for each in await world.reconcile() if each[0] == "delete"] == []
    everything_ready(world)
    removed = [(kind, name) for verb, kind, name in await world.reconcile() if verb == "delete"]
    assert ("Deployment", OLD) in removed
    assert ("Service", f"{OLD}-routing-service") in removed
    assert role_found(world) == names.DECODE
    assert len(routers(world)) == 1


async def test_the_roles_stay_until_the_one_deployment_is_ready(world: Any, plain: Body, edited: Any) -> None:
    given = {key: value for key, value in PD.items() if value}
    world.cluster.put(plain | {"spec": plain["spec"] | given})
    await world.reconcile()
    everything_ready(world)
    await world.reconcile()
    edited(pdSpec=None, intelligentRoutingSpec=None)
    await world.reconcile()
    assert {OLD, PREFILL, DECODE} <= world.names_of("Deployment")
    assert role_found(world) == names.DECODE
    assert len(routers(world)) == 1
    everything_ready(world)
    await world.reconcile()
    assert world.names_of("Deployment") == {OLD}
    assert role_found(world) is None


async def test_an_old_deployment_that_serves_nobody_goes_at_once(
    world: Any, plain: Body, edited: Any
) -> None:
    world.cluster.put(plain)
    await world.reconcile()
    edited(**{key: value for key, value in PD.items() if value})
    await world.reconcile()
    assert OLD not in world.names_of("Deployment")
    assert role_found(world) == names.DECODE
