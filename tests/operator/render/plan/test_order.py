"""When the order of instance types is only a preference: said for each reason, and not said without one.

That the bound agrees with a real scheduler is tested in tests/operator/placement.
"""

from typing import Any

import pytest

from hyperpod_inference.local import nodes
from hyperpod_inference.render.plan.order import only_a_preference
from hyperpod_inference.render.plan.room import Room, rooms

Body = dict[str, Any]
TYPES = (
    "ml.p5.48xlarge",
    "ml.p4d.24xlarge",
    "ml.g6e.48xlarge",
    "ml.g5.48xlarge",
    "ml.g6.48xlarge",
    "ml.g6e.24xlarge",
    "ml.g5.24xlarge",
)
HEAVY = {"cpu": "11", "memory": "80Gi"}
"""Eight of these fill the processors of an ml.p4d.24xlarge; the other types have more for each GPU."""
NEUTRAL = {"topologyKey": "kubernetes.io/os"}


def fleet(*types: str) -> tuple[Room, ...]:
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    made = nodes.make(types)
    return rooms([node.body() | {"status": {"allocatable": node.allocatable()} | ready} for node in made], [])


def pod(cpu: str = "4", memory: str = "24Gi", **fields: Any) -> Body:
    requests = {"cpu": cpu, "memory": memory, "nvidia.com/gpu": "1"}
    spread = {"topologySpreadConstraints": [NEUTRAL]}
    return {"containers": [{"resources": {"requests": requests}}]} | spread | fields


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (pod(), None),
        (pod(**HEAVY), "of 20 replicas would go to a less preferred type"),
        (pod(**HEAVY, schedulerName="hyperpod-inference-strict"), None),
        (pod(schedulerName="mine"), "scheduler mine decides"),
        (pod(schedulerName="default-scheduler"), None),
        (pod(topologySpreadConstraints=[NEUTRAL, {"topologyKey": "zone"}]), "also spread over zone"),
        (pod(affinity={"podAntiAffinity": {"x": []}}), "an affinity to other pods"),
    ],
)
def test_each_reason_is_a_sentence(spec: Body, said: str | None) -> None:
    found = only_a_preference(TYPES, spec, 20, fleet(*TYPES))
    assert (said in " ".join(found)) if said else found == ()


def test_a_type_that_the_cluster_has_not_is_no_rival() -> None:
    assert only_a_preference(TYPES, pod(**HEAVY), 20, fleet(TYPES[1])) == ()


def test_one_replica_never_fills_a_node() -> None:
    assert only_a_preference(TYPES, pod(**HEAVY), 1, fleet(*TYPES)) == ()


def test_a_node_affinity_of_the_users_own_is_a_wish_as_written() -> None:
    wish = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1}]}}
    (said,) = only_a_preference((), pod(affinity=wish), 3, fleet(*TYPES))
    assert said.startswith("spec.nodeAffinity is passed on as written")


def test_of_a_large_cluster_only_a_part_is_compared() -> None:
    many = fleet(*TYPES) * 40
    assert "compares only some" in " ".join(only_a_preference(TYPES, pod(), 3, many))
