"""The whole status: states, conditions, the clock, and what AWS's own client can read."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from hyperpod_inference.status import ApplyError, NotBuilt, Part, due

Body = dict[str, Any]
World = Any
Condition = Callable[[Mapping[str, Any], str], Mapping[str, Any]]
TYPES = ["ml.p4d.24xlarge", "ml.g5.24xlarge", "ml.g5.8xlarge"]
NO_TLS = NotBuilt(part=Part.TLS, field="spec.tlsConfig", message="No certificate is issued.")
NO_METRICS = NotBuilt(part=Part.METRICS, field="spec.metrics", message="No sidecar is added.")


def test_the_first_status_already_holds_what_aws_client_needs(world: World) -> None:
    status = world.judged(world.observed(deployment=None, services=(), claims=()))
    assert status["state"] == "DeploymentPending"
    assert status["deploymentStatus"]["name"] == "chat"
    assert status["deploymentStatus"]["lastUpdated"] == "2026-11-23T12:00:00Z"
    assert status["deploymentStatus"]["deploymentObjectOverallState"] == "DeploymentPending"
    assert status["replicas"] == 0
    assert status["selector"] == "app=chat,deploying-service=hyperpod-inference"
    assert status["observedGeneration"] == 1


def test_replicas_that_all_serve_are_complete_and_ready_with_an_address(
    world: World, condition: Condition
) -> None:
    status = world.judged(world.serving(2), invocationEndpoint="/v1/chat/completions")
    assert status["state"] == "DeploymentComplete"
    assert condition(status, "WorkloadReady")["message"] == "2 of 2 replicas are ready."
    ready = condition(status, "Ready")
    assert ready["status"] == "True"
    assert ready["message"] == "Serving at http://chat.team-a.svc:80/v1/chat/completions inside the cluster."


def test_replicas_under_way_are_in_progress(world: World, condition: Condition) -> None:
    status = world.judged(world.observed(deployment=world.deployment(3, 1), pods=(world.pod(),)))
    assert status["state"] == "DeploymentInProgress"
    assert condition(status, "WorkloadReady")["message"] == "1 of 3 replicas are ready. 1 pod starting."
    assert condition(status, "Ready")["status"] == "False"


def test_the_workload_says_how_many_replicas_run_on_which_type(world: World, condition: Condition) -> None:
    nodes = {"node-0": TYPES[0], "node-1": TYPES[1], "node-2": TYPES[1]}
    status = world.judged(world.serving(3, instance_type_of_node=nodes), instanceTypes=TYPES)
    assert condition(status, "WorkloadReady")["message"] == (
        "3 of 3 replicas are ready: "
        "1 on ml.p4d.24xlarge (choice 1 of 3), 2 on ml.g5.24xlarge (choice 2 of 3)."
    )


def test_parts_not_built_have_their_condition_and_do_not_keep_it_from_being_ready(
    world: World, condition: Condition
) -> None:
    status = world.judged(world.serving(not_built=(NO_TLS, NO_METRICS)), metrics={})
    assert condition(status, "TLSReady")["status"] == "False"
    assert condition(status, "TLSReady")["reason"] == "NotBuilt"
    assert condition(status, "TLSReady")["message"] == "No certificate is issued."
    ready = condition(status, "Ready")
    assert ready["status"] == "True"
    assert "2 requested parts not built by this version: TLSReady, MetricsReady." in ready["message"]
    assert status["metricsStatus"]["enabled"] is False
    assert status["metricsStatus"]["state"] == "NotBuilt"
    assert status["metricsStatus"]["errorMessage"] == "No sidecar is added."


def test_a_missing_service_keeps_the_endpoint_from_being_ready(world: World, condition: Condition) -> None:
    status = world.judged(world.serving(services=()))
    assert condition(status, "WorkloadReady")["status"] == "True"
    assert "Service chat does not exist" in condition(status, "Ready")["message"]


def test_zero_replicas_are_complete_but_not_ready(world: World, condition: Condition) -> None:
    status = world.judged(world.serving(0), replicas=0)
    assert status["state"] == "DeploymentComplete"
    assert condition(status, "WorkloadReady")["reason"] == "ScaledToZero"
    assert condition(status, "Ready")["status"] == "False"


@pytest.mark.parametrize(
    "counts",
    [
        {"total": 3},
        {"updatedReplicas": 1},
        {"availableReplicas": 1},
        {"observedGeneration": 0},
    ],
)
def test_a_rollout_is_complete_only_with_every_replica_new_and_available(world: World, counts: Body) -> None:
    status = world.judged(world.serving(2, deployment=world.deployment(2, 2, **counts)))
    assert status["state"] == "DeploymentInProgress"


@pytest.mark.parametrize(
    ("phase", "reason", "expected"),
    [("Bound", "ClaimBound", "True"), ("Pending", "ClaimPending", "False"), ("Lost", "ClaimLost", "False")],
)
def test_the_model_source_is_read_off_the_claim(
    world: World, condition: Condition, phase: str, reason: str, expected: str
) -> None:
    claim = {"metadata": {"name": "c", "namespace": "team-a"}, "status": {"phase": phase}}
    told = condition(world.judged(world.observed(claims=(claim,))), "ModelSourceReady")
    assert (told["reason"], told["status"]) == (reason, expected)
    assert "s3://weights/chat" in told["message"]


@pytest.mark.parametrize(
    ("kind", "type"), [("Deployment", "WorkloadReady"), ("PersistentVolume", "ModelSourceReady")]
)
def test_a_refused_object_is_told_where_it_belongs(
    world: World, condition: Condition, kind: str, type: str
) -> None:
    error = ApplyError(kind=kind, name="chat", message="spec.x: Invalid value")
    status = world.judged(world.serving(apply_errors=(error,)))
    assert condition(status, type)["reason"] == "ApplyFailed"
    assert f"refused {kind} chat: spec.x: Invalid value." in condition(status, type)["message"]
    assert condition(status, "Ready")["status"] == "False"


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (
            "spec.kubernetes.volumes[0].name: got 'shm', expected another",
            "KubernetesVolumeValidationFailed",
        ),
        ("metadata.name: got '7b', expected a letter first", "InvalidSpec"),
    ],
)
def test_a_refused_spec_is_failed_and_says_why(
    world: World, condition: Condition, problem: str, reason: str
) -> None:
    status = world.judged(world.observed(problems=(problem,)))
    assert status["state"] == "DeploymentFailed"
    assert condition(status, "Accepted")["reason"] == reason
    assert problem in condition(status, "Accepted")["message"]
    assert condition(status, "Ready")["status"] == "False"


def test_an_endpoint_that_is_deleted_says_what_is_left(world: World, condition: Condition) -> None:
    gone = {"deletionTimestamp": "2026-11-23T12:00:00Z"}
    status = world.judged(world.serving(2), metadata=gone)
    assert status["state"] == "DeletionInProgress"
    assert condition(status, "Ready")["message"] == "Being deleted; 2 pods left."


def test_the_same_world_gives_the_same_bytes_and_later_too(world: World) -> None:
    first = world.judged(world.serving(2))
    again = world.judged(world.serving(2, previous_status=first), after=3600)
    assert json.dumps(first) == json.dumps(again)


def test_a_change_moves_the_times_of_what_changed_only(world: World, condition: Condition) -> None:
    first = world.judged(world.observed(deployment=world.deployment(1), pods=(world.pod(),)))
    later = world.judged(world.serving(previous_status=first), after=60)
    assert condition(later, "Accepted")["lastTransitionTime"] == "2026-11-23T12:00:00Z"
    assert condition(later, "Ready")["lastTransitionTime"] == "2026-11-23T12:01:00Z"
    assert later["deploymentStatus"]["lastUpdated"] == "2026-11-23T12:01:00Z"


class TestTheClock:
    """maxDeployTimeInSeconds: from the first judgement of a generation until all replicas serve."""

    def _starting(self, world: World, previous: Body | None = None, **fields: Any) -> Any:
        return world.observed(pods=(world.pod(),), previous_status=previous, **fields)

    def test_within_the_time_it_is_in_progress_and_says_until_when(
        self, world: World, condition: Condition
    ) -> None:
        status = world.judged(self._starting(world), maxDeployTimeInSeconds=600)
        assert "counts as failed at 2026-11-23T12:10:00Z" in condition(status, "Progressing")["message"]
        assert due(world.endpoint(maxDeployTimeInSeconds=600), status) == world.now + timedelta(minutes=10)

    @pytest.mark.parametrize(
        ("after", "state"),
        [(599, "DeploymentInProgress"), (600, "DeploymentFailed"), (9999, "DeploymentFailed")],
    )
    def test_past_the_time_it_has_failed(self, world: World, after: float, state: str) -> None:
        first = world.judged(self._starting(world), maxDeployTimeInSeconds=600)
        later = world.judged(self._starting(world, first), after=after, maxDeployTimeInSeconds=600)
        assert later["state"] == state

    def _failed(self, world: World) -> Any:
        first = world.judged(self._starting(world), maxDeployTimeInSeconds=600)
        return world.judged(self._starting(world, first), after=600, maxDeployTimeInSeconds=600)

    def test_failed_stays_failed_and_runs_no_clock(self, world: World) -> None:
        failed = self._failed(world)
        again = world.judged(self._starting(world, failed), after=601, maxDeployTimeInSeconds=600)
        assert again == failed
        assert due(world.endpoint(), again) is None

    def test_replicas_that_come_up_late_complete_it_all_the_same(self, world: World) -> None:
        late = world.serving(previous_status=self._failed(world))
        assert world.judged(late, after=700, maxDeployTimeInSeconds=600)["state"] == "DeploymentComplete"

    def test_a_new_generation_starts_the_clock_anew(self, world: World, condition: Condition) -> None:
        observed = self._starting(world, self._failed(world))
        changed = {"metadata": {"generation": 2}, "maxDeployTimeInSeconds": 600}
        status = world.judged(observed, after=700, **changed)
        assert status["state"] == "DeploymentInProgress"
        assert condition(status, "Progressing")["lastTransitionTime"] == "2026-11-23T12:11:40Z"

    def test_a_new_generation_while_under_way_starts_the_clock_anew(self, world: World) -> None:
        first = world.judged(self._starting(world), maxDeployTimeInSeconds=600)
        changed = {"metadata": {"generation": 2}, "maxDeployTimeInSeconds": 600}
        second = world.judged(self._starting(world, first), after=500, **changed)
        third = world.judged(self._starting(world, second), after=700, **changed)
        assert third["state"] == "DeploymentInProgress"

    def test_replicas_lost_after_completion_get_the_whole_time_again(self, world: World) -> None:
        complete = world.judged(world.serving(), maxDeployTimeInSeconds=600)
        lost = self._starting(world, complete)
        assert world.judged(lost, after=7200, maxDeployTimeInSeconds=600)["state"] == "DeploymentInProgress"

    def test_the_failure_still_tells_the_cause(self, world: World, condition: Condition) -> None:
        pods = (world.pod(containerStatuses=[world.container(state={"terminated": {"exitCode": 3}})]),)
        first = world.judged(world.observed(pods=pods), maxDeployTimeInSeconds=600)
        later = world.judged(
            world.observed(pods=pods, previous_status=first), after=600, maxDeployTimeInSeconds=600
        )
        assert condition(later, "Ready")["reason"] == "CrashLoop"
        assert "within 600 s" in condition(later, "Ready")["message"]
        assert "exited with code 3" in condition(later, "Ready")["message"]
