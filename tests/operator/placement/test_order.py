"""`instanceTypes` is a true order on a real scheduler, and the obvious reading of it is not.

What is counted: replicas that stand on a less preferred type while a more preferred one has room for them.
Pods ask for 1 GPU, 4 processors and 24 GiB.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from hyperpod_inference.render.plan.order import only_a_preference
from hyperpod_inference.render.plan.seats import seats

pytestmark = pytest.mark.cluster

Body = dict[str, Any]
Workload = Callable[..., list[Body]]
Count = Callable[..., int]
LENGTHS = (2, 3, 4, 6, 10)
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def pod_of(manifests: Sequence[Body]) -> Body:
    spec: Body = manifests[-1]["spec"]["template"]["spec"]
    return spec


def reweighted(manifests: list[Body], step: int) -> list[Body]:
    """The same with weights that go down from 100 by `step`."""
    for place, term in enumerate(pod_of(manifests)["affinity"]["nodeAffinity"][PREFERRED]):
        term["weight"] = 100 - step * place
    return manifests


def without_spread_constraint(manifests: list[Body]) -> list[Body]:
    """The same, spread as the scheduler does by default."""
    del pod_of(manifests)["topologySpreadConstraints"]
    return manifests


@pytest.mark.parametrize("length", LENGTHS)
async def test_a_type_is_used_only_when_all_before_it_are_full(
    fleet: Any, workload: Workload, misplaced: Count, length: int
) -> None:
    types = fleet.types[:length]
    manifests = workload(instanceTypes=types)
    placed = await fleet.by_type(manifests)
    assert placed.total() == 20
    assert misplaced(types, placed) == 0, placed
    planned = seats(pod_of(manifests), 20, types, await fleet.rooms())
    assert placed == {row.instance_type: row.takes for row in planned.rows if row.takes}


@pytest.mark.parametrize("length", LENGTHS)
async def test_weights_one_point_apart_are_no_order(
    fleet: Any, workload: Workload, misplaced: Count, length: int
) -> None:
    types = fleet.types[:length]
    naive = without_spread_constraint(reweighted(workload(instanceTypes=types), step=1))
    assert misplaced(types, await fleet.by_type(naive)) > 0


async def test_without_a_constraint_of_its_own_the_pod_is_spread_against_the_order(
    fleet: Any, workload: Workload, misplaced: Count
) -> None:
    spread = without_spread_constraint(workload(instanceTypes=fleet.types))
    assert misplaced(fleet.types, await fleet.by_type(spread)) > 0


async def test_no_doubt_is_cast_on_an_order_that_holds(fleet: Any, workload: Workload) -> None:
    light = pod_of(workload(instanceTypes=fleet.types))
    assert only_a_preference(fleet.types, light, 20, await fleet.rooms()) == ()


async def test_small_nodes_first_is_an_order_too(fleet: Any, workload: Workload, misplaced: Count) -> None:
    types = fleet.types[::-1]
    placed = await fleet.by_type(workload(replicas=64, instanceTypes=types))
    assert misplaced(types, placed) == 0, placed


async def test_replicas_that_fill_a_nodes_processors_can_win_over_the_order_of_a_long_list(
    fleet: Any, workload: Workload, misplaced: Count
) -> None:
    """The limit of weights, which `plan` tells and the strict scheduler does not have."""
    heavy = workload(replicas=40, cpu="11", memory="80Gi", instanceTypes=fleet.types)
    wrong = misplaced(fleet.types, await fleet.by_type(heavy))
    assert wrong > 0
    (said,) = only_a_preference(fleet.types, pod_of(heavy), 40, await fleet.rooms())
    assert f"{wrong} of 40 replicas" in said
