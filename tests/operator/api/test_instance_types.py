"""The table of instance types."""

import pytest

from hyperpod_inference.api.instance_types import INSTANCE_TYPES, efa_interfaces


@pytest.mark.parametrize(
    ("name", "accelerators", "kind", "memory", "resource"),
    [
        ("ml.g5.8xlarge", 1, "NVIDIA A10G", 24, "nvidia.com/gpu"),
        ("ml.g5.24xlarge", 4, "NVIDIA A10G", 24, "nvidia.com/gpu"),
        ("ml.p4d.24xlarge", 8, "NVIDIA A100", 40, "nvidia.com/gpu"),
        ("ml.p5.48xlarge", 8, "NVIDIA H100", 80, "nvidia.com/gpu"),
        ("ml.p6-b200.48xlarge", 8, "NVIDIA B200", 180, "nvidia.com/gpu"),
        ("ml.trn1.32xlarge", 16, "AWS Trainium", 32, "aws.amazon.com/neurondevice"),
        ("ml.m5.large", 0, None, 0, None),
    ],
)
def test_a_type_has_its_accelerators(
    name: str, accelerators: int, kind: str | None, memory: int, resource: str | None
) -> None:
    found = INSTANCE_TYPES[name]
    assert (found.accelerator_count, found.accelerator) == (accelerators, kind)
    assert (found.accelerator_memory_gib, found.accelerator_resource) == (memory, resource)


def test_accelerators_memory_and_resource_go_together() -> None:
    for each in INSTANCE_TYPES.values():
        assert bool(each.accelerator_count) == bool(each.accelerator) == bool(each.accelerator_memory_gib)
        assert bool(each.accelerator_resource) == bool(each.accelerator_count)
        assert each.name.startswith("ml.")
        assert each.vcpus > 0
        assert each.memory_gib > 0


@pytest.mark.parametrize(
    ("name", "interfaces"),
    [("ml.p5.48xlarge", 32), ("ml.p5en.48xlarge", 16), ("ml.g5.xlarge", 0), ("ml.new.1xlarge", 0)],
)
def test_a_type_has_its_fabric_adapters_and_an_unknown_one_none(name: str, interfaces: int) -> None:
    assert efa_interfaces(name) == interfaces
