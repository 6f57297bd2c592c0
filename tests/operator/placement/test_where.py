"""One type, a node affinity of the user's own, unhealthy nodes, partitions: what the real scheduler does."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.cluster

Body = dict[str, Any]
Workload = Callable[..., list[Body]]
G5, P4D = "ml.g5.48xlarge", "ml.p4d.24xlarge"


def affinity(key: str, operator: str, *values: str) -> Body:
    term = {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}
    return {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}


async def test_one_instance_type_is_kept_to(fleet: Any, workload: Workload) -> None:
    assert set(await fleet.by_type(workload(replicas=6, instanceType=G5))) == {G5}


async def test_a_node_affinity_decides_as_it_is_written(fleet: Any, workload: Workload) -> None:
    wanted = affinity("topology.kubernetes.io/zone", "NotIn", "us-west-2a")
    placed = await fleet.place(workload(replicas=6, nodeAffinity=wanted))
    assert {node.zone for node in fleet.nodes if node.name in placed} == {"us-west-2b"}


async def test_without_any_wish_every_node_with_a_gpu_will_do(fleet: Any, workload: Workload) -> None:
    assert len(await fleet.by_type(workload(replicas=8))) > 1


async def test_a_node_under_repair_gets_no_replica_and_the_order_goes_on_without_it(
    fleet: Any, workload: Workload
) -> None:
    sick, well = fleet.of(P4D)
    await fleet.make_unhealthy(sick)
    try:
        placed = await fleet.place(workload(replicas=10, instanceTypes=[P4D, G5]))
    finally:
        await fleet.heal(sick)
    assert sick not in placed
    assert placed.count(well) == 8
    assert {fleet.type_of[name] for name in placed if name != well} == {G5}


async def test_a_pod_for_another_scheduler_is_left_to_it(fleet: Any, workload: Workload) -> None:
    """Two endpoints, one after the other: when the second is bound, the first had its chance."""
    foreign = workload(replicas=1, instanceType=G5, kubernetes={"schedulerName": "somebody-elses"})
    deployment = foreign[-1] | {"metadata": foreign[-1]["metadata"] | {"name": "foreign"}}
    deployment["spec"]["selector"] = {"matchLabels": {"app": "foreign"}}
    deployment["spec"]["template"]["metadata"]["labels"] = {"app": "foreign"}
    await fleet.client.apply(deployment, "fleet")
    try:
        await fleet.place(workload(replicas=1, instanceType=G5))
        (pod,) = await fleet.pods(deployment)
        assert "nodeName" not in pod["spec"]
    finally:
        await fleet.remove(deployment)


async def test_a_partition_of_a_gpu_is_found_behind_the_gpus_taint(fleet: Any, workload: Workload) -> None:
    node, _ = fleet.of(P4D)
    mig = "nvidia.com/mig-1g.5gb"
    await fleet.offer(node, {mig: "56", "nvidia.com/gpu": "0"})
    await fleet.taint(node, "nvidia.com/gpu", "present")
    try:
        assert set(await fleet.place(workload(replicas=2, accelerator=mig, instanceType=P4D))) == {node}
    finally:
        await fleet.heal(node)
