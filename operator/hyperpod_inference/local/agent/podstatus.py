"""A pod's status as the kubelet computes it from its containers. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hyperpod_inference.local.agent import lifecycle
from hyperpod_inference.local.agent.containers import Container, Terminated, is_sidecar, timestamp

Body = Mapping[str, Any]
Containers = Mapping[str, Container]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a status says beside the containers.

    Attributes:
        created: whether the pod's volumes and address are there.
        failure: (reason, message) when the node refuses the pod altogether.
    """

    pod_ip: str
    host_ip: str
    start: str
    created: bool = True
    failure: tuple[str, str] | None = None


def pod_status(pod: Body, containers: Containers, facts: Facts, now: datetime) -> dict[str, Any]:
    """The whole status; conditions of other writers stay, unchanged ones keep their transition time."""
    phase_now = "Failed" if facts.failure else phase(pod, containers)
    old = pod.get("status") or {}
    status: dict[str, Any] = {
        "phase": phase_now,
        "conditions": _conditions(pod, containers, facts, phase_now, now),
        "hostIP": facts.host_ip,
        "hostIPs": [{"ip": facts.host_ip}],
        "podIP": facts.pod_ip,
        "podIPs": [{"ip": facts.pod_ip}],
        "startTime": old.get("startTime") or facts.start,
        "qosClass": old.get("qosClass") or qos_class(pod),
        "containerStatuses": _statuses(pod["spec"]["containers"], containers),
    }
    if inits := pod["spec"].get("initContainers"):
        status["initContainerStatuses"] = _statuses(inits, containers, init=True)
    if facts.failure:
        status |= {"reason": facts.failure[0], "message": facts.failure[1]}
    return status


def phase(pod: Body, containers: Containers) -> str:
    """Pending, Running, Succeeded or Failed."""
    if lifecycle.failed_for_good(pod, containers):
        return "Failed"
    if not lifecycle.initialized(pod, containers):
        return "Pending"
    mains = [containers[each["name"]] for each in pod["spec"]["containers"]]
    if not all(each.ever_ran for each in mains):
        return "Pending" if not any(each.running for each in mains) else "Running"
    if not lifecycle.mains_done(pod, containers):
        return "Running"
    return "Succeeded" if all(each.ended and each.ended.exit_code == 0 for each in mains) else "Failed"


def _conditions(
    pod: Body, containers: Containers, facts: Facts, phase_now: str, now: datetime
) -> list[dict[str, Any]]:
    old = {each["type"]: each for each in (pod.get("status") or {}).get("conditions") or ()}
    initialized = _initialized(pod, containers, phase_now)
    ready = _containers_ready(pod, containers, phase_now)
    computed = {
        "PodReadyToStartContainers": (facts.created and phase_now not in ("Succeeded", "Failed"), "", ""),
        "Initialized": initialized,
        "Ready": _ready(pod, ready, old),
        "ContainersReady": ready,
        "PodScheduled": (True, "", ""),
    }
    result = [_condition(kind, *value, old.get(kind), now) for kind, value in computed.items()]
    return result + [each for kind, each in old.items() if kind not in computed]


Verdict = tuple[bool, str, str]


def _condition(
    kind: str, holds: bool, reason: str, message: str, old: Body | None, now: datetime
) -> dict[str, Any]:
    status = "True" if holds else "False"
    since = old["lastTransitionTime"] if old and old.get("status") == status else timestamp(now)
    return {
        "type": kind,
        "status": status,
        "lastTransitionTime": since,
        "lastProbeTime": None,
        # None removes what an earlier state left: the status is written as a patch.
        "reason": reason or None,
        "message": message or None,
    }


def _initialized(pod: Body, containers: Containers, phase_now: str) -> Verdict:
    if phase_now == "Succeeded":
        return True, "PodCompleted", ""
    if lifecycle.initialized(pod, containers):
        return True, "", ""
    names = [
        spec["name"]
        for spec in pod["spec"].get("initContainers") or ()
        if not _init_done(spec, containers[spec["name"]])
    ]
    return False, "ContainersNotInitialized", f"containers with incomplete status: [{' '.join(names)}]"


def _init_done(spec: Body, container: Container) -> bool:
    if is_sidecar(spec):
        return container.started
    return container.ended is not None and container.ended.exit_code == 0


def _containers_ready(pod: Body, containers: Containers, phase_now: str) -> Verdict:
    if phase_now == "Succeeded":
        return False, "PodCompleted", ""
    if phase_now == "Failed":
        return False, "PodFailed", ""
    sidecars = [spec for spec in pod["spec"].get("initContainers") or () if is_sidecar(spec)]
    names = [each["name"] for each in (*sidecars, *pod["spec"]["containers"])]
    unready = [name for name in names if not containers[name].ready]
    if not unready:
        return True, "", ""
    return False, "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]"


def _ready(pod: Body, containers_ready: Verdict, old: Mapping[str, Body]) -> Verdict:
    if not containers_ready[0]:
        return containers_ready
    gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates") or ()]
    missing = [gate for gate in gates if (old.get(gate) or {}).get("status") != "True"]
    if not missing:
        return True, "", ""
    return (
        False,
        "ReadinessGatesNotReady",
        f'corresponding condition of pod readiness gate "{missing[0]}" is not True',
    )


def _statuses(specs: Sequence[Body], containers: Containers, init: bool = False) -> list[dict[str, Any]]:
    return [_status(spec, containers[spec["name"]], init) for spec in specs]


def _status(spec: Body, container: Container, init: bool) -> dict[str, Any]:
    succeeded = isinstance(container.state, Terminated) and container.state.exit_code == 0
    return {
        "name": container.name,
        "state": container.state.body(),
        "lastState": container.last.body() if container.last else {},
        "ready": container.ready or (init and succeeded),
        "started": container.started,
        "restartCount": container.restarts,
        "image": spec["image"],
        "imageID": f"hyperpod-local://{spec['image']}" if container.ever_ran else "",
        "containerID": container.container_id,
    }


def qos_class(pod: Body) -> str:
    """Guaranteed, Burstable or BestEffort by the CPU and memory of all containers."""
    specs = [*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]]
    pairs = [_requests_and_limits(each) for each in specs]
    if not any(requests or limits for requests, limits in pairs):
        return "BestEffort"
    if all(set(limits) == {"cpu", "memory"} and requests == limits for requests, limits in pairs):
        return "Guaranteed"
    return "Burstable"


def _requests_and_limits(container: Body) -> tuple[dict[str, str], dict[str, str]]:
    resources = container.get("resources") or {}
    counted = ("cpu", "memory")
    limits = {key: str(value) for key, value in (resources.get("limits") or {}).items() if key in counted}
    given = {key: str(value) for key, value in (resources.get("requests") or {}).items() if key in counted}
    return limits | given, limits
