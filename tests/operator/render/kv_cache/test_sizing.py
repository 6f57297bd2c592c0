"""How much host memory a worker's first cache level gets: by type, share, limit; the docs' table."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.instance_types import INSTANCE_TYPES
from hyperpod_inference.render.kv_cache.reference import document
from hyperpod_inference.render.kv_cache.sizing import Demand, l1_gib, on_type, rooms
from hyperpod_inference.render.plain import plain

Body = dict[str, Any]
Makes = Callable[..., InferenceEndpointConfig]
DOCUMENT = Path(__file__).parents[4] / "docs" / "kv-cache.md"
GPU, P4D, P5, G5 = "nvidia.com/gpu", "ml.p4d.24xlarge", "ml.p5.48xlarge", "ml.g5.8xlarge"


def size(made: InferenceEndpointConfig, *, tiered: bool = False) -> int:
    return l1_gib(rooms(made.spec, plain(made.spec.worker.resources), tiered=tiered))


def limits(**amounts: str) -> Body:
    return {"resources": {"limits": {GPU: "1"} | amounts}}


@pytest.mark.parametrize(
    ("spec", "gib", "why"),
    [
        ({"instanceType": G5}, 51, "40 % of 128 / 1"),
        ({"instanceType": P4D}, 57, "40 % of 1152 / 8"),
        ({"instanceType": P4D, "worker": {"resources": {"limits": {GPU: "8"}}}}, 57, "each of 8"),
        ({"instanceTypes": [P5, P4D, G5]}, 51, "the smallest of 102, 57 and 51"),
        ({"instanceType": G5, "worker": limits(memory="40Gi")}, 16, "40 % of the limit, not of the node"),
        ({"instanceType": G5, "worker": limits(memory="500Gi")}, 51, "a limit above the node"),
        ({"worker": limits(memory="40Gi")}, 16, "no type is named: the limit"),
        ({"worker": {"resources": {"limits": {GPU: "2"}, "requests": {"memory": "40Gi"}}}}, 8, "the request"),
        ({}, 5, "nothing is known: LMCache's default"),
        ({"instanceTypes": [P5, "ml.new.1xlarge"]}, 5, "one of the types is not in the table"),
        ({"instanceTypes": [G5, P4D], "worker": {"resources": {"limits": {GPU: "4"}}}}, 57, "G5 never fits"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_worker_gets_what_is_safe_on_every_type(endpoint: Makes, spec: Body, gib: int, why: str) -> None:
    assert size(endpoint(**spec)) == gib, why


def test_tiered_storage_takes_its_part_of_the_instance_first(endpoint: Makes) -> None:
    assert size(endpoint(instanceType=P4D), tiered=True) == 46


@pytest.mark.parametrize(
    ("partition", "gib"), [("mig-1g.5gb", 8), ("mig-2g.10gb", 16), ("mig-3g.20gb", 24), ("mig-7g.40gb", 57)]
)
def test_a_partition_counts_as_its_part_of_the_gpu(endpoint: Makes, partition: str, gib: int) -> None:
    resources = {"limits": {f"nvidia.com/{partition}": "1", GPU: None}}
    assert size(endpoint(instanceType=P4D, worker={"resources": resources})) == gib


def test_prefetched_weights_are_deducted_as_far_as_their_name_tells(endpoint: Makes) -> None:
    prefetch = {"prefetchEnabled": True}
    known = endpoint(instanceType=G5, modelSourceConfig=prefetch | {"modelLocation": "Llama-3.1-8B"})
    assert size(known) == 45, "40 % of 128 - 15"
    assert size(endpoint(instanceType=G5, modelSourceConfig=prefetch | {"modelLocation": "ours"})) == 51


@pytest.mark.parametrize("kind", [each for each in INSTANCE_TYPES.values() if each.accelerator_count])
def test_all_workers_of_a_full_node_leave_more_than_half_of_it(kind: Any) -> None:
    room = on_type(kind, Demand(resource=kind.accelerator_resource, count=1), tiered=False)
    assert room is not None
    assert l1_gib([room]) * kind.accelerator_count <= kind.memory_gib * 0.4


def test_the_table_in_the_documents_is_what_make_kv_cache_writes() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert "| `ml.g5.8xlarge` | 128 | 1 x 24 | 51 | 51 | 40 | 51 | 40 % of 128 / 1 |" in text
    assert document(text) == text, "the sizes have changed: run `make kv-cache`"
