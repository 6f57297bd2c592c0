"""F1: the operator is killed at its writes, at one of them or at every single one, and starts again."""

import pytest
from faultrig.actions import Crash
from faultrig.calls import writes
from faultrig.proxy import Rule
from faultrig.selection import full, some
from faultrig.trial import ACTIONS, World

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

MOMENTS = {
    "before": {"effect": False},
    "unanswered": {"effect": True},
    "answered": {"effect": True, "answered": True},
}
"""When the process dies: before the write took effect, before it read the answer, or right after."""


@pytest.mark.parametrize("moment", some(tuple(MOMENTS), "unanswered"))
@pytest.mark.parametrize("action", some(ACTIONS, "rename"))
async def test_f01_a_crash_at_one_write(world: World, action: str, moment: str) -> None:
    baseline = await world.baseline(action)
    last = len(baseline.writes)
    for nth in range(last) if full() else (last // 2,):
        async with world.trial(action) as trial:
            trial.proxy.rules.append(
                Rule(writes(), Crash(trial.restart_soon, **MOMENTS[moment]), times=1, skip=nth)
            )
            await world.act(action, trial.name)
            await trial.judged(baseline)


@pytest.mark.parametrize("moment", some(("unanswered", "answered"), "answered"))
@pytest.mark.parametrize("action", some(ACTIONS, "create"))
async def test_f01_a_crash_at_every_write(world: World, action: str, moment: str) -> None:
    baseline = await world.baseline(action)
    async with world.trial(action) as trial:
        trial.proxy.rules.append(Rule(writes(), Crash(trial.restart_soon, **MOMENTS[moment])))
        await world.act(action, trial.name)
        await trial.judged(baseline)
