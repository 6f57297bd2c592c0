"""A pod's status from its containers, as tables."""

from datetime import UTC, datetime
from typing import Any

import pytest

from hyperpod_inference.local.agent import podstatus, waits
from hyperpod_inference.local.agent.backoff import Backoff, Policy
from hyperpod_inference.local.agent.containers import Container, Running, Terminated, Waiting

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FACTS = podstatus.Facts("10.244.1.7", "10.244.255.1", "2026-01-02T03:00:00Z")


def pod(policy: str = "Always", **spec: Any) -> dict[str, Any]:
    base = {"restartPolicy": policy, "containers": [{"name": "main", "image": "vllm/vllm-openai:v1"}]}
    return {"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": base | spec}


def running(name: str = "main", ready: bool = True) -> Container:
    return Container(name, Running(NOW), started=True, ready=ready, container_id="hyperpod-local://1")


def ended(code: int, name: str = "main", **more: Any) -> Container:
    return Container(name, Terminated(code, "r", "", NOW, NOW), **more)


def crash_looping() -> Container:
    last = Terminated(1, "Error", "boom", NOW, NOW)
    return Container("main", Waiting("CrashLoopBackOff"), last=last, restarts=3, crashes=Backoff(4, NOW))


INIT: dict[str, Any] = {"initContainers": [{"name": "init", "image": "i"}]}
SIDE: dict[str, Any] = {"initContainers": [{"name": "init", "image": "i", "restartPolicy": "Always"}]}


@pytest.mark.parametrize(
    ("a_pod", "containers", "phase", "initialized", "ready"),
    [
        (pod(), [Container("main")], "Pending", True, False),
        (pod(), [running()], "Running", True, True),
        (pod(), [running(ready=False)], "Running", True, False),
        (pod(), [crash_looping()], "Running", True, False),
        (pod("Never"), [ended(0)], "Succeeded", True, False),
        (pod("Never"), [ended(3)], "Failed", True, False),
        (pod("OnFailure"), [ended(3)], "Running", True, False),
        (pod("OnFailure"), [ended(0)], "Succeeded", True, False),
        (pod(**INIT), [Container("init", Running(NOW)), Container("main")], "Pending", False, False),
        (pod(**INIT), [ended(0, "init"), Container("main")], "Pending", True, False),
        (pod(**INIT), [ended(1, "init"), Container("main")], "Pending", False, False),
        (pod("Never", **INIT), [ended(1, "init"), Container("main")], "Failed", False, False),
        (pod(**SIDE), [running("init"), running()], "Running", True, True),
        (pod(**SIDE), [running("init", ready=False), running()], "Running", True, False),
    ],
)
def test_phase_and_conditions_follow_from_the_containers(
    a_pod: dict[str, Any], containers: list[Container], phase: str, initialized: bool, ready: bool
) -> None:
    status = podstatus.pod_status(a_pod, {each.name: each for each in containers}, FACTS, NOW)
    conditions = {each["type"]: each["status"] == "True" for each in status["conditions"]}
    assert status["phase"] == phase
    assert conditions["Initialized"] is initialized
    assert (conditions["Ready"], conditions["ContainersReady"]) == (ready, ready)
    assert conditions["PodScheduled"] is True


def test_a_container_status_says_what_a_kubelet_says() -> None:
    status = podstatus.pod_status(pod(), {"main": crash_looping()}, FACTS, NOW)["containerStatuses"][0]
    assert status["state"] == {"waiting": {"reason": "CrashLoopBackOff"}}
    assert status["lastState"]["terminated"]["message"] == "boom"
    assert (status["restartCount"], status["ready"], status["started"]) == (3, False, False)
    assert status["image"] == "vllm/vllm-openai:v1"


def test_unchanged_conditions_keep_their_time_and_foreign_ones_stay() -> None:
    old = [
        {"type": "Ready", "status": "True", "lastTransitionTime": "2025-12-01T00:00:00Z"},
        {"type": "ContainersReady", "status": "False", "lastTransitionTime": "2025-12-01T00:00:00Z"},
        {"type": "DisruptionTarget", "status": "True", "lastTransitionTime": "2025-12-02T00:00:00Z"},
    ]
    a_pod = pod() | {"status": {"conditions": old}}
    status = podstatus.pod_status(a_pod, {"main": running()}, FACTS, NOW)
    times = {each["type"]: each["lastTransitionTime"] for each in status["conditions"]}
    assert times["Ready"] == "2025-12-01T00:00:00Z"
    assert times["ContainersReady"] == "2026-01-02T03:04:05Z"
    assert times["DisruptionTarget"] == "2025-12-02T00:00:00Z"


def test_a_readiness_gate_holds_back_ready_until_its_condition_is_true() -> None:
    a_pod = pod(readinessGates=[{"conditionType": "lb/registered"}])

    def ready(a_pod: dict[str, Any]) -> dict[str, Any]:
        status = podstatus.pod_status(a_pod, {"main": running()}, FACTS, NOW)
        return next(each for each in status["conditions"] if each["type"] == "Ready")

    assert ready(a_pod)["reason"] == "ReadinessGatesNotReady"
    gate = {"type": "lb/registered", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    assert ready(a_pod | {"status": {"conditions": [gate]}})["status"] == "True"


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, "BestEffort"),
        ({"limits": {"nvidia.com/gpu": 1}}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1"}}, "Guaranteed"),
        ({"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "1"}}, "Burstable"),
    ],
)
def test_the_quality_of_service_class_is_the_kubelets(resources: dict[str, Any], expected: str) -> None:
    a_pod = pod(containers=[{"name": "main", "image": "i", "resources": resources}])
    assert podstatus.qos_class(a_pod) == expected


def test_an_unknown_image_says_err_image_pull_first_and_back_off_later() -> None:
    policy, shown = Policy(), waits.pull_failed("x:1", "not known; known: a, b")
    first = waits.next_look(Backoff(), NOW, policy)
    container = Container("main", shown[0], pull=first)
    assert (NOW + (first.until - NOW if first.until else NOW - NOW)) > NOW
    assert waits.held(pod(), container, "x:1", policy) is None
    container = Container("main", shown[0], pull=waits.next_look(first, NOW, policy))
    later = waits.held(pod(), container, "x:1", policy)
    assert later is not None
    assert later[0].reason == "ImagePullBackOff"
    assert "known: a, b" in later[0].message


@pytest.mark.parametrize(
    ("seconds", "text"), [(10, "10s"), (20, "20s"), (80, "1m20s"), (300, "5m0s"), (0.2, "0.2s")]
)
def test_spans_are_written_as_the_kubelet_writes_them(seconds: float, text: str) -> None:
    assert waits.span(seconds) == text
