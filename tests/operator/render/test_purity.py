"""The same input gives the same bytes, and a field moves nothing but what it is about."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render import Rendered, render
from hyperpod_inference.render.identity import bounded, digest

Renders = Callable[..., Rendered]


def _bytes(rendered: Rendered) -> list[str]:
    return [json.dumps(manifest) for manifest in rendered.manifests]


def test_rendering_twice_gives_the_same_bytes(example: InferenceEndpointConfig) -> None:
    once, twice = (render(example, OperatorSettings()) for _ in range(2))
    assert _bytes(once) == _bytes(twice)
    assert once.not_built == twice.not_built


@pytest.mark.parametrize(
    ("spec", "moved"),
    [
        ({"replicas": 7}, {"Deployment"}),
        ({"worker": {"image": "other:1"}}, {"Deployment"}),
        ({"instanceTypes": ["ml.g5.8xlarge"]}, {"Deployment"}),
        (
            {"modelSourceConfig": {"modelLocation": "b"}},
            {"PersistentVolume", "PersistentVolumeClaim", "Deployment"},
        ),
        ({"worker": {"modelInvocationPort": {"containerPort": 9000}}}, {"Deployment"}),
        ({"metrics": {"enabled": False}}, set()),
        ({"tags": [{"name": "team", "value": "a"}]}, {"Ingress"}),
        ({"invocationEndpoint": "v1/chat/completions"}, {"Ingress"}),
        ({"autoScalingSpec": {"maxReplicaCount": 9}}, set()),
    ],
    ids=lambda value: next(iter(value), "nothing") if isinstance(value, dict) else "",
)
def test_a_field_moves_only_the_objects_that_it_is_about(
    rendered: Renders, spec: dict[str, Any], moved: set[str]
) -> None:
    before, after = rendered(), rendered(**spec)
    kinds = [manifest["kind"] for manifest in before.manifests]
    changed = zip(kinds, _bytes(before), _bytes(after), strict=True)
    assert {kind for kind, old, new in changed if old != new} == moved


def test_every_object_is_labelled_for_pruning_and_owned_where_it_can_be(rendered: Renders) -> None:
    for manifest in rendered().manifests:
        assert manifest["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "hyperpod-inference"
        assert manifest["metadata"]["labels"]["deploying-service"] == "hyperpod-inference"
        assert ("ownerReferences" in manifest["metadata"]) == ("namespace" in manifest["metadata"])


def test_an_endpoint_without_uid_renders_without_owners(rendered: Renders) -> None:
    made = rendered(metadata={"uid": None})
    assert not [m for m in made.manifests if "ownerReferences" in m["metadata"]]


@given(st.text("abcdefgh-", min_size=1, max_size=300), st.integers(20, 253))
def test_a_bounded_name_fits_and_is_kept_when_it_fits_already(name: str, limit: int) -> None:
    made = bounded(name, limit, "-x")
    assert len(made) <= limit
    assert made.endswith("-x")
    assert made == name + "-x" or len(name) + 2 > limit


def test_cut_names_of_different_origins_stay_different() -> None:
    assert bounded("a" * 300, 63) != bounded("a" * 301, 63)


def test_a_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest("a-b", "c") != digest("a", "b-c")
