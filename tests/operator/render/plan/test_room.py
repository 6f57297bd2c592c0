"""What is free on a node, which nodes are open to a pod, and how many replicas each type takes."""

from decimal import Decimal
from typing import Any

import pytest

from hyperpod_inference.api.quantity import amount
from hyperpod_inference.render.plan.room import asked_for, copies, needs, obstacle, rooms
from hyperpod_inference.render.plan.seats import deciding, seats, total

Body = dict[str, Any]
GPU, TYPE = "nvidia.com/gpu", "node.kubernetes.io/instance-type"


def node(name: str, instance_type: str = "ml.g5.24xlarge", gpus: int = 4, **spec: Any) -> Body:
    labels = {TYPE: instance_type, "zone": "a", "generation": "5"}
    allocatable = {"cpu": "95920m", "memory": "384Gi", GPU: str(gpus), "pods": "110"}
    ready = [{"type": "Ready", "status": "True"}]
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": spec,
        "status": {"allocatable": allocatable, "conditions": ready},
    }


def pod_spec(gpus: int = 1, **fields: Any) -> Body:
    requests = {"cpu": "4", "memory": "24Gi"}
    return {"containers": [{"resources": {"requests": requests, "limits": {GPU: str(gpus)}}}]} | fields


def bound(to: str, gpus: int = 1, phase: str = "Running") -> Body:
    return {"metadata": {}, "spec": pod_spec(gpus, nodeName=to), "status": {"phase": phase}}


def affinity(*expressions: tuple[str, str, list[str]]) -> Body:
    terms = [
        {"matchExpressions": [dict(zip(("key", "operator", "values"), each, strict=True))]}
        for each in expressions
    ]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


def test_a_pod_counts_for_its_containers_together_or_its_largest_init_container() -> None:
    spec = {
        "initContainers": [
            {"resources": {"requests": {"cpu": "1", "memory": "2Gi"}}},
            {"restartPolicy": "Always", "resources": {"requests": {"cpu": "250m"}}},
        ],
        "containers": [
            {"resources": {"requests": {"cpu": "500m"}, "limits": {"cpu": "2", GPU: 1}}},
            {"resources": {}},
        ],
    }
    gib = Decimal(2**30)
    assert needs(spec) == {"cpu": 1, "memory": 2 * gib, GPU: 1, "pods": 1}


def test_what_is_free_is_what_living_pods_leave() -> None:
    (room,) = rooms([node("a")], [bound("a", 2), bound("a", 1, phase="Succeeded"), bound("b")])
    assert room.free[GPU] == 2
    assert room.free["cpu"] == amount("91920m")
    assert room.allocatable[GPU] == 4


@pytest.mark.parametrize(
    ("free", "need", "expected"),
    [
        ({GPU: 4, "cpu": 9}, {GPU: 1, "cpu": 4}, 2),
        ({GPU: 4}, {GPU: 1, "cpu": 4}, 0),
        ({GPU: -1, "cpu": 9}, {GPU: 1}, 0),
        ({"cpu": 9}, {GPU: 0, "cpu": 4}, 2),
    ],
)
def test_the_scarcest_resource_decides_how_many_fit(
    free: dict[str, int], need: dict[str, int], expected: int
) -> None:
    amounts = [{key: Decimal(value) for key, value in each.items()} for each in (free, need)]
    assert copies(*amounts) == expected


