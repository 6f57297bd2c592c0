"""The installation: each way in which it fails is found first, with what to do."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from hyperpod_inference.api import names
from hyperpod_inference.diagnosis import NotSeen, cause, examined, named, overview
from hyperpod_inference.diagnosis.installed import CHECKS

World = Any
Spoil = Callable[[World], object]
SYSTEM = names.OPERATOR_NAMESPACE
ENDPOINT_CRD = f"inferenceendpointconfigs.{names.GROUP}"


def _definition_leaves(world: World) -> None:
    world.one("CustomResourceDefinition", ENDPOINT_CRD)["metadata"]["deletionTimestamp"] = (
        "2026-11-23T11:00:00Z"
    )


def _definition_refused(world: World) -> None:
    told = {"type": "Established", "status": "False", "message": "a name is taken"}
    world.one("CustomResourceDefinition", ENDPOINT_CRD)["status"]["conditions"] = [told]


def _kueue_is_down(world: World) -> None:
    hook = {
        "name": "mdeployment.kb.io",
        "clientConfig": {"service": {"namespace": "kueue-system", "name": "kueue-webhook-service"}},
        "rules": [{"operations": ["CREATE"], "resources": ["deployments"]}],
    }
    world.add(
        "MutatingWebhookConfiguration", world.named("MutatingWebhookConfiguration", "kueue", webhooks=[hook])
    )
    world.add("EndpointSlice", world.slice("kueue-webhook-service", "kueue-system", False))


def _operator(world: World, **status: Any) -> Any:
    found = world.one("Deployment", names.OPERATOR_NAME)
    found["status"] = status
    return found


def _operator_pod(world: World, **status: Any) -> None:
    _operator(world)
    pod = world.pod("operator-1", ready=False, **status)
    pod["metadata"] |= {"namespace": SYSTEM, "labels": {"app.kubernetes.io/name": "hyperpod-inference"}}
    world.add("Pod", pod)


def _probed(world: World) -> None:
    ended = {"name": "manager", "ready": False, "restartCount": 3}
    _operator_pod(world, containerStatuses=[ended | {"state": {"terminated": {"exitCode": 137}}}])
    message = 'Startup probe failed: Get "http://10.0.0.1:8081/healthz": context deadline exceeded'
    about = {"name": "operator-1", "uid": "uid-of-operator-1"}
    world.add(
        "Event", world.named("Event", "e", SYSTEM, involvedObject=about, reason="Unhealthy", message=message)
    )


def _not_ready(world: World) -> None:
    _operator_pod(world, containerStatuses=[{"name": "manager", "ready": False, "state": {"running": {}}}])
    about = {"name": "operator-1", "uid": "uid-of-operator-1"}
    message = "Readiness probe failed: HTTP probe failed with statuscode: 503"
    world.add(
        "Event", world.named("Event", "e", SYSTEM, involvedObject=about, reason="Unhealthy", message=message)
    )


def _role_is_old(world: World) -> None:
    _not_ready(world)
    who = r"User \"system:serviceaccount:a:b\""
    line = rf"serviceaccounts is forbidden: {who} cannot list resource \"serviceaccounts\""
    world.logs[SYSTEM, "operator-1"] = {"manager": f'{{"message": "403 Forbidden: {line}"}}'}


def _too_many_pods(world: World) -> None:
    told = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available: 1 Too many pods."}
    _operator_pod(world, conditions=[told])


def _no_pod(world: World) -> None:
    message = 'serviceaccount "x" not found'
    _operator(world, conditions=[{"type": "ReplicaFailure", "status": "True", "message": message}])


def _scaled_to_zero(world: World) -> None:
    _operator(world)["spec"]["replicas"] = 0


def _lease_ran_out(world: World) -> None:
    world.one("Lease", names.OPERATOR_LEASE)["spec"]["renewTime"] = "2026-11-23T11:50:00.000000Z"


def _nobody_answers(world: World) -> None:
    world.drop("EndpointSlice")


def _cert_manager_is_gone(world: World) -> None:
    definition = world.one("CustomResourceDefinition", ENDPOINT_CRD)
    definition["metadata"]["annotations"] = {names.CERT_MANAGER_INJECT: f"{SYSTEM}/webhook-serving-cert"}


def _certificate_ended(world: World) -> None:
    world.certificate_until = world.now - timedelta(days=1)


def _no_certificate(world: World) -> None:
    world.certificate_until = None


def _not_trusted(world: World) -> None:
    definition = world.one("CustomResourceDefinition", ENDPOINT_CRD)
    definition["spec"]["conversion"]["webhook"]["clientConfig"]["caBundle"] = ""


def _unhealthy(world: World) -> None:
    world.one("Node", "node-1")["metadata"]["labels"][names.NODE_HEALTH] = "Unschedulable"


def _without_plugin(world: World) -> None:
    world.one("Node", "node-1")["status"]["allocatable"] = {"cpu": "32"}


def _not_cut(world: World) -> None:
    labels = {"nvidia.com/mig.config": "all-1g.5gb", "nvidia.com/mig.config.state": "failed"}
    world.one("Node", "node-1")["metadata"]["labels"] |= labels


ROWS: list[tuple[Spoil, str, str, str]] = [
    (lambda w: w.drop("CustomResourceDefinition", ENDPOINT_CRD), "definitions", ENDPOINT_CRD, "crds"),
    (_definition_leaves, "definitions", "waits for 1 resources: team-a/chat", "finalizers"),
    (_definition_refused, "definitions", "a name is taken", "kubectl describe crd"),
    (_kueue_is_down, "admission", '"mdeployment.kb.io"', "kubectl scale deployment kueue-controller-manager"),
    (lambda w: w.drop("Deployment"), "operator", "there is no Deployment", "hyperpod-inference manifests"),
    (_scaled_to_zero, "operator", "is scaled to 0", "--replicas=1"),
    (_no_pod, "operator", 'serviceaccount "x" not found', "kubectl describe replicasets"),
    (_probed, "operator", "Startup probe failed", "trust policy"),
    (
        _not_ready,
        "operator",
        "Readiness probe failed",
        "kubectl logs -n hyperpod-inference-system operator-1",
    ),
    (_role_is_old, "operator", "Its role does not let it list serviceaccounts", "Apply the manifests"),
    (_too_many_pods, "operator", "Too many pods", "add nodes or remove pods"),
    (lambda w: w.drop("Lease"), "leader", "nobody holds Lease", "operator"),
    (_lease_ran_out, "leader", "the last was operator-1", "kubectl logs"),
    (_nobody_answers, "webhook", names.WEBHOOK_SERVICE, "kubectl get pods,endpointslices"),
    (_cert_manager_is_gone, "webhook", "certificaterequests.cert-manager.io", "cert-manager"),
    (lambda w: w.drop("Secret"), "webhook", names.WEBHOOK_SECRET, "why it issues none"),
    (_certificate_ended, "webhook", "ended 2026-11-22", "kubectl delete secret"),
    (_no_certificate, "webhook", "is no certificate", "kubectl delete secret"),
    (_not_trusted, "webhook", f"does not trust its certificate for {ENDPOINT_CRD}", "caBundle"),
    (lambda w: w.drop("Node"), "nodes", "has none", "instance group"),
    (_unhealthy, "nodes", "none of 1 can take pods", names.NODE_HEALTH),
    (_without_plugin, "devices", "node-1 (nvidia.com/gpu)", "nvidia-device-plugin"),
    (_not_cut, "partitions", "all-1g.5gb", "mig.config=PROFILE"),
]


@pytest.mark.parametrize(("spoil", "check", "found", "fix"), ROWS)
def test_what_is_wrong_with_the_installation_is_the_first_cause(
    world: World, spoil: Spoil, check: str, found: str, fix: str
) -> None:
    spoil(world)
    told = cause(examined(world.cluster()))
    assert told is not None
    assert told.check == check
    assert found in told.message
    assert fix in told.fix


def test_every_check_is_provoked() -> None:
    assert {row[1] for row in ROWS} == set(CHECKS)


def test_a_sound_installation_has_no_cause(world: World) -> None:
    findings = examined(world.cluster())
    assert [each for each in findings if each.verdict != "ok"] == []


def test_a_kind_that_may_not_be_read_hides_no_other(world: World) -> None:
    world.unread["Node"] = "GET /api/v1/nodes: 403 Forbidden"
    _lease_ran_out(world)
    findings = examined(world.cluster())
    unknown = {each.check for each in findings if each.verdict == "unknown"}
    assert unknown == {"nodes", "devices", "partitions"}
    told = cause(findings)
    assert told is not None and told.check == "leader"


def _scales(world: World) -> None:
    world.endpoint["spec"]["autoScalingSpec"] = {"minReplicaCount": 1}


def _keda_does_not_run(world: World) -> None:
    _scales(world)
    definition = world.named("CustomResourceDefinition", names.CRD_SCALED_OBJECTS)
    world.add("CustomResourceDefinition", definition)


OTHERS: list[tuple[Spoil, str, str, str]] = [
    (lambda w: w.drop("CSIDriver"), "drivers", "s3.csi.aws.com", "aws-mountpoint-s3-csi-driver"),
    (lambda w: w.drop("IngressClass"), "load balancers", "IngressClass alb", "alb.enabled"),
    (_scales, "keda", names.CRD_SCALED_OBJECTS, "keda.enabled"),
    (_keda_does_not_run, "keda", "no keda-operator runs", "kubectl get deployments"),
    (
        lambda w: w.told("Ready", "Nothing is ready."),
        "endpoint team-a/chat",
        "Nothing is ready.",
        "doctor chat -n team-a",
    ),
]


@pytest.mark.parametrize(("spoil", "check", "found", "fix"), OTHERS)
def test_what_endpoints_need_of_others_is_named(
    world: World, spoil: Spoil, check: str, found: str, fix: str
) -> None:
    spoil(world)
    told = cause(overview(world.cluster()))
    assert told is not None
    assert told.check == check
    assert found in told.message
    assert fix in told.fix


def test_what_no_endpoint_needs_may_be_absent(world: World) -> None:
    world.drop(names.KIND_ENDPOINT)
    world.drop("CSIDriver")
    world.drop("IngressClass")
    assert cause(overview(world.cluster())) is None


def test_an_endpoint_is_found_by_its_name_and_none_is_not_the_same_as_not_seen(world: World) -> None:
    assert named(world.cluster(), "team-a", "chat") == world.endpoint
    assert named(world.cluster(), "team-b", "chat") is None
    world.unread[names.KIND_ENDPOINT] = "403 Forbidden"
    with pytest.raises(NotSeen, match="403"):
        named(world.cluster(), "team-a", "chat")
