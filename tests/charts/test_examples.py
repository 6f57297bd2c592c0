"""The example endpoints: at least one for every block of the API, valid, without a warning, and rendered."""

from __future__ import annotations

from typing import Any

import pytest

from hyperpod_charts.example import example, folder
from hyperpod_inference.api.check import check, is_ours
from hyperpod_inference.api.documents import Document, read
from hyperpod_inference.api.endpoint import EndpointSpec, InferenceEndpointConfig
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render import render

NAMES = sorted(entry.name for entry in folder().iterdir())
# Blocks of an endpoint that no example has to show: without effect, or bookkeeping.
WITHOUT_EXAMPLE = {"InitialReplicaCount", "metricsCollectorResources"}


def documents(name: str) -> list[Document]:
    return list(read((folder() / name).read_text("utf-8"), name))


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_taken_without_an_error_or_a_warning(name: str) -> None:
    assert [finding for each in documents(name) if is_ours(each) for finding in check(each)] == []


@pytest.mark.parametrize("name", NAMES)
def test_an_example_begins_by_saying_what_it_shows(name: str) -> None:
    first = (folder() / name).read_text("utf-8").splitlines()[0]
    assert first.startswith("# ")
    assert len(first) > 40


@pytest.mark.parametrize("name", NAMES)
def test_every_endpoint_among_them_is_rendered(name: str) -> None:
    settings = OperatorSettings(region="us-west-2", eks_cluster_name="example")
    for document in documents(name):
        if is_ours(document) and isinstance(endpoint := document.parse(), InferenceEndpointConfig):
            kinds = {body["kind"] for body in render(endpoint, settings).manifests}
            assert "Deployment" in kinds


def test_no_two_of_them_have_the_same_name_so_that_all_can_be_applied() -> None:
    found = [(body["kind"], body["metadata"]["name"]) for name in NAMES for body in example(name)]
    assert len(found) == len(set(found))


def test_every_block_of_an_endpoint_is_shown_by_an_example() -> None:
    shown: set[str] = set()
    specs: list[dict[str, Any]] = [
        body["spec"] for name in NAMES for body in example(name) if body["kind"] == "InferenceEndpointConfig"
    ]
    for spec in specs:
        shown |= set(spec)
    fields = {field.alias or name for name, field in EndpointSpec.model_fields.items()}
    assert fields - shown == WITHOUT_EXAMPLE


def test_every_source_strategy_and_cache_is_shown() -> None:
    text = "".join((folder() / name).read_text("utf-8") for name in NAMES)
    for word in ("s3", "fsx", "huggingface", "kubernetesVolume"):
        assert f"modelSourceType: {word}\n" in text
    for word in ("prefixaware", "kvaware", "tieredstorage", "redis"):
        assert f": {word}" in text
    for kind in ("JumpStartModel", "InferenceGatewayConfig"):
        assert f"kind: {kind}\n" in text
