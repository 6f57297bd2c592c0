"""One endpoint: each way in which it fails is found first, with what to do."""

from collections.abc import Callable
from typing import Any

import pytest

from hyperpod_inference.api import names
from hyperpod_inference.diagnosis import cause, endpoint
from hyperpod_inference.diagnosis.endpoint import CHECKS
from hyperpod_inference.diagnosis.logs import SIGNS

World = Any
Spoil = Callable[[World], object]


def _waits(world: World, **status: Any) -> None:
    world.drop("Pod")
    world.add("Pod", world.pod(ready=False, **status))


def _container(**state: Any) -> dict[str, Any]:
    return {"name": "chat", "image": "vllm/vllm-openai:x", "ready": False, "restartCount": 2, **state}


def _ended(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    return {"lastState": {"terminated": {"exitCode": code, "reason": reason, "message": message}}}


def _not_pulled(world: World) -> None:
    state = {"state": {"waiting": {"reason": "ErrImagePull", "message": "manifest unknown"}}}
    _waits(world, containerStatuses=[_container(**state)])


def _no_room(world: World) -> None:
    told = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes: 1 Insufficient nvidia.com/gpu."}
    _waits(world, conditions=[told])


def _not_downloaded(world: World) -> None:
    status = _container(**_ended(1, message="401 Client Error: Access denied")) | {
        "name": "hf-model-downloader"
    }
    _waits(world, initContainerStatuses=[status])


def _not_mounted(world: World) -> None:
    _waits(world)
    about = {"name": "chat-1", "uid": "uid-of-chat-1"}
    message = "driver name fsx.csi.aws.com not found in the list of registered CSI drivers"
    world.add(
        "Event",
        world.named("Event", "e", "team-a", involvedObject=about, reason="FailedMount", message=message),
    )


def _refused(world: World) -> None:
    told = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: team"}
    made = world.named("Deployment", "chat", "team-a", status={"conditions": [told]})
    made["metadata"]["labels"] = world.owner()
    world.add("Deployment", made)


def _borrows(world: World) -> None:
    world.endpoint["spec"]["kubernetes"] = {"serviceAccountName": "models"}


def _borrows_what_it_may_not(world: World) -> None:
    _borrows(world)
    world.add("ServiceAccount", world.named("ServiceAccount", "models", "team-a"))


def _queued(world: World) -> None:
    world.endpoint["metadata"]["labels"] = {names.LABEL_QUEUE: "team-queue"}


def _queued_elsewhere(world: World) -> None:
    _queued(world)
    world.add("LocalQueue", world.named("LocalQueue", "other", "team-a"))


def _behind(world: World) -> None:
    world.endpoint["metadata"]["generation"] = 3


def _leaves(world: World) -> None:
    world.endpoint["metadata"]["deletionTimestamp"] = "2026-11-23T11:00:00Z"
    world.told("Ready", "Being deleted, but not done. The record is in the way.", "Deleting")


def _routed(world: World) -> None:
    made = world.named("Ingress", "alb-chat", names.OPERATOR_NAMESPACE)
    made["metadata"]["labels"] = world.owner()
    backend = {"service": {"name": "chat-team-a-routing-service"}}
    made["spec"] = {"rules": [{"http": {"paths": [{"backend": backend}]}}]}
    world.add("Ingress", made)


def _scales(world: World, **scaling: Any) -> None:
    world.endpoint["spec"]["autoScalingSpec"] = scaling
    world.add("CustomResourceDefinition", world.named("CustomResourceDefinition", names.CRD_SCALED_OBJECTS))
    keda = world.pod("keda-operator-1", phase="Running")
    keda["metadata"] = {
        "name": "keda-operator-1",
        "namespace": "kube-system",
        "labels": {"app": "keda-operator"},
    }
    world.add("Pod", keda)


def _sleeps_for_ever(world: World) -> None:
    query = {"query": 'sum(rate(model_invocations_total{resource_name="chat"}[1m]))'}
    _scales(world, minReplicaCount=0, prometheusTrigger=query)


ROWS: list[tuple[Spoil, str, str, str]] = [
    (lambda w: w.endpoint.pop("status"), "taken up", "has not looked at it", "kubectl logs"),
    (_behind, "taken up", "generation 2, and the spec is at 3", "kubectl logs"),
    (_leaves, "taken up", "The record is in the way.", "kubectl logs"),
    (
        _borrows,
        "service account",
        "there is no ServiceAccount team-a/models",
        "kubectl create serviceaccount",
    ),
    (
        _borrows_what_it_may_not,
        "service account",
        "user-assignable=true",
        "kubectl label serviceaccount models",
    ),
    (_queued, "queue", "Kueue is not installed", "task governance"),
    (_queued_elsewhere, "queue", "there are: other", "kubectl get localqueues -n team-a"),
    (lambda w: w.drop("CSIDriver"), "drivers", "s3.csi.aws.com", "aws-mountpoint-s3-csi-driver"),
    (
        lambda w: w.told(
            "Accepted", "spec.kubernetes: no volume is named weights. Name one so.", "InvalidSpec"
        ),
        "Accepted",
        "spec.kubernetes: no volume is named weights.",
        "Name one so.",
    ),
    (_not_pulled, "replicas", "cannot pull image", "name and tag"),
    (_no_room, "replicas", "Insufficient nvidia.com/gpu", "Free nvidia.com/gpu"),
    (_not_downloaded, "replicas", "hf-model-downloader exited with code 1", "tokenSecretRef"),
    (_not_mounted, "replicas", "fsx.csi.aws.com not found", "OVERWRITE"),
    (_refused, "replicas", "exceeded quota: team", "policy"),
    (
        lambda w: w.told(
            "TLSReady", "The certificate is not issued: PENDING_VALIDATION. Validate it in ACM."
        ),
        "TLSReady",
        "PENDING_VALIDATION",
        "Validate it in ACM.",
    ),
    (_routed, "addresses", "answers 503: Service chat-team-a-routing-service", "endpointslices"),
    (lambda w: w.drop("IngressClass"), "load balancers", "IngressClass alb", "alb.enabled"),
    (
        lambda w: w.endpoint["spec"].update(autoScalingSpec={"minReplicaCount": 1}),
        "keda",
        names.CRD_SCALED_OBJECTS,
        "keda.enabled",
    ),
    (_sleeps_for_ever, "scaling", "nothing wakes it", "minReplicaCount 1"),
    (lambda w: w.told("Ready", "Nobody knows. Wait for it."), "Ready", "Nobody knows.", "Wait for it."),
]


@pytest.mark.parametrize(("spoil", "check", "found", "fix"), ROWS)
def test_what_is_wrong_with_an_endpoint_is_the_first_cause(
    world: World, spoil: Spoil, check: str, found: str, fix: str
) -> None:
    spoil(world)
    told = cause(endpoint(world.cluster(), world.endpoint))
    assert told is not None
    assert told.check == check
    assert found in told.message
    assert fix in told.fix


@pytest.mark.parametrize("sign", SIGNS, ids=lambda sign: sign.words)
def test_words_in_a_log_are_the_cause_that_no_status_shows(world: World, sign: Any) -> None:
    world.logs = {("team-a", "chat-1"): {"chat": f"INFO loading\nERROR {sign.words} 17 bytes\n"}}
    told = cause(endpoint(world.cluster(), world.endpoint))
    assert told is not None
    assert (told.check, told.fix) == ("logs", sign.fix)
    assert "chat of pod chat-1" in told.message


def test_every_check_is_provoked() -> None:
    # Conditions are findings under their own types; words in logs have a test of their own.
    assert {row[1] for row in ROWS} - {"Accepted", "TLSReady", "Ready"} == set(CHECKS) - {
        "conditions",
        "parts",
        "logs",
    }


def test_what_the_operator_said_already_is_not_said_twice(world: World) -> None:
    world.drop("IngressClass")
    world.told(
        "LoadBalancerReady", "No load balancer is made. Install the controller.", "IngressClassMissing"
    )
    checks = [each.check for each in endpoint(world.cluster(), world.endpoint)]
    assert "LoadBalancerReady" in checks
    assert "load balancers" not in checks


def test_a_condition_without_a_next_step_says_where_to_look(world: World) -> None:
    world.told("TLSReady", "No credentials.")
    told = cause(endpoint(world.cluster(), world.endpoint))
    assert told is not None
    assert "kubectl describe inferenceendpointconfig chat -n team-a" in told.fix


def test_pods_that_only_start_are_no_cause(world: World) -> None:
    _waits(world)
    findings = endpoint(world.cluster(), world.endpoint)
    assert cause(findings) is None
    assert [each.message for each in findings if each.verdict == "unknown"] == [
        "0 of 1 pods are ready, the others start"
    ]


def test_a_sound_endpoint_has_no_cause_and_no_advice(world: World) -> None:
    findings = endpoint(world.cluster(), world.endpoint)
    assert [each for each in findings if each.verdict != "ok" or each.fix] == []
    assert findings[-1].check == "Ready"


def test_the_pods_are_judged_as_they_are_when_the_operator_is_down(world: World) -> None:
    world.told("WorkloadReady", "1 of 1 replica is ready.", status="True")
    _not_pulled(world)
    findings = endpoint(world.cluster(), world.endpoint)
    told = cause(findings)
    assert told is not None and told.check == "replicas"
    assert "WorkloadReady" not in {each.check for each in findings}


@pytest.mark.parametrize("reason", ["Progressing", "NotCreated"])
def test_what_is_under_way_is_no_cause(world: World, reason: str) -> None:
    world.told("RouterReady", "It starts. Wait.", reason)
    findings = endpoint(world.cluster(), world.endpoint)
    assert cause(findings) is None
    assert [each.check for each in findings if each.verdict == "unknown"] == ["RouterReady"]


ADVICE: list[tuple[Spoil, str, str]] = [
    (lambda w: w.endpoint["spec"].pop("endpointName"), "SageMaker endpoint", "spec.endpointName"),
    (lambda w: w.endpoint["spec"].pop("metrics"), "metrics", "spec.metrics.enabled"),
    (lambda w: w.add("Pod", w.pod("chat-2")), "placement", "second instance type"),
    (lambda w: _scales(w, minReplicaCount=1), "scaling", "pollingInterval 15"),
    (
        lambda w: w.endpoint["spec"].update(intelligentRoutingSpec={"enabled": True}),
        "router",
        "http://chat-team-a-routing-service.hyperpod-inference-system:443",
    ),
    (lambda w: w.endpoint["spec"].update(instanceType="ml.g5.9xlarge"), "spec", "did you mean"),
]


@pytest.mark.parametrize(("spoil", "check", "fix"), ADVICE)
def test_what_could_be_better_is_advice_and_no_cause(
    world: World, spoil: Spoil, check: str, fix: str
) -> None:
    spoil(world)
    findings = endpoint(world.cluster(), world.endpoint)
    assert cause(findings) is None
    assert any(each.check == check and fix in each.fix for each in findings)
