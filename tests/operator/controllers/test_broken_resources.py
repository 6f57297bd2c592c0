"""A stored resource that breaks its schema: a patch where the apply is refused, an Event where all is."""

from typing import Any, cast

import pytest

from hyperpod_inference.api import conditions, names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.parse import parse
from hyperpod_inference.controllers.gateway_link import GatewayLink
from hyperpod_inference.controllers.statuses import UNTYPED
from hyperpod_inference.kube.errors import Invalid, ServerError

Body = dict[str, Any]
KIND = names.KIND_ENDPOINT
APPLY, PATCH = ("apply/status", KIND), ("patch/status", KIND)
NO_APPLY = ServerError(500, "", f"{UNTYPED} (default/llm-fallback): .spec.replicas: expected numeric")
NO_PATCH = Invalid(422, "Invalid", "spec: invalid data, expected int, got string evaluating rule")


def broken(world: Any, example: Body, generation: int = 1) -> None:
    metadata = example["metadata"] | {"generation": generation}
    world.cluster.put(example | {"metadata": metadata, "spec": example["spec"] | {"replicas": "three"}})


async def test_what_takes_no_apply_gets_its_status_by_a_patch(world: Any, example: Body) -> None:
    world.cluster.refusals = {APPLY: NO_APPLY}
    broken(world, example)
    writes = await world.reconcile()
    assert [verb for verb, _, _ in writes] == ["apply/status", "patch/status"]
    assert world.condition(conditions.ACCEPTED)["status"] == "False"
    assert "spec.replicas" in world.condition(conditions.ACCEPTED)["message"]
    assert await world.reconcile() == []


async def test_what_takes_no_status_at_all_gets_an_event_once_for_each_generation(
    world: Any, example: Body
) -> None:
    world.cluster.refusals = {APPLY: NO_APPLY, PATCH: NO_PATCH}
    broken(world, example)
    for _ in range(3):
        await world.reconcile()
    (event,) = world.cluster.events
    assert (event["type"], event["reason"]) == ("Warning", conditions.INVALID_SPEC)
    assert "spec.replicas" in event["message"]
    assert "cannot be put into the status" in event["message"]
    assert NO_PATCH.message in event["message"]
    assert event["involvedObject"]["name"] == "llm-fallback"
    world.cluster.events.clear()
    broken(world, example, generation=2)
    await world.reconcile()
    assert len(world.cluster.events) == 1


async def test_any_other_failure_of_the_api_server_is_tried_again(world: Any, example: Body) -> None:
    world.cluster.refusals = {APPLY: ServerError(500, "", "etcdserver: request timed out")}
    broken(world, example)
    with pytest.raises(ServerError):
        await world.reconcile()
    assert world.cluster.events == []


async def test_a_resource_that_nobody_can_let_go_says_so(world: Any, example: Body) -> None:
    world.cluster.put(example)
    await world.reconcile()
    body = world.cluster.objects[KIND][("default", "llm-fallback")]
    deleted = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    world.cluster.put({**body, "metadata": {**body["metadata"], **deleted}})
    world.cluster.refusals = {("patch", KIND): NO_PATCH}
    world.cluster.events.clear()
    with pytest.raises(Invalid):
        await world.reconcile()
    assert ["cannot be let go" in each["message"] for each in world.cluster.events] == [True]
    assert world.names_of("Deployment") == set()


@pytest.mark.parametrize("spec", [None, "text", {"inferenceGateway": "text"}])
async def test_an_endpoint_without_a_usable_spec_hides_no_other_from_their_gateway(
    spec: Any, world: Any, example: Body
) -> None:
    other = example | {"metadata": example["metadata"] | {"name": "other"}, "spec": spec}
    linked = example | {"spec": example["spec"] | {"inferenceGateway": {"enabled": True, "name": "shared"}}}
    for each in (other, linked):
        world.caches.endpoints.put(each)
    gateway = {"metadata": {"name": "shared", "namespace": "default"}}
    assert world.caches.endpoints_of_gateway(gateway) == [("default", "llm-fallback")]


async def test_a_broken_gateway_is_told_on_its_endpoint_and_holds_up_no_deletion(
    world: Any, example: Body
) -> None:
    gateway = {
        "apiVersion": names.API_VERSION_ALPHA,
        "kind": names.KIND_GATEWAY,
        "metadata": {"name": "shared", "namespace": "default"},
        "spec": {"schedulers": "none"},
    }
    world.cluster.put(gateway)
    spec = example["spec"] | {"inferenceGateway": {"enabled": True, "name": "shared"}}
    endpoint = cast(InferenceEndpointConfig, parse(example | {"spec": spec}))
    link = GatewayLink(world.cluster)
    none, failures = await link.keep(endpoint, {})
    assert none is None
    assert ["spec.schedulers" in each.error.message for each in failures] == [True]
    await link.leave("default", "shared", "llm-fallback")
    assert world.cluster.writes == []
