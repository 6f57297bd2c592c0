"""The endpoint's reconcile: what it writes, in which order, and that it writes nothing twice."""

from typing import Any, cast

import pytest

from hyperpod_inference.api import conditions, names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.parse import parse
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.api.statuses import EndpointStatus
from hyperpod_inference.controllers import removal
from hyperpod_inference.kube.errors import ApiError, Conflict, Forbidden
from hyperpod_inference.kube.resources import DEPLOYMENTS
from hyperpod_inference.render import render

Body = dict[str, Any]
HUGGING_FACE = {"modelSourceType": "huggingface", "huggingFaceModel": {"modelId": "org/model"}}


async def test_a_new_endpoint_gets_its_children_then_its_status(world: Any, example: Body) -> None:
    world.cluster.put(example)
    writes = await world.reconcile()
    rendered = render(cast(InferenceEndpointConfig, parse(example)), OperatorSettings())
    wanted: Any = rendered.in_apply_order
    applied = [(kind, name) for verb, kind, name in writes if verb == "apply"]
    assert applied == [(each["kind"], each["metadata"]["name"]) for each in wanted]
    assert writes[-1] == ("apply/status", names.KIND_ENDPOINT, "llm-fallback")
    assert [verb for verb, _, _ in writes].count("apply/status") == 1
    EndpointStatus.model_validate(world.status())
    assert world.condition(conditions.ACCEPTED)["status"] == "True"
    assert world.cluster.events != []


async def test_once_all_is_as_it_should_be_nothing_is_written(world: Any, example: Body) -> None:
    world.cluster.put(example)
    await world.reconcile()
    await world.reconcile()
    events = len(world.cluster.events)
    assert await world.reconcile() == []
    assert len(world.cluster.events) == events


async def test_a_cache_that_is_behind_its_own_status_write_repeats_nothing(world: Any, example: Body) -> None:
    body = world.cluster.put(example)
    await world.reconcile()
    world.caches.endpoints.put(body)  # as before the write
    assert world.statuses.previous(body) == world.status()


async def test_a_foreign_edit_of_a_child_is_repaired(world: Any, example: Body) -> None:
    world.cluster.put(example)
    await world.reconcile()
    await world.reconcile()
    deployment = world.cluster.objects["Deployment"][("default", "llm-fallback")]
    world.cluster.put(deployment | {"spec": deployment["spec"] | {"replicas": 9}})
    assert ("apply", "Deployment", "llm-fallback") in await world.reconcile()
    assert world.cluster.objects["Deployment"][("default", "llm-fallback")]["spec"]["replicas"] == 3


