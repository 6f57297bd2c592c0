"""F14: wall clocks that are wrong, that jump, and that are put right; the monotonic ones stay right."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from faultrig.account import Account
from faultrig.calls import Call
from faultrig.proxy import FaultProxy
from faultrig.selection import full
from faultrig.snapshot import NAMESPACE
from faultrig.trial import Failed, World, eventually

from hyperpod_inference.api import names
from hyperpod_inference.controllers.kinds import ENDPOINTS
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.kube.resources import LEASES, Body

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]
whole_table = pytest.mark.skipif(not full(), reason="part of the whole table only")
AHEAD, BEHIND = 600.0, -600.0
JUMPS = (AHEAD, BEHIND, 0.0, 0.5, 1.0, 1.5, 1.0, 0.5)
"""Ten minutes each way, and as NTP slews it, seconds that the clock is wrong by."""


@pytest.fixture
def clock(tmp_path: Path) -> Callable[[str, float], Path]:
    """clock(name, seconds): set a clock that operators may follow."""

    def put(name: str, seconds: float) -> Path:
        file = tmp_path / f"clock-{name}"
        file.write_text(str(seconds))
        return file

    return put


@whole_table
@pytest.mark.parametrize("wrong", [AHEAD, BEHIND], ids=["ahead", "behind"])
@pytest.mark.parametrize("action", ["register", "deregister"])
async def test_f14_a_clock_that_is_wrong(
    registering: World, clock: Callable[[str, float], Path], action: str, wrong: float
) -> None:
    """AWS's clock and the API server's are right: what is made is valid there."""
    baseline = await registering.baseline(action)
    async with registering.trial(action, clock=clock("mine", wrong)) as trial:
        await registering.act(action, trial.name)
        await trial.judged(baseline)


@whole_table
async def test_f14_a_clock_that_jumps(
    registering: World, account: Account, clock: Callable[[str, float], Path]
) -> None:
    """Whatever it says, the certificate stays, and SageMaker is left alone."""
    baseline = await registering.baseline("register")
    async with registering.trial("register", clock=clock("mine", 0)) as trial:
        await registering.act("register", trial.name)
        await trial.judged(baseline)
        made = [call for call in account.calls if call.partition(":")[2].startswith(("Create", "Import"))]
        for wrong in JUMPS:
            clock("mine", wrong)
            await registering.client.patch(
                ENDPOINTS, trial.name, NAMESPACE, {"status": None}, subresource="status"
            )  # whoever writes it again has looked at the endpoint
            await trial.judged(baseline, budget=4 + 4 * len(JUMPS))
        now = [call for call in account.calls if call.partition(":")[2].startswith(("Create", "Import"))]
        assert now == made


@pytest.fixture
async def no_lease(world: World) -> AsyncIterator[Callable[[], Awaitable[Body]]]:
    """Nobody leads, before and after; what is handed out reads the Lease."""
    await _remove(world)

    async def read() -> Body:
        return dict((await world.client.get(LEASES, names.OPERATOR_LEASE, NAMESPACE))["spec"])

    yield read
    await _remove(world)


async def _remove(world: World) -> None:
    try:
        await world.client.delete(LEASES, names.OPERATOR_LEASE, NAMESPACE)
    except NotFound:
        return


@whole_table
async def test_f14_who_leads_leads_on(
    world: World, no_lease: Callable[[], Awaitable[Body]], clock: Callable[[str, float], Path]
) -> None:
    """The leader's clock jumps, its rival's is ten minutes ahead: no lease is lost, and one alone writes."""
    baseline = await world.baseline("scale")
    options = {"elect": True, "clock": clock("mine", 0)}
    async with world.trial("scale", **options) as trial, FaultProxy(world.client.config) as other:
        await eventually(lambda: _is_held(no_lease), trial.explain)
        first, lease = trial.operator, await no_lease()
        rival = trial.start(server=other.url, clock=clock("theirs", AHEAD))
        trial.operator = first
        await eventually(lambda: _asked(other, "GET"), trial.explain)
        for wrong in JUMPS:
            clock("mine", wrong)
            renewed = len(_renewals(trial.proxy))
            # Twice: the first may have been under way before the jump.
            await eventually(lambda count=renewed: _renewed(trial.proxy, count + 2), trial.explain)  # type: ignore[misc]
        await world.act("scale", trial.name)
        await trial.judged(baseline)
        now = await no_lease()
        if (now["holderIdentity"], now.get("leaseTransitions")) != (
            lease["holderIdentity"],
            lease.get("leaseTransitions"),
        ):
            raise Failed(f"another leads: {now}, before: {lease}")
        assert other.writes() == []
        assert first.alive
        assert rival.alive


async def _is_held(read: Callable[[], Awaitable[Body]]) -> bool:
    return bool((await read()).get("holderIdentity"))


async def _asked(proxy: FaultProxy, method: str) -> bool:
    return any(call.resource == "leases" and call.method == method for call in proxy.calls)


def _renewals(proxy: FaultProxy) -> list[Call]:
    return [call for call in proxy.calls if call.resource == "leases" and call.method == "PUT"]


async def _renewed(proxy: FaultProxy, times: int) -> bool:
    return len(_renewals(proxy)) >= times
