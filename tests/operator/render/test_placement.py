"""Where pods may run: the order of instance types survives, other wishes pass as written."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from hyperpod_inference.render.placement import distinct, weights

Specs = Callable[..., dict[str, Any]]
KEY = "node.kubernetes.io/instance-type"


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, (100,)),
        (2, (100, 1)),
        (3, (100, 50, 1)),
        (4, (100, 67, 34, 1)),
        (6, (100, 80, 60, 41, 21, 1)),
        (10, (100, 89, 78, 67, 56, 45, 34, 23, 12, 1)),
    ],
)
def test_weights_go_down_in_even_steps(count: int, expected: tuple[int, ...]) -> None:
    assert weights(count) == expected


@pytest.mark.parametrize("count", range(2, 101))
def test_weights_keep_to_the_bounds_and_never_tie(count: int) -> None:
    given = weights(count)
    assert given[0] == 100
    assert given[-1] == 1
    assert all(high > low for high, low in pairwise(given))


def test_instance_types_become_a_required_set_and_an_order(pod_spec: Specs) -> None:
    affinity = pod_spec(instanceTypes=["ml.p4d.24xlarge", "ml.g5.24xlarge"])["affinity"]["nodeAffinity"]
    (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term["matchExpressions"] == [
        {"key": KEY, "operator": "In", "values": ["ml.p4d.24xlarge", "ml.g5.24xlarge"]}
    ]
    wishes = affinity["preferredDuringSchedulingIgnoredDuringExecution"]
    assert [(w["weight"], w["preference"]["matchExpressions"][0]["values"]) for w in wishes] == [
        (100, ["ml.p4d.24xlarge"]),
        (1, ["ml.g5.24xlarge"]),
    ]


def test_a_list_of_types_exempts_the_pod_from_the_built_in_spreading(pod_spec: Specs) -> None:
    (constraint,) = pod_spec(instanceTypes=["ml.p4d.24xlarge", "ml.g5.24xlarge"])["topologySpreadConstraints"]
    assert constraint["whenUnsatisfiable"] == "ScheduleAnyway"
    assert constraint["topologyKey"] == "kubernetes.io/os"
    assert constraint["labelSelector"]["matchLabels"]["app"] == "chat"


@pytest.mark.parametrize(
    "given", [{"instanceType": "ml.g5.8xlarge"}, {"instanceTypes": ["ml.g5.8xlarge", "ml.g5.8xlarge"]}]
)
def test_one_type_is_required_and_spreading_stays_the_schedulers(
    pod_spec: Specs, given: dict[str, Any]
) -> None:
    spec = pod_spec(**given)
    assert list(spec["affinity"]["nodeAffinity"]) == ["requiredDuringSchedulingIgnoredDuringExecution"]
    assert "topologySpreadConstraints" not in spec


def test_node_affinity_passes_as_written(pod_spec: Specs) -> None:
    affinity = {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [{"key": "team", "operator": "Exists"}]}]
        }
    }
    assert pod_spec(nodeAffinity=affinity)["affinity"] == {"nodeAffinity": affinity}


def test_without_any_wish_no_affinity_is_made(pod_spec: Specs) -> None:
    assert {"affinity", "topologySpreadConstraints", "schedulerName"}.isdisjoint(pod_spec())


def test_the_scheduler_is_the_users(pod_spec: Specs) -> None:
    assert pod_spec(kubernetes={"schedulerName": "strict"})["schedulerName"] == "strict"


@pytest.mark.parametrize(
    ("amounts", "tolerated"),
    [
        ({"nvidia.com/gpu": 1}, ["nvidia.com/gpu"]),
        ({"nvidia.com/gpu": "0"}, []),
        ({"cpu": 4}, []),
        ({"nvidia.com/mig-1g.5gb": 1}, ["gpu-task", "nvidia.com/gpu", "nvidia.com/mig-1g.5gb"]),
        ({"aws.amazon.com/neurondevice": 2, "vpc.amazonaws.com/efa": 1}, None),
    ],
)
def test_taints_of_the_asked_devices_are_tolerated_and_of_unhealthy_nodes_are_not(
    pod_spec: Specs, amounts: dict[str, Any], tolerated: list[str] | None
) -> None:
    spec = pod_spec(worker={"resources": {"limits": None, "requests": amounts}})
    keys = [each["key"] for each in spec.get("tolerations", [])]
    assert keys == (sorted(amounts) if tolerated is None else tolerated)


def test_a_type_named_twice_counts_once() -> None:
    assert distinct(["b", "a", "b"]) == ("b", "a")
