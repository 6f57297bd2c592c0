"""An upgrade of the operator restarts no pod: its containers stay until the endpoint itself changes."""

import copy
from typing import Any, cast

import pytest

from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.hub_endpoint import GatedModel, HubEndpoint
from hyperpod_inference.api.parse import parse
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.controllers.upgrade import with_running_images
from hyperpod_inference.render import render

Body = dict[str, Any]


def deployment(sidecar: str = "sidecar:1", model: str = "vllm:1") -> Body:
    """A Deployment with the model and, as a native sidecar, the operator's proxy."""
    containers = [{"name": "chat", "image": model, "env": []}]
    sidecars = [{"name": names.SIDECAR_CONTAINER, "image": sidecar, "restartPolicy": "Always"}]
    pods = {"containers": containers, "initContainers": sidecars}
    return {"kind": "Deployment", "metadata": {"name": "chat"}, "spec": {"template": {"spec": pods}}}


def stored(manifest: Body) -> Body:
    """The Deployment as the API server keeps it, with its defaults."""
    live = copy.deepcopy(manifest)
    live["spec"]["template"]["spec"]["containers"][0].pop("env")
    live["spec"]["template"]["spec"] |= {"dnsPolicy": "ClusterFirst"}
    return live


def gated_model(endpoint: InferenceEndpointConfig) -> HubEndpoint:
    """The same endpoint with weights that its pods download by themselves."""
    role = "arn:aws:iam::111122223333:role/gated"
    model = GatedModel(
        hub="SageMakerPublicHub", model_id="m", version="1.0.0", artifact="s3://b/m", role=role
    )
    return HubEndpoint.model_construct(**dict(endpoint), gated=model)


def test_a_newer_image_of_the_operators_own_container_waits() -> None:
    assert with_running_images(deployment(sidecar="sidecar:2"), stored(deployment())) == deployment()


def test_it_comes_with_the_next_change_of_the_endpoint() -> None:
    changed = deployment(sidecar="sidecar:2", model="vllm:2")
    assert with_running_images(changed, stored(deployment())) == changed


@pytest.mark.parametrize("live", [None, stored(deployment())], ids=["new", "as it was"])
def test_where_nothing_differs_nothing_is_changed(live: Body | None) -> None:
    assert with_running_images(deployment(), live) == deployment()


def test_a_container_that_is_new_is_added() -> None:
    without = stored(deployment())
    without["spec"]["template"]["spec"].pop("initContainers")
    assert with_running_images(deployment(), without) == deployment()


@pytest.mark.parametrize(
    "other",
    [
        {"pod_name": "another"},
        {"metrics_port": 9999},
        {"health_port": 9998},
        {"sidecar_image": "sidecar:2"},
        {"collector_image": "collector:2"},
    ],
    ids=lambda value: next(iter(value)),
)
@pytest.mark.parametrize("gated", [False, True], ids=["plain", "gated"])
def test_settings_of_the_operator_itself_are_not_in_a_pod(other: Body, gated: bool, example: Body) -> None:
    endpoint = gated_model(cast(InferenceEndpointConfig, parse(example))) if gated else parse(example)
    assert isinstance(endpoint, InferenceEndpointConfig)
    before = render(endpoint, OperatorSettings()).manifests
    after = render(endpoint, OperatorSettings().model_copy(update=other)).manifests
    live = {each["metadata"]["name"]: each for each in before if each["kind"] == "Deployment"}
    kept = [with_running_images(each, live.get(each["metadata"]["name"])) for each in after]
    assert [each for each in kept if each["kind"] == "Deployment"] == [*live.values()]
