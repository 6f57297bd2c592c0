"""Faults of AWS: lost answers, a minute without it at each step, throttling, what is not shown yet, ends."""

import asyncio
from dataclasses import replace

import pytest
from faultrig.account import EMPTY, MINUTE, Account
from faultrig.selection import full
from faultrig.snapshot import NAMESPACE
from faultrig.trial import REGISTERING, World, eventually, example

from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.kube.resources import NAMESPACES
from hyperpod_inference.local.aws.faults import Fault, throttling

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]
# Short forms of these rows are in tests/operator/controllers, without a cluster.
whole_table = pytest.mark.skipif(not full(), reason="part of the whole table only")


async def at_each_call(world: World, account: Account, action: str, fault: Fault) -> None:
    """The action, struck at each of its calls to AWS, one after the other."""
    baseline = await world.baseline(action)
    assert len(baseline.asked) > 5
    for nth in range(len(baseline.asked)):
        async with world.trial(action) as trial:
            account.faults.add(replace(fault, passing=nth))
            await world.act(action, trial.name)
            await trial.judged(baseline)


@whole_table
@pytest.mark.parametrize("effect", [True, False], ids=["effect", "no-effect"])
@pytest.mark.parametrize("action", REGISTERING)
async def test_f05_an_answer_of_aws_is_lost(
    registering: World, account: Account, action: str, effect: bool
) -> None:
    await at_each_call(registering, account, action, Fault("*", after=effect))


@whole_table
@pytest.mark.parametrize("action", REGISTERING)
async def test_f19_aws_is_down_for_a_minute(registering: World, account: Account, action: str) -> None:
    await at_each_call(registering, account, action, Fault("*", times=MINUTE))
    assert action != "deregister" or (await registering.baseline(action)).inventory == EMPTY


@whole_table
async def test_f19_a_model_is_deleted_while_it_is_made(registering: World, account: Account) -> None:
    """At each of the calls by which it is made; what is under way ends, and nothing is left."""
    made, gone = await registering.baseline("register"), await registering.baseline("deregister")
    for nth in range(1, len(made.asked)):
        async with registering.trial("register") as trial:
            await registering.act("register", trial.name)
            await eventually(lambda count=nth: _asked(account, count), trial.explain)  # type: ignore[misc]
            await registering.act("deregister", trial.name)
            await trial.judged(replace(gone, writes=[*made.writes, *gone.writes]))


async def _asked(account: Account, times: int) -> bool:
    return len(account.calls) >= times


@whole_table
@pytest.mark.parametrize("down", [False, True], ids=["aws-well", "aws-down"])
async def test_f19_the_namespace_goes(registering: World, account: Account, down: bool) -> None:
    client, gone = registering.client, await registering.baseline("deregister")
    async with registering.trial("register") as trial:
        namespace = f"{NAMESPACE}-{trial.name}"
        await client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}, "test")
        body = example(trial.name, "register")
        body["metadata"]["namespace"] = namespace
        await client.apply(body, "user")
        await eventually(lambda: _holds(account, trial.name), trial.explain)
        if down:
            account.faults.add(Fault("*", times=MINUTE))
        await client.delete(NAMESPACES, namespace)
        await eventually(lambda: _is_gone(registering, namespace), trial.explain)
        assert account.inventory(trial.name) == gone.inventory


async def _holds(account: Account, name: str) -> bool:
    return account.inventory(name)["endpoints"] == ["NAME"]


async def _is_gone(world: World, namespace: str) -> bool:
    try:
        await world.client.get(NAMESPACES, namespace)
    except NotFound:
        return True
    return False


def not_shown(call: str) -> Fault:
    """What was just made is not there yet, for those who look."""
    words = 'Could not find endpoint "x".' if call.endswith("Endpoint") else "not found"
    code = "ValidationException" if call.startswith("sagemaker:") else "ResourceNotFoundException"
    return Fault(call, code, words, 400, times=3)


def looks(asked: tuple[str, ...]) -> list[str]:
    """Those of the calls that look at what was made by others among them."""
    looking = ("sagemaker:DescribeEndpoint", "acm:DescribeCertificate")
    return [call for call in looking if call in asked]


@whole_table
@pytest.mark.parametrize("action", REGISTERING)
async def test_f21_aws_throttles(registering: World, account: Account, action: str) -> None:
    """Every kind of call of the action, three times each, all in one trial."""
    baseline = await registering.baseline(action)
    async with registering.trial(action) as trial:
        for call in sorted(set(baseline.asked)):
            account.faults.add(throttling(call, times=3))
        await registering.act(action, trial.name)
        await trial.judged(baseline, budget=8)


@whole_table
async def test_f21_what_was_just_made_is_not_shown_yet(registering: World, account: Account) -> None:
    baseline = await registering.baseline("register")
    async with registering.trial("register") as trial:
        for call in looks(baseline.asked):
            account.faults.add(not_shown(call))
        await registering.act("register", trial.name)
        await trial.judged(baseline, budget=8)


@whole_table
async def test_f21_two_operators_at_once_make_one_endpoint(registering: World, account: Account) -> None:
    """As when a leader that was thought dead goes on: neither knows of the other."""
    baseline = await registering.baseline("register")
    async with registering.trial("register") as trial:
        trial.start()
        await asyncio.gather(*(registering.act("register", trial.name) for _ in range(2)))
        await trial.judged(baseline, budget=12)
