"""The entry of an endpoint in a gateway that others share: what is applied, and what is taken out."""

from collections.abc import Callable
from typing import Any

import pytest

from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.render.gateway import gateway_name, joined, left

Body = dict[str, Any]
Endpoints = Callable[..., InferenceEndpointConfig]
OTHER = {"name": "other", "modelName": "other", "modelSelector": {"matchLabels": {"app": "other"}}}


def link(name: str | None = "shared", **more: Any) -> Body:
    return {"inferenceGateway": {"enabled": True, "name": name}, **more}


def gateway(*schedulers: Body, bbr: bool = False) -> Body:
    spec = {"bbr": {"enabled": bbr}, "schedulers": [*schedulers]}
    return {"metadata": {"name": "shared", "resourceVersion": "7"}, "spec": spec}


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ({}, None),
        ({"inferenceGateway": {"enabled": False, "name": "shared"}}, None),
        (link("shared"), "shared"),
        (link(None), "inf-igw-uid-1"),
        (link(""), "inf-igw-uid-1"),
    ],
)
def test_the_gateway_is_the_one_that_is_named_or_one_of_the_endpoints_own(
    endpoint: Endpoints, spec: Body, name: str | None
) -> None:
    assert gateway_name(endpoint(**spec)) == name


def test_the_entry_finds_the_models_pods(endpoint: Endpoints) -> None:
    made = joined(endpoint(**link(), modelName="llama"), None)
    assert made["metadata"] == {"name": "shared", "namespace": "team-a"}
    assert made["spec"]["bbr"] == {"enabled": False}
    assert made["spec"]["schedulers"] == [
        {
            "name": "chat",
            "modelName": "llama",
            "targetPort": 8000,
            "modelSelector": {"matchLabels": {"app": "chat", "deploying-service": "hyperpod-inference"}},
        }
    ]


def test_with_separate_servers_it_finds_those_that_decode(endpoint: Endpoints) -> None:
    spec = link(pdSpec={"prefillSpec": {}, "decodingSpec": {}}, worker={"args": ["m"]})
    (entry,) = joined(endpoint(**spec), None)["spec"]["schedulers"]
    labels = entry["modelSelector"]["matchLabels"]
    assert labels["inference.sagemaker.aws.amazon.com/dpd-role"] == "decode"


@pytest.mark.parametrize(
    ("live", "reads_bodies"),
    [
        (gateway({**OTHER, "name": "chat"}), False),
        (gateway(OTHER), True),
        (gateway({**OTHER, "name": "chat"}, bbr=True), True),
    ],
    ids=["alone", "the second", "on already"],
)
def test_bodies_are_read_from_the_second_model_on_and_never_less(
    endpoint: Endpoints, live: Body, reads_bodies: bool
) -> None:
    assert joined(endpoint(**link()), live)["spec"]["bbr"] == {"enabled": reads_bodies}


def test_leaving_takes_out_the_one_entry_of_the_version_that_was_seen() -> None:
    assert left(gateway(OTHER, {**OTHER, "name": "chat"}), "chat") == [
        {"op": "test", "path": "/metadata/resourceVersion", "value": "7"},
        {"op": "remove", "path": "/spec/schedulers/1"},
    ]


@pytest.mark.parametrize("schedulers", [[OTHER], [{**OTHER, "name": "chat"}]], ids=["not in it", "the last"])
def test_a_gateway_is_never_left_without_schedulers(schedulers: list[Body]) -> None:
    assert left(gateway(*schedulers), "chat") == []
