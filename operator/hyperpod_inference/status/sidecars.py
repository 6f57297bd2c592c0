"""The verdicts on what stands beside the model: are calls measured, are limits kept."""

from collections.abc import Mapping
from typing import Any

from hyperpod_inference.api import conditions, names
from hyperpod_inference.api.beside import limited, measured, model_metrics, proxied
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.status.causes import is_leaving
from hyperpod_inference.status.observed import Body, Observed
from hyperpod_inference.status.parts import Part
from hyperpod_inference.status.rollout import Rollout
from hyperpod_inference.status.verdict import Verdict, count, no, sentence, yes

ENABLED = "Enabled"  # AWS's word in metricsStatus
CONTAINER_NOT_READY = "ContainerNotReady"


def sidecars(endpoint: InferenceEndpointConfig, observed: Observed) -> dict[str, Verdict]:
    """MetricsReady and RequestLimitsReady, where the spec asks for them."""
    spec = endpoint.spec
    told: dict[str, Verdict] = {}
    if measured(spec):
        wanted = (names.SIDECAR_CONTAINER, names.OTEL_CONTAINER) if proxied(spec) else (names.OTEL_CONTAINER,)
        told[Part.METRICS.value] = beside(observed, wanted, _measures(endpoint))
    if limited(spec):
        told[Part.REQUEST_LIMITS.value] = beside(
            observed, (names.SIDECAR_CONTAINER,), _limits(endpoint, observed)
        )
    return told


def metrics_status(endpoint: InferenceEndpointConfig, verdict: Verdict | None) -> dict[str, Any]:
    """metricsStatus, where the spec speaks of metrics; never "enabled" while nothing measures."""
    metrics = endpoint.spec.metrics
    if metrics is None:
        return {}
    if verdict is None:
        return {"metricsStatus": {"enabled": False}}
    path, port = model_metrics(endpoint.spec)
    told: dict[str, Any] = {
        "enabled": verdict.reason != conditions.NOT_BUILT,
        "state": ENABLED if verdict.status == "True" else verdict.reason,
        "metricsScrapeIntervalSeconds": metrics.metrics_scrape_interval_seconds,
        "modelMetrics": {"path": path, "port": port},
    }
    if verdict.status != "True" and verdict.reason not in (conditions.PROGRESSING, conditions.NOT_CREATED):
        told["errorMessage"] = verdict.message
    return {"metricsStatus": told}


def beside(observed: Observed, wanted: tuple[str, ...], good: str) -> Verdict:
    """Whether every pod has these containers and they run; `good` is said if so."""
    if observed.deployment is None:
        return no(conditions.NOT_CREATED, "The Deployment does not exist yet; the operator is creating it.")
    rollout = Rollout.of(observed.deployment)
    if rollout.desired == 0:
        return yes(conditions.SCALED_TO_ZERO, "No replica runs, so there is nothing to do.")
    pods = [pod for pod in observed.pods if not is_leaving(pod)]
    waiting = [
        (pod, name, status)
        for pod in sorted(pods, key=lambda pod: str(pod["metadata"]["name"]))
        for name in wanted
        if not (status := status_of(pod, name)).get("ready")
    ]
    troubled = [each for each in waiting if trouble(each[2])]
    if troubled:
        return no(CONTAINER_NOT_READY, failing(*troubled[0]))
    if waiting or len(pods) < rollout.desired:
        whole = min(len(pods) - len({pod["metadata"]["name"] for pod, _, _ in waiting}), rollout.desired)
        parts = " and ".join(wanted)
        return no(
            conditions.PROGRESSING, f"{whole} of {count(rollout.desired, 'replica')} with {parts} so far."
        )
    return yes(conditions.AVAILABLE, good)


def _measures(endpoint: InferenceEndpointConfig) -> str:
    path, port = model_metrics(endpoint.spec)
    interval = endpoint.spec.metrics.metrics_scrape_interval_seconds if endpoint.spec.metrics else 0
    own = f"the server's own ({port}{path})"
    if not proxied(endpoint.spec):
        return f"Every pod offers {own} on port {names.COLLECTOR_METRICS_PORT}, read every {interval} s."
    return (
        f"Every pod offers model_* metrics on port {names.SIDECAR_METRICS_PORT}, and together with {own} on "
        f"port {names.COLLECTOR_METRICS_PORT}, read every {interval} s."
    )


def _limits(endpoint: InferenceEndpointConfig, observed: Observed) -> str:
    limits = endpoint.spec.worker.request_limits
    if limits is None or limits.max_concurrent_requests is None:
        return ""
    replicas = Rollout.of(observed.deployment).desired if observed.deployment else 0
    at_once = limits.max_concurrent_requests
    waiting = f"lets {limits.max_queue_size} wait" if limits.max_queue_size else "lets none wait"
    return (
        f"Each replica takes {count(at_once, 'request')} at once and {waiting}; further ones are answered "
        f"{limits.overflow_status_code}. {count(replicas, 'replica')}: {at_once * replicas} at once in all."
    )


def status_of(pod: Body, container: str) -> Mapping[str, Any]:
    """The status of a container of a pod; empty before there is one."""
    found = (s for s in pod.get("status", {}).get("containerStatuses", ()) if s["name"] == container)
    return next(found, {})


def trouble(status: Mapping[str, Any]) -> str:
    """What is wrong with a container that is not just starting; '' if nothing is."""
    waiting = status.get("state", {}).get("waiting") or {}
    if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
        return f"{waiting['reason']}: {waiting.get('message') or 'no more is known'}"
    ended = (status.get("state", {}).get("terminated") or status.get("lastState", {}).get("terminated")) or {}
    if ended.get("exitCode"):
        return f"it ended with code {ended['exitCode']} ({ended.get('reason', 'Error')})"
    return ""


def failing(pod: Body, container: str, status: Mapping[str, Any]) -> str:
    """What is wrong with a container of a pod, and where to read more."""
    metadata = pod["metadata"]
    log = f"kubectl logs {metadata['name']} -n {metadata.get('namespace', 'default')} -c {container}"
    return f"Container {container} of pod {metadata['name']}: {sentence(trouble(status))} Its log: {log}."