@pytest.mark.parametrize(
    ("spec", "tolerations", "expected"),
    [
        ({}, [], ""),
        ({"unschedulable": True}, [], "cordoned"),
        ({"taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]}, [], "tainted gpu=yes"),
        ({"taints": [{"key": "gpu", "effect": "NoExecute"}]}, [{"key": "gpu", "value": "x"}], "tainted gpu"),
        ({"taints": [{"key": "gpu", "effect": "PreferNoSchedule"}]}, [], ""),
        ({"taints": [{"key": "gpu", "effect": "NoSchedule"}]}, [{"key": "gpu", "operator": "Exists"}], ""),
        ({"taints": [{"key": "gpu", "effect": "NoSchedule"}]}, [{"operator": "Exists"}], ""),
        (
            {"taints": [{"key": "gpu", "effect": "NoExecute"}]},
            [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
            "tainted gpu",
        ),
    ],
)
def test_a_closed_node_says_why(spec: Body, tolerations: list[Body], expected: str) -> None:
    (room,) = rooms([node("a", **spec)], [])
    assert obstacle(room, {"tolerations": tolerations}) == expected


def test_a_node_that_is_not_ready_is_closed() -> None:
    silent = node("a")
    silent["status"]["conditions"] = [{"type": "Ready", "status": "Unknown"}]
    (room,) = rooms([silent], [])
    assert obstacle(room, {}) == "not ready"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, True),
        ({"nodeSelector": {"zone": "b"}}, False),
        ({"affinity": affinity((TYPE, "In", ["ml.g5.24xlarge"]))}, True),
        ({"affinity": affinity((TYPE, "NotIn", ["ml.g5.24xlarge"]))}, False),
        ({"affinity": affinity(("team", "NotIn", ["x"]))}, True),
        ({"affinity": affinity(("team", "Exists", []), ("zone", "Exists", []))}, True),
        ({"affinity": affinity(("team", "DoesNotExist", []))}, True),
        ({"affinity": affinity(("generation", "Gt", ["4"]))}, True),
        ({"affinity": affinity(("generation", "Lt", ["5"]))}, False),
        ({"affinity": affinity(("zone", "Gt", ["4"]))}, False),
        ({"affinity": affinity(("team", "Gt", ["4"]))}, False),
    ],
)
def test_the_node_affinity_is_read_as_the_scheduler_does(spec: Body, expected: bool) -> None:
    (room,) = rooms([node("a")], [])
    assert asked_for(room, spec) is expected


def test_types_take_replicas_in_their_order_and_one_that_is_missing_is_shown() -> None:
    types = ["ml.p5.48xlarge", "ml.g5.8xlarge", "ml.g5.24xlarge"]
    spec = pod_spec(affinity=affinity((TYPE, "In", types)))
    nodes = [node("a"), node("b", "ml.g5.8xlarge", 1), node("c", "ml.g6.8xlarge", 1)]
    found = seats(spec, 4, types, rooms(nodes, [bound("a", 2)]))
    rows = [(row.choice, row.instance_type, row.nodes, row.free, row.fits, row.takes) for row in found.rows]
    assert rows == [(1, types[0], 0, 0, 0, 0), (2, types[1], 1, 1, 1, 1), (3, types[2], 1, 2, 2, 2)]
    assert found.nodes == ("b", "a", "a")
    assert found.asked == 4


def test_a_closed_node_counts_for_nothing_and_is_named() -> None:
    found = seats(pod_spec(), 1, [], rooms([node("a", unschedulable=True)], []))
    (row,) = found.rows
    assert (row.choice, row.nodes, row.fits, row.free, row.total) == (0, 1, 0, 0, 0)
    assert row.closed == ("a is cordoned",)


@pytest.mark.parametrize(
    ("need", "resource"),
    [
        ({"cpu": 1, GPU: 1, "vpc.amazonaws.com/efa": 4}, GPU),
        ({"cpu": 1, "nvidia.com/mig-1g.5gb": 1}, "nvidia.com/mig-1g.5gb"),
        ({"cpu": 1, GPU: 0}, "cpu"),
    ],
)
def test_the_accelerator_is_what_a_table_counts(need: dict[str, int], resource: str) -> None:
    assert deciding({key: Decimal(value) for key, value in need.items()}) == resource


def test_all_replicas_together_need_so_much() -> None:
    assert total(needs(pod_spec(2)), 3) == {"cpu": 12, "memory": 72 * 2**30, GPU: 6}
