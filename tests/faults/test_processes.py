"""Faults of whole processes and of other people: two leaders, pauses, signals, upgrades, foreign edits."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable

import pytest
from faultrig.actions import Answer, Lose, Then, Wait
from faultrig.calls import Call, about, writes
from faultrig.process import LEASE, OperatorProcess
from faultrig.proxy import FaultProxy, Rule
from faultrig.selection import some
from faultrig.snapshot import NAMESPACE, snapshot
from faultrig.trial import ACTIONS, Failed, Trial, World, eventually

from hyperpod_inference.api import names
from hyperpod_inference.kube.client import MERGE_PATCH, STRATEGIC_MERGE_PATCH
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.kube.resources import DEPLOYMENTS, LEASES, SERVICES

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

STEP_DOWN = LEASE["deadline"] + 1.0
"""The lease's deadline in these tests, plus one second."""


async def _holder(world: World) -> str:
    try:
        lease = await world.client.get(LEASES, names.OPERATOR_LEASE, NAMESPACE)
    except NotFound:
        return ""
    return str(lease["spec"].get("holderIdentity") or "")


async def _led(world: World, other_than: str = "") -> str:
    holder = ""

    async def held() -> bool:
        nonlocal holder
        holder = await _holder(world)
        return holder not in ("", other_than)

    await eventually(held, lambda: "nobody leads")
    return holder


async def _hang() -> None:
    await asyncio.Event().wait()


FAULTS: dict[str, Callable[[Trial], Awaitable[None]]] = {}


def _fault(function: Callable[[Trial], Awaitable[None]]) -> None:
    FAULTS[function.__name__.strip("_")] = function


@_fault
async def _hangs(trial: Trial) -> None:
    trial.proxy.rules.append(Rule(about("leases"), Wait(_hang)))


@_fault
async def _resets(trial: Trial) -> None:
    trial.proxy.rules.append(Rule(about("leases"), Lose(effect=False)))


@_fault
async def _answers_500(trial: Trial) -> None:
    trial.proxy.rules.append(Rule(about("leases"), Answer(500)))


@_fault
async def _paused(trial: Trial) -> None:
    trial.operator.send(signal.SIGSTOP)


@_fault
async def _lease_taken(trial: Trial) -> None:
    spec = {"spec": {"holderIdentity": "somebody", "leaseDurationSeconds": 1}}
    await trial.client.patch(LEASES, names.OPERATOR_LEASE, NAMESPACE, spec, MERGE_PATCH)


async def _two_leaders(world: World, fault: str) -> None:
    """One leads, its fault begins, another takes over; then the user acts, and only one may write."""
    baseline = await world.baseline("scale")
    await _no_lease(world)
    async with world.trial("scale", elect=True) as trial, FaultProxy(world.client.config) as other:
        leader = await _led(world)
        follower = trial.start(server=other.url)
        first = trial.operators[0]
        trial.operator = first
        await eventually(lambda: _asks_for_lease(other), trial.explain)
        await FAULTS[fault](trial)
        await _led(world, leader) if fault != "lease_taken" else await _wrote_lease(other)
        taken_at = time.monotonic()
        await world.act("scale", trial.name)
        if fault == "paused":
            first.send(signal.SIGCONT)

        def written() -> list[Call]:
            return [call for call in trial.proxy.calls if call.write and call.at > taken_at]

        async def over() -> bool:
            return bool(written()) or await trial.is_as(baseline)

        await eventually(over, trial.explain)
        await asyncio.sleep(1.0)
        late = written()
        if late:
            raise Failed(f"two leaders wrote: {late[0]}")
        await eventually(lambda: _ended(first), trial.explain, STEP_DOWN)
        assert first.exit_status == 1
        assert follower.alive
    await _no_lease(world)


async def _wrote_lease(proxy: FaultProxy) -> None:
    async def wrote() -> bool:
        return any(call.resource == "leases" and call.method == "PUT" for call in proxy.calls)

    await eventually(wrote, lambda: "the follower did not take the lease")


