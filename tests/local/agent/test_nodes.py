"""Nodes look like HyperPod instances."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from hyperpod_inference.local import nodes
from hyperpod_inference.local.agent import quantity
from hyperpod_inference.local.agent.context import PodAddresses

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_the_default_nodes_are_three_accelerated_ones_and_one_for_the_operator() -> None:
    table = nodes.load(None)
    gpus = {node.instance_type.name: node.capacity().get("nvidia.com/gpu") for node in table}
    assert gpus == {
        "ml.p4d.24xlarge": "8",
        "ml.g5.24xlarge": "4",
        "ml.g5.8xlarge": "1",
        "ml.c5.4xlarge": None,
    }


def test_a_node_carries_the_labels_that_awss_clients_read() -> None:
    node = nodes.load(None)[0]
    labels = node.body()["metadata"]["labels"]
    assert labels["node.kubernetes.io/instance-type"] == "ml.p4d.24xlarge"
    assert labels["sagemaker.amazonaws.com/cluster-name"]
    assert labels["sagemaker.amazonaws.com/node-health-status"] == "Schedulable"
    assert labels["topology.kubernetes.io/zone"] == "us-west-2a"
    assert labels["topology.kubernetes.io/region"] == "us-west-2"
    status = node.status(NOW, "2026-01-01T00:00:00Z")
    assert status["daemonEndpoints"]["kubeletEndpoint"]["Port"] == 10250
    assert status["addresses"] == [{"type": "InternalIP", "address": node.address}]
    ready = status["conditions"][-1]
    assert (ready["type"], ready["status"], ready["lastTransitionTime"]) == (
        "Ready",
        "True",
        "2026-01-01T00:00:00Z",
    )


def test_a_node_keeps_a_little_for_itself() -> None:
    for node in nodes.load(None):
        offered, whole = node.allocatable(), node.capacity()
        for resource in ("cpu", "memory"):
            ratio = quantity.parse(offered[resource]) / quantity.parse(whole[resource])
            assert 0.8 < ratio < 1
        assert offered.get("nvidia.com/gpu") == whole.get("nvidia.com/gpu")


def test_a_nodes_file_lists_types_counts_and_labels(tmp_path: Path) -> None:
    path = tmp_path / "nodes.yaml"
    path.write_text(
        "- ml.g5.8xlarge\n- {instanceType: ml.c5.xlarge, count: 2, zone: us-west-2b, labels: {a: b}}\n"
    )
    table = nodes.load(path)
    assert [node.instance_type.name for node in table] == ["ml.g5.8xlarge", "ml.c5.xlarge", "ml.c5.xlarge"]
    assert len({node.address for node in table} | {node.name for node in table}) == 6
    labels = table[2].body()["metadata"]["labels"]
    assert (labels["topology.kubernetes.io/zone"], labels["a"]) == ("us-west-2b", "b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- ml.none.large", "instance type 'ml.none.large' is not known"),
        ("- {type: ml.g5.8xlarge}", "expected an instance type or an object with count, instanceType"),
        ("a: b", "expected a list of instance types"),
        ("[", "nodes.yaml"),
    ],
)
def test_a_wrong_nodes_file_says_what_is_expected(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "nodes.yaml"
    path.write_text(text)
    with pytest.raises(nodes.NodesError, match=message):
        nodes.load(path)


def test_pods_get_addresses_in_turn_and_keep_the_one_they_had() -> None:
    addresses = PodAddresses("10.244.1.1", "10.244.1.3")
    assert addresses.claim("a") == "10.244.1.1"
    assert addresses.claim("a") == "10.244.1.1"
    assert addresses.claim("b", wanted="10.244.1.3") == "10.244.1.3"
    assert addresses.claim("c", wanted="10.244.1.3") == "10.244.1.2"
    with pytest.raises(RuntimeError, match="no pod address is free"):
        addresses.claim("d", wanted="192.168.0.1")
    addresses.release("a")
    assert addresses.claim("d") == "10.244.1.1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2", 2), ("500m", 0.5), ("1Ki", 1024), ("1.5Gi", 1610612736), ("1e3", 1000), (3, 3)],
)
def test_quantities_are_exact(text: str | int, expected: float) -> None:
    assert quantity.parse(text) == expected


@pytest.mark.parametrize("text", ["", "x", "1Kib", "--1"])
def test_a_wrong_quantity_is_shown(text: str) -> None:
    with pytest.raises(ValueError, match="expected a number such as"):
        quantity.parse(text)
