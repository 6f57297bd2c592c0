"""DisaggregationReady, and two Deployments judged as one workload."""

from collections.abc import Callable, Mapping
from typing import Any

Body = dict[str, Any]
World = Any
Condition = Callable[[Mapping[str, Any], str], Mapping[str, Any]]
PD = {"pdSpec": {"prefillSpec": {"replicas": 2}, "decodingSpec": {}}}
ROLE = "inference.sagemaker.aws.amazon.com/dpd-role"
ROUTER_SERVICE = {
    "metadata": {"name": "chat-team-a-routing-service", "namespace": "hyperpod-inference-system"},
    "spec": {"ports": [{"port": 443}]},
}


def judged(world: World, prefill: Body | None, decode: Body | None, **fields: Any) -> Body:
    roles = {name: each for name, each in (("prefill", prefill), ("decode", decode)) if each}
    seen = world.observed(
        deployment=None, roles=roles, router=world.deployment(2, 2), router_service=ROUTER_SERVICE, **fields
    )
    status: Body = world.judged(seen, **PD)
    return status


def test_both_ready_is_said_first_and_in_awss_words(world: World, condition: Condition) -> None:
    status = judged(world, world.deployment(2, 2), world.deployment(1, 1))
    first = status["conditions"][0]
    assert first["type"] == "DisaggregationReady"
    assert (first["status"], first["message"]) == ("True", "DPD prefill and decode deployments are ready")
    assert status["state"] == "DeploymentComplete"
    assert condition(status, "WorkloadReady")["message"] == "3 of 3 replicas are ready."
    assert condition(status, "Ready")["status"] == "True"
    assert "hyperpod-inference-system.svc:443" in condition(status, "Ready")["message"]
    assert status["replicas"] == 3
    assert status["deploymentStatus"]["status"]["readyReplicas"] == 3


def test_one_role_that_is_not_ready_keeps_both_from_it(world: World, condition: Condition) -> None:
    lost = {"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/2: Insufficient x."}]}
    pod = world.pod("decode-1", **lost)
    pod["metadata"]["labels"] = {ROLE: "decode"}
    status = judged(world, world.deployment(2, 2), world.deployment(1, 0), pods=(pod,))
    told = condition(status, "DisaggregationReady")
    assert (told["status"], told["reason"]) == ("False", "Unschedulable")
    assert told["message"].startswith("Prefill: 2 of 2 replicas are ready. Decode: 0 of 1 replica is ready.")
    assert status["state"] == "DeploymentInProgress"
    assert condition(status, "Ready")["status"] == "False"


def test_a_role_without_its_deployment_is_not_ready(world: World, condition: Condition) -> None:
    status = judged(world, world.deployment(2, 2), None)
    assert condition(status, "DisaggregationReady")["reason"] == "NotCreated"
    assert status["state"] == "DeploymentInProgress"


def test_before_any_deployment_it_is_pending(world: World) -> None:
    assert judged(world, None, None)["state"] == "DeploymentPending"


def test_a_role_whose_new_version_nobody_has_looked_at_is_not_complete(world: World) -> None:
    behind = world.deployment(1, 1, observedGeneration=0)
    assert judged(world, world.deployment(2, 2), behind)["state"] == "DeploymentInProgress"


def test_nothing_is_said_of_roles_that_nobody_asked_for(world: World) -> None:
    kinds = [each["type"] for each in world.judged(world.serving())["conditions"]]
    assert "DisaggregationReady" not in kinds