async def _asks_for_lease(proxy: FaultProxy) -> bool:
    return any(call.resource == "leases" for call in proxy.calls)


async def _ended(process: OperatorProcess) -> bool:
    return not process.alive


async def _no_lease(world: World) -> None:
    with contextlib.suppress(NotFound):
        await world.client.delete(LEASES, names.OPERATOR_LEASE, NAMESPACE)


@pytest.mark.parametrize("fault", some(tuple(FAULTS), "hangs"))
async def test_f13_never_two_leaders(world: World, fault: str) -> None:
    await _two_leaders(world, fault)


async def test_f13_a_deleted_lease_is_made_again(world: World) -> None:
    baseline = await world.baseline("scale")
    await _no_lease(world)
    async with world.trial("scale", elect=True) as trial:
        leader = await _led(world)
        await _no_lease(world)
        assert await _led(world) == leader
        await world.act("scale", trial.name)
        await trial.judged(baseline)
    await _no_lease(world)


async def test_f13_the_table_catches_a_renewal_without_deadline(world: World) -> None:
    await world.baseline("scale")
    world.bug = "renew_without_deadline"
    with pytest.raises(Failed, match="two leaders"):
        await _two_leaders(world, "hangs")
    await _no_lease(world)


async def _edited(world: World, name: str) -> None:
    edit = {"metadata": {"labels": {names.LABEL_DEPLOYING_SERVICE: "somebody"}}, "spec": {"replicas": 7}}
    await world.client.patch(DEPLOYMENTS, name, NAMESPACE, edit)


async def _scaled(world: World, name: str) -> None:
    await world.client.patch(DEPLOYMENTS, name, NAMESPACE, {"spec": {"replicas": 5}}, subresource="scale")


async def _template_edited(world: World, name: str) -> None:
    container = {"name": name, "image": "example.com/other:1", "args": ["--other"]}
    edit = {"spec": {"template": {"spec": {"containers": [container], "terminationGracePeriodSeconds": 1}}}}
    await world.client.patch(DEPLOYMENTS, name, NAMESPACE, edit, STRATEGIC_MERGE_PATCH)


async def _label_removed(world: World, name: str) -> None:
    labels = {"metadata": {"labels": {names.LABEL_DEPLOYING_SERVICE: None}}}
    await world.client.patch(SERVICES, name, NAMESPACE, labels)


async def _service_deleted(world: World, name: str) -> None:
    await world.client.delete(SERVICES, name, NAMESPACE)


async def _deployment_deleted(world: World, name: str) -> None:
    await world.client.delete(DEPLOYMENTS, name, NAMESPACE)


async def _status_wiped(world: World, name: str) -> None:
    from hyperpod_inference.controllers.kinds import ENDPOINTS

    await world.client.patch(ENDPOINTS, name, NAMESPACE, {"status": None}, subresource="status")


FOREIGN = {
    each.__name__.strip("_"): each
    for each in (
        _edited,
        _scaled,
        _label_removed,
        _service_deleted,
        _deployment_deleted,
        _status_wiped,
    )
}
MADE_AGAIN = {"service_deleted": ("Service/NAME",), "deployment_deleted": ("Deployment/NAME",)}


@pytest.mark.parametrize("edit", some(tuple(FOREIGN), "edited", "service_deleted"))
async def test_f18_somebody_elses_change_is_repaired(world: World, edit: str) -> None:
    baseline = await world.baseline("scale")
    async with world.trial("scale") as trial:
        await world.act("scale", trial.name)
        await eventually(lambda: trial.is_as(baseline), trial.explain)
        await trial.quiet()
        await FOREIGN[edit](world, trial.name)
        await asyncio.sleep(0.2)
        again = MADE_AGAIN.get(edit, ())
        await trial.judged(baseline.without_foreign(*again), budget=4, replaced=again)


