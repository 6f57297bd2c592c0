"""What is said of warm nodes: how many there are, and what holds up the others."""

from typing import Any

import pytest

from hyperpod_inference.status.observed import ApplyError
from hyperpod_inference.status.parts import Arrangement, Part

Body = dict[str, Any]
ASKED = Arrangement(
    part=Part.MODEL_CACHE,
    field="spec.modelCacheConfig",
    works=True,
    reason="Configured",
    message="Nodes are given the weights, below /opt/dlami/nvme.",
)
NO_DISK = (
    'MountVolume.SetUp failed for volume "model-weights-cache" : hostPath type check failed: '
    "/opt/dlami/nvme is not a directory"
)


def _daemon_set(wanted: int, ready: int, *, generation: int = 1, updated: int | None = None) -> Body:
    counts = {"desiredNumberScheduled": wanted, "numberReady": ready, "observedGeneration": 1}
    updated = wanted if updated is None else updated
    return {
        "metadata": {"name": "chat-node-cache", "generation": generation},
        "status": counts | {"updatedNumberScheduled": updated},
    }


@pytest.mark.parametrize(
    ("daemon_set", "status", "reason", "said"),
    [
        (None, "False", "NotCreated", "does not exist yet"),
        (_daemon_set(0, 0), "False", "NoNodes", "No node is there that the pods may use"),
        (_daemon_set(3, 1), "False", "Progressing", "1 of 3 nodes are warm. Pods on the others read"),
        (_daemon_set(1, 1), "True", "Warm", "1 of 1 node is warm, and new pods prefer them."),
        (_daemon_set(3, 3, updated=2), "False", "Progressing", "2 of 3 nodes are warm"),
        (_daemon_set(3, 3, generation=2), "False", "Progressing", "0 of 3 nodes are warm"),
    ],
)
def test_the_warm_nodes_are_counted(
    world: Any, condition: Any, daemon_set: Body | None, status: str, reason: str, said: str
) -> None:
    judged = world.judged(world.serving(arrangements=(ASKED,), node_cache=daemon_set))
    found = condition(judged, "ModelCacheReady")
    assert (found["status"], found["reason"]) == (status, reason)
    assert said in found["message"]
    assert condition(judged, "Ready")["status"] == "True", "pods load from the source meanwhile"


def test_a_node_without_the_disk_is_named_with_what_to_do(world: Any, condition: Any) -> None:
    waiting = {"state": {"waiting": {"reason": "PodInitializing"}}}
    pod = world.pod("chat-node-cache-1", node="n", containerStatuses=[world.container(**waiting)])
    event = world.event("FailedMount", NO_DISK)
    event["involvedObject"] = {"name": "chat-node-cache-1", "uid": pod["metadata"]["uid"]}
    observed = world.serving(
        arrangements=(ASKED,), node_cache=_daemon_set(2, 1), node_cache_pods=(pod,), events=(event,)
    )
    found = condition(world.judged(observed), "ModelCacheReady")
    assert found["reason"] == "VolumeMountFailed"
    assert "1 of 2 nodes are warm" in found["message"]
    assert "chat-node-cache-1 cannot mount a volume" in found["message"]
    assert "leave types without local disks out" in found["message"]


def test_a_full_disk_is_told_by_its_words(world: Any, condition: Any) -> None:
    ended = {"terminated": {"exitCode": 1, "message": "cp: write error: No space left on device"}}
    init = world.container(name="copy-weights", state=ended)
    pod = world.pod("chat-node-cache-1", node="n", initContainerStatuses=[init])
    observed = world.serving(arrangements=(ASKED,), node_cache=_daemon_set(1, 0), node_cache_pods=(pod,))
    found = condition(world.judged(observed), "ModelCacheReady")
    assert found["reason"] == "InitFailed"
    assert "The node's disk is full" in found["message"]


def test_a_refused_daemon_set_is_told_here_and_not_as_a_fault_of_the_workload(
    world: Any, condition: Any
) -> None:
    error = ApplyError(
        kind="DaemonSet", name="chat-node-cache", message="no", status=403, part=Part.MODEL_CACHE
    )
    judged = world.judged(world.serving(arrangements=(ASKED,), apply_errors=(error,)))
    assert condition(judged, "ModelCacheReady")["reason"] == "ApplyFailed"
    assert condition(judged, "WorkloadReady")["status"] == "True"
