"""Why a pod is not ready, and what a person should do: one row per cause."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

Body = dict[str, Any]
World = Any
Condition = Callable[[Mapping[str, Any], str], Mapping[str, Any]]


def _unscheduled(message: str) -> Body:
    return {
        "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
        ]
    }


def _containers(world: World, **state: Any) -> Body:
    return {"containerStatuses": [world.container(**state)]}


def _waiting(reason: str, message: str = "") -> Body:
    return {"waiting": {"reason": reason, "message": message}}


def _ended(code: int, reason: str = "Error", message: str = "") -> Body:
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


@pytest.mark.parametrize(
    ("message", "step"),
    [
        ("0/3 nodes are available: 3 Insufficient nvidia.com/gpu.", "Free nvidia.com/gpu on a matching node"),
        (
            "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.",
            "kubectl get nodes -L node.kubernetes.io/instance-type",
        ),
        ("0/3 nodes are available: 3 node(s) had untolerated taint {a: b}.", "node-health-status"),
        ("no nodes available to schedule pods", "add an instance group"),
    ],
)
def test_a_pod_that_cannot_be_scheduled_says_why(
    world: World, condition: Condition, message: str, step: str
) -> None:
    status = world.judged(world.observed(pods=(world.pod(**_unscheduled(message)),)))
    told = condition(status, "WorkloadReady")
    assert told["reason"] == "Unschedulable"
    assert message.rstrip(".") in told["message"]
    assert step in told["message"]
    assert condition(status, "Ready")["message"] == told["message"]


def test_thoughts_about_preemption_are_left_out(world: World, condition: Condition) -> None:
    message = (
        "0/2 nodes are available: 2 Insufficient nvidia.com/gpu. no new claims to deallocate, "
        "preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."
    )
    told = condition(
        world.judged(world.observed(pods=(world.pod(**_unscheduled(message)),))), "WorkloadReady"
    )
    assert "0/2 nodes are available: 2 Insufficient nvidia.com/gpu. Free nvidia.com/gpu" in told["message"]


@pytest.mark.parametrize(
    "message",
    [
        "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found",
        '0/3 nodes are available: persistentvolumeclaim "chat-model-1" not found.',
    ],
)
def test_a_pod_that_waits_for_its_volume_points_at_the_model_source(
    world: World, condition: Condition, message: str
) -> None:
    told = condition(
        world.judged(world.observed(pods=(world.pod(**_unscheduled(message)),))), "WorkloadReady"
    )
    assert told["reason"] == "WaitingForVolume"
    assert "See the condition ModelSourceReady." in told["message"]


@pytest.mark.parametrize(
    ("state", "reason", "said", "step"),
    [
        (
            {"state": _waiting("ErrImagePull", "manifest unknown")},
            "ImagePullFailed",
            "cannot pull image vllm/vllm-openai:v0.10.2: manifest unknown",
            "spec.worker.image",
        ),
        (
            {
                "state": _waiting(
                    "ImagePullBackOff", 'Back-off pulling image "x": ErrImagePull: 403 Forbidden'
                )
            },
            "ImagePullFailed",
            ": 403 Forbidden.",
            "ecr:BatchGetImage",
        ),
        (
            {"state": _waiting("CreateContainerConfigError", 'secret "keys" not found')},
            "ContainerConfigError",
            'secret "keys" not found',
            "spec.worker.environmentVariables",
        ),
        (
            {"state": _waiting("CrashLoopBackOff"), "lastState": _ended(137, "OOMKilled"), "restartCount": 2},
            "OutOfMemory",
            "was killed for memory (restarted 2 times)",
            "Raise spec.worker.resources.limits.memory (it is 24Gi)",
        ),
        (
            {
                "state": _waiting("CrashLoopBackOff"),
                "lastState": _ended(1, message="ValueError: no config.json\n"),
                "restartCount": 1,
            },
            "CrashLoop",
            "exited with code 1 (restarted 1 time); its last words: ValueError: no config.json.",
            "`kubectl logs chat-1 -n team-a -c chat --previous`",
        ),
        (
            {
                "state": _waiting("CrashLoopBackOff"),
                "lastState": _ended(1, message="ModuleNotFoundError: No module named 'lmcache'"),
            },
            "CrashLoop",
            "No module named 'lmcache'",
            "spec.kvCacheSpec needs: use lmcache/vllm-openai",
        ),
    ],
    ids=["pull", "pull-denied", "config", "memory", "crash", "no-lmcache"],
)
def test_a_container_that_does_not_run_says_why(
    world: World, condition: Condition, state: Body, reason: str, said: str, step: str
) -> None:
    pod = world.pod(node="node-1", **_containers(world, **state))
    told = condition(world.judged(world.observed(pods=(pod,))), "WorkloadReady")
    assert told["reason"] == reason
    assert said in told["message"]
    assert step in told["message"]


@pytest.mark.parametrize(
    ("rounds", "reason"),
    [
        (
            (
                {"state": _waiting("ErrImagePull", "not found")},
                {
                    "state": _waiting(
                        "ImagePullBackOff", 'Back-off pulling image "x": ErrImagePull: not found'
                    )
                },
            ),
            "ImagePullFailed",
        ),
        (
            (
                {"state": _ended(1, message="boom"), "restartCount": 3},
                {
                    "state": _waiting("CrashLoopBackOff"),
                    "lastState": _ended(1, message="boom"),
                    "restartCount": 3,
                },
            ),
            "CrashLoop",
        ),
    ],
)
def test_what_is_said_stands_still_while_the_pod_goes_round_in_circles(
    world: World, condition: Condition, rounds: tuple[Body, ...], reason: str
) -> None:
    said = [
        condition(
            world.judged(world.observed(pods=(world.pod(**_containers(world, **each)),))), "WorkloadReady"
        )
        for each in rounds
    ]
    assert said[0] == said[1]
    assert said[0]["reason"] == reason


@pytest.mark.parametrize(
    ("words", "step"),
    [
        ("401 Client Error: Unauthorized", "tokenSecretRef"),
        ("404 Repository Not Found", "modelId"),
        ("connection timed out", "*.huggingface.co"),
    ],
)
def test_a_failing_download_names_its_remedy(
    world: World, condition: Condition, words: str, step: str
) -> None:
    init = {**world.container(state=_ended(1, message=words)), "name": "hf-model-downloader"}
    pod = world.pod(initContainerStatuses=[init])
    told = condition(world.judged(world.observed(pods=(pod,))), "WorkloadReady")
    assert told["reason"] == "InitFailed"
    assert step in told["message"]


@pytest.mark.parametrize(
    ("message", "step"),
    [
        (
            "driver name s3.csi.aws.com not found in the list of registered CSI drivers",
            "Install the driver's add-on",
        ),
        ("rpc error: AccessDenied", "s3:ListBucket"),
    ],
)
def test_a_volume_that_cannot_be_mounted_names_its_remedy(
    world: World, condition: Condition, message: str, step: str
) -> None:
    pod = world.pod(node="node-1", **_containers(world, state=_waiting("ContainerCreating")))
    events = (world.event("FailedMount", f"MountVolume.SetUp failed: {message}"),)
    told = condition(world.judged(world.observed(pods=(pod,), events=events)), "WorkloadReady")
    assert told["reason"] == "VolumeMountFailed"
    assert step in told["message"]


def test_a_failing_readiness_probe_is_quoted(world: World, condition: Condition) -> None:
    pod = world.pod(node="node-1", **_containers(world, state={"running": {}}))
    events = (world.event("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"),)
    told = condition(world.judged(world.observed(pods=(pod,), events=events)), "WorkloadReady")
    assert told["reason"] == "ReadinessProbeFailed"
    assert "statuscode: 503" in told["message"]
    assert "spec.worker.probes.readinessProbe" in told["message"]


@pytest.mark.parametrize(("code", "reason"), [(143, "ProbeFailed"), (0, "ProbeFailed"), (2, "CrashLoop")])
def test_a_container_that_its_node_stops_differs_from_one_that_crashes(
    world: World, condition: Condition, code: int, reason: str
) -> None:
    state = {"state": {"running": {}}, "lastState": _ended(code), "restartCount": 1}
    pod = world.pod(node="node-1", **_containers(world, **state))
    events = (world.event("Unhealthy", "Startup probe failed: connection refused"),)
    told = condition(world.judged(world.observed(pods=(pod,), events=events)), "WorkloadReady")
    assert told["reason"] == reason


def test_events_of_another_pod_are_not_quoted(world: World, condition: Condition) -> None:
    pod = world.pod(node="node-1", **_containers(world, state={"running": {}}))
    events = (world.event("Unhealthy", "Readiness probe failed: 503", pod="chat-9"),)
    told = condition(world.judged(world.observed(pods=(pod,), events=events)), "WorkloadReady")
    assert told["reason"] == "Progressing"


def test_a_crash_of_the_past_is_no_cause_once_the_pod_is_ready(world: World, condition: Condition) -> None:
    survivor = world.pod(
        ready=True, containerStatuses=[{**world.container(lastState=_ended(137, "OOMKilled")), "ready": True}]
    )
    status = world.judged(world.observed(deployment=world.deployment(1, 1), pods=(survivor,)))
    assert condition(status, "WorkloadReady")["status"] == "True"


def test_the_cause_of_most_pods_speaks_and_the_others_are_counted(world: World, condition: Condition) -> None:
    full = _unscheduled("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.")
    pods = (
        world.pod("chat-a", **_containers(world, state=_ended(1))),
        world.pod("chat-b", **full),
        world.pod("chat-c", **full),
    )
    told = condition(world.judged(world.observed(deployment=world.deployment(3), pods=pods)), "WorkloadReady")
    assert told["reason"] == "Unschedulable"
    assert "Pod chat-b (and 1 other pod likewise) cannot be scheduled" in told["message"]


def test_a_pod_on_its_way_out_is_no_cause(world: World, condition: Condition) -> None:
    leaving = world.pod(**_containers(world, state=_ended(137)))
    leaving["metadata"]["deletionTimestamp"] = "2026-11-23T12:00:00Z"
    told = condition(world.judged(world.observed(pods=(leaving,))), "WorkloadReady")
    assert told["reason"] == "Progressing"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ('pods "chat-" is forbidden: exceeded quota: gpus', "QuotaExceeded"),
        ("admission webhook denied the request", "PodsRefused"),
    ],
)
def test_pods_that_the_api_server_refuses_are_told(
    world: World, condition: Condition, message: str, reason: str
) -> None:
    refused = [{"type": "ReplicaFailure", "status": "True", "message": message}]
    deployment = world.deployment(1, conditions=refused)
    told = condition(world.judged(world.observed(deployment=deployment)), "WorkloadReady")
    assert told["reason"] == reason
    assert message in told["message"]


@pytest.mark.parametrize(
    ("gate", "step"),
    [
        (
            "kueue.x-k8s.io/admission",
            "LocalQueue inference of namespace team-a exists and has quota left",
        ),
        ("example.com/approval", "Whoever set the gate has to remove it."),
    ],
)
def test_a_pod_that_is_held_back_names_who_holds_it(
    world: World, condition: Condition, gate: str, step: str
) -> None:
    waiting = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}
    pod = world.pod(conditions=[waiting])
    pod["metadata"]["labels"] = {"kueue.x-k8s.io/queue-name": "inference"}
    pod["spec"]["schedulingGates"] = [{"name": gate}]
    told = condition(world.judged(world.observed(pods=(pod,))), "WorkloadReady")
    assert told["reason"] == "NotAdmitted"
    assert f"is held back from scheduling by {gate}." in told["message"]
    assert step in told["message"]