async def test_f18_a_foreign_edit_of_the_pod_template_is_repaired(world: World) -> None:
    """Only the objects are compared: no pod gets ready here, so the Deployment keeps one of each template."""
    baseline = await world.baseline("create")
    async with world.trial("create") as trial:
        await world.act("create", trial.name)
        await eventually(lambda: trial.is_as(baseline), trial.explain)
        await _template_edited(world, trial.name)

        async def repaired() -> bool:
            deployment = await world.client.get(DEPLOYMENTS, trial.name, NAMESPACE)
            now = await snapshot(world.client, trial.name)
            edited_and_back = deployment["metadata"]["generation"] >= 3
            return edited_and_back and now["children"] == baseline.end["children"]

        await eventually(repaired, trial.explain)


UPGRADES: dict[str, dict[str, str]] = {
    "version": {},
    "sidecar": {"SIDECAR_IMAGE": "example.com/sidecar:2"},
    "settings": {"METRICS_COLLECTOR_IMAGE": "example.com/collector:2", "METRICS_PORT": "9555"},
}
"""What else differs between the two versions."""


@pytest.mark.parametrize("what", some(tuple(UPGRADES), "sidecar"))
async def test_f20_an_upgrade_there_and_back_restarts_no_pod(world: World, what: str) -> None:
    baseline = await world.baseline("scale")
    async with world.trial("scale") as trial:
        await world.act("scale", trial.name)
        await eventually(lambda: trial.is_as(baseline), trial.explain)
        await trial.quiet()
        before = await world.client.get(DEPLOYMENTS, trial.name, NAMESPACE)
        for version, environ in (("99.0.0", UPGRADES[what]), ("", {})):
            trial.operator.kill()
            trial.start(version=version, environ=environ)
            await _status_wiped(world, trial.name)  # whoever writes it again has looked at the endpoint
            await trial.judged(baseline, budget=6)
        after = await world.client.get(DEPLOYMENTS, trial.name, NAMESPACE)
        assert after["metadata"]["generation"] == before["metadata"]["generation"]


@pytest.mark.parametrize("action", some(ACTIONS, "create"))
async def test_f24_sigterm_in_the_middle_of_a_reconcile(world: World, action: str) -> None:
    baseline = await world.baseline(action)
    await _no_lease(world)
    async with world.trial(action, elect=True) as trial:
        await _led(world)
        old = trial.operator
        ask = Rule(writes(), Then(lambda: old.send(signal.SIGTERM)), times=1, skip=1)
        trial.proxy.rules.append(ask)
        await world.act(action, trial.name)
        await eventually(lambda: _ended(old), trial.explain, 10)
        assert old.exit_status == 0
        assert await _holder(world) == ""
        trial.start()  # it need not wait: nobody holds the lease
        await trial.judged(baseline)
    await _no_lease(world)


@pytest.mark.parametrize(
    "elect", some((True, False), False), ids=lambda elect: "leader" if elect else "alone"
)
async def test_f24_sigterm_while_the_api_server_hangs(world: World, elect: bool) -> None:
    """From its first write on it gets no answer; a leader may notice first that its lease is lost."""
    baseline = await world.baseline("create")
    await _no_lease(world)
    async with world.trial("create", elect=elect) as trial:
        if elect:
            await _led(world)
        written: list[Call] = []

        def from_the_first_write_on(call: Call) -> bool:
            written.extend([call] if call.write else [])
            return bool(written)

        hung = Rule(from_the_first_write_on, Wait(_hang))
        trial.proxy.rules.append(hung)
        old = trial.operator
        await world.act("create", trial.name)
        await eventually(lambda: _hit(hung), trial.explain)
        old.send(signal.SIGTERM)
        await eventually(lambda: _ended(old), trial.explain, 10)
        assert old.exit_status in ((0, 1) if elect else (0,))
        hung.times = 0
        trial.start()
        await trial.judged(baseline)
    await _no_lease(world)


async def _hit(rule: Rule) -> bool:
    return rule.hits > 0