async def test_a_cached_deployment_older_than_the_answer_to_the_apply_does_not_count(
    world: Any, example: Body, edited: Any
) -> None:
    world.cluster.put(example)
    await world.reconcile()
    key = ("default", "llm-fallback")
    old = world.cluster.objects["Deployment"][key]
    complete = {"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3}
    old = world.cluster.put(
        old | {"metadata": old["metadata"] | {"generation": 1}, "status": complete | {"availableReplicas": 3}}
    )
    await world.reconcile()
    assert world.condition(conditions.WORKLOAD_READY)["status"] == "True"
    edited(replicas=4)
    world.settle()
    answer = world.cluster.put(old | {"metadata": old["metadata"] | {"generation": 2}})
    world.caches.children[DEPLOYMENTS].put(old)  # the watch has not brought the new one yet
    await world.reconciler(key)
    assert answer["metadata"]["generation"] == 2
    assert world.condition(conditions.WORKLOAD_READY)["status"] == "False"


async def test_a_scaler_keeps_its_replicas(world: Any, example: Body) -> None:
    target = {"kind": "Deployment", "name": "llm-fallback"}
    scaler = {"metadata": {"name": "s", "namespace": "default"}, "spec": {"scaleTargetRef": target}}
    world.caches.scalers.put(scaler)
    world.cluster.put(example)
    await world.reconcile()
    assert "replicas" not in world.cluster.objects["Deployment"][("default", "llm-fallback")]["spec"]


async def test_what_the_spec_no_longer_asks_for_is_removed(world: Any, example: Body, edited: Any) -> None:
    world.cluster.put(example)
    await world.reconcile()
    edited(modelSourceConfig=HUGGING_FACE)
    writes = await world.reconcile()
    removed = [(verb, kind) for verb, kind, _ in writes if verb == "delete"]
    assert removed == [("delete", "PersistentVolumeClaim"), ("delete", "PersistentVolume")]
    assert world.names_of("PersistentVolume") == set()
    assert world.names_of("Deployment") == {"llm-fallback"}


async def test_children_of_an_earlier_endpoint_of_the_same_name_are_left_to_the_garbage_collector(
    world: Any, example: Body
) -> None:
    labels = {
        names.LABEL_OWNER_KIND: names.KIND_ENDPOINT,
        names.LABEL_OWNER_NAME: "llm-fallback",
        names.LABEL_OWNER_NAMESPACE: "default",
    }
    owners = [{"uid": "earlier"}]
    metadata = {"name": "old", "namespace": "default", "labels": labels, "ownerReferences": owners}
    world.cluster.put({"apiVersion": "v1", "kind": "Service", "metadata": metadata})
    world.cluster.put(example)
    await world.reconcile()
    assert "old" in world.names_of("Service")


async def test_the_finalizer_comes_before_the_first_child(world: Any, example: Body) -> None:
    world.cluster.put(example | {"spec": example["spec"] | {"modelSourceConfig": HUGGING_FACE}})
    assert (await world.reconcile())[0] == ("patch", names.KIND_ENDPOINT, "llm-fallback")


def deleting(world: Any) -> Body:
    """The endpoint, as it is once the user has deleted it."""
    body = world.cluster.objects[names.KIND_ENDPOINT][("default", "llm-fallback")]
    assert body["metadata"]["finalizers"] == [names.FINALIZER]
    marked: Body = {**body, "metadata": {**body["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}
    world.cluster.put(marked)
    return marked


async def test_deletion_removes_routing_then_workload_then_volumes_then_the_finalizer(
    world: Any, example: Body
) -> None:
    world.cluster.put(example)
    await world.reconcile()
    gone = deleting(world)
    writes = await world.reconcile()
    assert [(verb, kind) for verb, kind, _ in writes] == [
        ("delete", "Service"),
        ("delete", "Service"),
        ("delete", "Ingress"),
        ("delete", "Deployment"),
        ("delete", "PersistentVolumeClaim"),
        ("delete", "PersistentVolume"),
        ("patch", names.KIND_ENDPOINT),
    ]
    assert world.names_of(names.KIND_ENDPOINT) == set()
    world.caches.endpoints.put(gone)  # the cache is behind: it still shows the endpoint
    world.cluster.writes.clear()
    await world.reconciler(("default", "llm-fallback"))
    assert world.cluster.writes == []
    assert await world.reconcile() == []


async def test_deletion_waits_for_somebody_elses_finalizer_on_what_leads_to_the_pods(
    world: Any, example: Body
) -> None:
    world.cluster.put(example)
    await world.reconcile()
    service = world.cluster.objects["Service"][("default", "llm-fallback")]
    held = service | {"metadata": service["metadata"] | {"finalizers": ["example.com/balancer"]}}
    world.cluster.put(held)
    deleting(world)
    assert ("delete", "Deployment", "llm-fallback") not in await world.reconcile()
    assert world.status()["state"] == "DeletionInProgress"
    world.cluster.put(held | {"metadata": held["metadata"] | {"deletionTimestamp": "2026-01-01T00:00:00Z"}})
    assert [verb for verb, _, _ in await world.reconcile() if verb == "delete"] == []
    world.moment += removal.PATIENCE
    assert ("delete", "Deployment", "llm-fallback") in await world.reconcile()
    assert world.names_of(names.KIND_ENDPOINT) == set()


async def test_a_cache_that_is_behind_writes_nothing(world: Any, example: Body, edited: Any) -> None:
    old = world.cluster.put(example)
    await world.reconcile()
    edited(modelSourceConfig=HUGGING_FACE)
    await world.reconcile()
    world.cluster.writes.clear()
    world.caches.endpoints.put(old)  # as before the edit: it asks for a volume that is gone since
    with pytest.raises(Conflict):
        await world.reconciler(("default", "llm-fallback"))
    assert world.cluster.writes == []


async def test_a_restarted_operator_writes_nothing_where_all_is_as_it_should_be(
    world: Any, example: Body
) -> None:
    world.cluster.put(example)
    await world.reconcile()
    await world.reconcile()
    world.restart()
    assert await world.reconcile() == []


async def test_a_restarted_operator_repairs_what_was_edited_meanwhile(world: Any, example: Body) -> None:
    world.cluster.put(example)
    await world.reconcile()
    world.restart()
    deployment = world.cluster.objects["Deployment"][("default", "llm-fallback")]
    world.cluster.put(deployment | {"spec": deployment["spec"] | {"replicas": 9}})
    assert ("apply", "Deployment", "llm-fallback") in await world.reconcile()


async def test_a_claim_stays_as_long_as_a_running_pod_mounts_it(
    world: Any, example: Body, edited: Any
) -> None:
    world.cluster.put(example)
    await world.reconcile()
    (claim,) = world.names_of("PersistentVolumeClaim")
    labels = world.cluster.objects["Deployment"][("default", "llm-fallback")]["metadata"]["labels"]
    volumes = [{"name": "model", "persistentVolumeClaim": {"claimName": claim}}]
    pod = {
        "metadata": {"name": "old", "namespace": "default", "uid": "uid-old", "labels": labels},
        "spec": {"nodeName": "node", "volumes": volumes, "containers": []},
        "status": {},
    }
    world.caches.pods.put(pod)
    edited(modelSourceConfig=HUGGING_FACE)
    assert [verb for verb, _, _ in await world.reconcile() if verb == "delete"] == []
    world.caches.pods.remove(("default", "old"))
    removed = [kind for verb, kind, _ in await world.reconcile() if verb == "delete"]
    assert removed == ["PersistentVolumeClaim", "PersistentVolume"]


async def test_a_deletion_that_cannot_proceed_says_why_and_keeps_the_finalizer(
    world: Any, example: Body
) -> None:
    world.cluster.put(example)
    await world.reconcile()
    body = world.cluster.objects[names.KIND_ENDPOINT][("default", "llm-fallback")]
    world.cluster.put({**body, "metadata": {**body["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}})
    world.cluster.forbidden = {("delete", "PersistentVolume")}
    with pytest.raises(Forbidden):
        await world.reconcile()
    assert world.status()["state"] == "DeletionInProgress"
    assert "cannot delete PersistentVolume" in world.condition(conditions.READY)["message"]
    world.cluster.forbidden = set()
    await world.reconcile()
    assert world.names_of(names.KIND_ENDPOINT) == set()


async def test_a_refused_write_shows_on_the_endpoint_and_is_tried_again(world: Any, example: Body) -> None:
    world.cluster.put(example)
    world.cluster.forbidden = {("apply", "Deployment")}
    with pytest.raises(ApiError) as first:
        await world.reconcile()
    with pytest.raises(ApiError) as again:
        await world.reconcile()
    assert (first.value.progress, again.value.progress) == (True, False)
    workload = world.condition(conditions.WORKLOAD_READY)
    assert (workload["status"], workload["reason"]) == ("False", conditions.APPLY_FAILED)
    assert "cannot apply Deployment" in workload["message"]
    world.cluster.forbidden = set()
    await world.reconcile()
    assert world.names_of("Deployment") == {"llm-fallback"}


@pytest.mark.parametrize(
    ("spec", "field"),
    [({"replicas": "three"}, "spec.replicas"), ({"worker": {"image": "x"}}, "spec.worker")],
)
async def test_an_endpoint_that_does_not_parse_is_refused_by_the_name_of_its_field(
    spec: Body, field: str, world: Any, example: Body
) -> None:
    world.cluster.put(example | {"spec": example["spec"] | spec})
    assert await world.reconcile() == [("apply/status", names.KIND_ENDPOINT, "llm-fallback")]
    accepted = world.condition(conditions.ACCEPTED)
    assert (accepted["status"], accepted["reason"]) == ("False", conditions.INVALID_SPEC)
    assert field in accepted["message"]
    EndpointStatus.model_validate(world.status())
    assert await world.reconcile() == []


async def test_an_edit_that_breaks_an_endpoint_leaves_alone_what_runs(
    world: Any, example: Body, edited: Any
) -> None:
    world.cluster.put(example)
    await world.reconcile()
    edited(replicas="three")
    assert await world.reconcile() == [("apply/status", names.KIND_ENDPOINT, "llm-fallback")]
    assert world.names_of("Deployment") == {"llm-fallback"}


async def test_another_look_is_asked_for_when_the_deadline_passes(world: Any, example: Body) -> None:
    world.cluster.put(example)
    world.settle()
    result = await world.reconciler(("default", "llm-fallback"))
    assert 0 < result.requeue_after <= example["spec"]["maxDeployTimeInSeconds"] + 1


async def test_an_endpoint_that_is_gone_needs_nothing(world: Any) -> None:
    assert await world.reconcile(("default", "nobody")) == []
