"""Which replica is on which instance type, and why not on a more preferred one."""

from typing import Any

from hyperpod_inference.status.placements import placements

P4D, G5 = "ml.p4d.24xlarge", "ml.g5.8xlarge"


def node(name: str, instance_type: str, gpus: int) -> dict[str, Any]:
    labels = {"node.kubernetes.io/instance-type": instance_type}
    return {
        "metadata": {"name": name, "labels": labels},
        "status": {"allocatable": {"nvidia.com/gpu": str(gpus)}},
    }


def pod(name: str, on: str | None, gpus: int = 1, phase: str = "Running") -> dict[str, Any]:
    spec: dict[str, Any] = {"containers": [{"resources": {"requests": {"nvidia.com/gpu": str(gpus)}}}]}
    if on:
        spec["nodeName"] = on
    return {"metadata": {"namespace": "default", "name": name}, "spec": spec, "status": {"phase": phase}}


NODES = [node("a", P4D, 8), node("b", G5, 1)]


def test_a_replica_on_the_first_type_is_the_first_choice() -> None:
    replica = pod("llm-1", "a")
    (row,) = placements([P4D, G5], [replica], NODES, [replica])
    assert (row.choice, row.instance_type, row.node) == (1, P4D, "a")
    assert row.why == "first choice, and it had room"


def test_a_fallback_names_who_holds_the_preferred_type() -> None:
    first, second = pod("llm-1", "a"), pod("llm-2", "b")
    rows = placements([P4D, G5], [second, first], NODES, [first, second, pod("training", "a", 7)])
    assert [row.choice for row in rows] == [1, 2]
    assert rows[1].why == "ml.p4d.24xlarge: 8 of 8 GPUs taken (7 by default/training, 1 by this endpoint)"


def test_finished_pods_hold_nothing() -> None:
    replica, done = pod("llm-1", "b"), pod("done", "a", 8, phase="Succeeded")
    (row,) = placements([P4D, G5], [replica], NODES, [replica, done])
    assert row.why == "ml.p4d.24xlarge: 0 of 8 GPUs taken"


def test_a_type_without_a_node_is_said_to_be_missing() -> None:
    replica = pod("llm-1", "b")
    (row,) = placements(["ml.p5.48xlarge", G5], [replica], NODES, [replica])
    assert row.why == "no ml.p5.48xlarge node in the cluster"


def test_an_unbound_replica_comes_last_and_says_why_every_type_was_passed() -> None:
    bound, waiting = pod("llm-1", "b"), pod("llm-0", None)
    rows = placements([P4D, G5], [waiting, bound], NODES, [bound, waiting, pod("training", "a", 8)])
    assert [row.replica for row in rows] == ["llm-1", "llm-0"]
    assert rows[1].choice == 0
    assert "8 of 8 GPUs taken (8 by default/training)" in rows[1].why
    assert "ml.g5.8xlarge: 1 of 1 GPUs taken (1 by this endpoint)" in rows[1].why
