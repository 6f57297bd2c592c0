"""What the status says of the containers beside the model."""

from collections.abc import Callable, Mapping
from typing import Any

from hyperpod_inference.status import NotBuilt, Part

Body = dict[str, Any]
World = Any
Condition = Callable[[Mapping[str, Any], str], Mapping[str, Any]]
BESIDE = ("chat", "sidecar-reverse-proxy", "otel-collector")
LIMITS = {"maxConcurrentRequests": 8, "maxQueueSize": 3}


def pods(world: World, number: int, **states: Body) -> tuple[Body, ...]:
    """Pods whose containers are ready, but for those in `states` (by name, `_` for `-`)."""
    given = {name.replace("_", "-"): state for name, state in states.items()}
    return tuple(
        world.pod(
            f"chat-{n}",
            ready=not given,
            containerStatuses=[
                {"name": name, "ready": name not in given, "restartCount": 0, "state": given.get(name, {})}
                for name in BESIDE
            ],
        )
        for n in range(number)
    )


def worker(world: World, **fields: Any) -> Body:
    made: Body = world.endpoint().spec.worker.model_dump(by_alias=True, exclude_none=True, mode="json")
    return made | fields


def test_metrics_of_all_replicas_say_where_they_are(world: World, condition: Condition) -> None:
    own = {"path": "/server/metrics", "port": 8080}
    status = world.judged(world.serving(2, pods=pods(world, 2)), metrics={"modelMetrics": own})
    ready = condition(status, "MetricsReady")
    assert ready["status"] == "True"
    assert "port 9113" in ready["message"]
    assert "(8080/server/metrics) on port 8889, read every 15 s." in ready["message"]
    assert status["metricsStatus"] == {
        "enabled": True,
        "state": "Enabled",
        "metricsScrapeIntervalSeconds": 15,
        "modelMetrics": own,
    }


def test_without_metrics_nothing_is_said_of_them(world: World) -> None:
    assert "metricsStatus" not in world.judged(world.serving(pods=pods(world, 1)))
    off = world.judged(world.serving(pods=pods(world, 1)), metrics={"enabled": False})
    assert off["metricsStatus"] == {"enabled": False}
    assert "MetricsReady" not in {each["type"] for each in off["conditions"]}


def test_starting_containers_are_no_error(world: World, condition: Condition) -> None:
    creating = {"waiting": {"reason": "ContainerCreating"}}
    seen = world.observed(
        deployment=world.deployment(2, 0), pods=pods(world, 2, sidecar_reverse_proxy=creating)
    )
    status = world.judged(seen, metrics={})
    told = condition(status, "MetricsReady")
    assert (told["status"], told["reason"]) == ("False", "Progressing")
    assert told["message"] == "0 of 2 replicas with sidecar-reverse-proxy and otel-collector so far."
    assert "errorMessage" not in status["metricsStatus"]
    assert status["metricsStatus"]["state"] == "Progressing"


def test_pods_of_a_version_without_them_are_still_to_come(world: World, condition: Condition) -> None:
    status = world.judged(world.serving(1), metrics={})
    assert condition(status, "MetricsReady")["reason"] == "Progressing"


def test_a_collector_that_fails_is_named_with_its_log(world: World, condition: Condition) -> None:
    crash = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}}
    status = world.judged(world.observed(pods=pods(world, 1, otel_collector=crash)), metrics={})
    told = condition(status, "MetricsReady")
    assert told["reason"] == "ContainerNotReady"
    assert told["message"] == (
        "Container otel-collector of pod chat-0: CrashLoopBackOff: back-off 40s. "
        "Its log: kubectl logs chat-0 -n team-a -c otel-collector."
    )
    assert status["metricsStatus"]["errorMessage"] == told["message"]


def test_limits_say_what_they_allow_in_all(world: World, condition: Condition) -> None:
    seen = world.serving(3, pods=pods(world, 3))
    status = world.judged(seen, metrics={}, worker=worker(world, requestLimits=LIMITS))
    told = condition(status, "RequestLimitsReady")
    assert told["status"] == "True"
    assert told["message"] == (
        "Each replica takes 8 requests at once and lets 3 wait; further ones are answered 429. "
        "3 replicas: 24 at once in all."
    )


def test_limits_do_not_wait_for_the_collector(world: World, condition: Condition) -> None:
    seen = world.serving(1, pods=pods(world, 1, otel_collector={"waiting": {"reason": "ErrImagePull"}}))
    status = world.judged(seen, metrics={}, worker=worker(world, requestLimits=LIMITS))
    assert condition(status, "RequestLimitsReady")["status"] == "True"
    assert condition(status, "MetricsReady")["status"] == "False"


def test_with_no_replica_asked_for_there_is_nothing_to_measure(world: World, condition: Condition) -> None:
    status = world.judged(world.serving(0, deployment=world.deployment(0, 0)), replicas=0, metrics={})
    assert condition(status, "MetricsReady")["reason"] == "ScaledToZero"


def test_what_is_not_built_is_not_called_ready(world: World, condition: Condition) -> None:
    absent = NotBuilt(part=Part.METRICS, field="spec.metrics", message="Not before a gRPC server.")
    status = world.judged(world.serving(1, pods=pods(world, 1), not_built=(absent,)), metrics={})
    assert condition(status, "MetricsReady")["reason"] == "NotBuilt"
    assert status["metricsStatus"]["enabled"] is False
