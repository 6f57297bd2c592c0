"""Scaling: what KEDA cannot know, that an endpoint at zero waits for what only its own pods expose."""

import re

from hyperpod_inference.api import names
from hyperpod_inference.diagnosis.observed import Body, Cluster, Findings, key_of, ok, wrong

# Series of the pods themselves; at zero replicas nobody exposes them.
OWN_SERIES = re.compile(r"\b(model_|vllm:|lmcache:|sglang:|tgi_)")


def scaling(cluster: Cluster, body: Body) -> Findings:
    """Whether an endpoint that may go to zero comes back, and how near its bounds it is."""
    check, spec = "scaling", body["spec"].get("autoScalingSpec")
    if not spec:
        return
    if spec.get("minReplicaCount", 1) == 0 and _sleeps_for_ever(spec):
        yield wrong(
            check,
            "at zero replicas nothing wakes it: every trigger counts what its own pods expose",
            "Add a trigger on something that is there without pods, such as requests at the load balancer "
            "(AWS/ApplicationELB) or the length of a queue; minReplicaCount 1 avoids it.",
        )
        return
    namespace, name = key_of(body)
    scaler = cluster.of("HorizontalPodAutoscaler").find(
        f"keda-hpa-{names.scaled_object_name(name)}", namespace
    )
    now = ((scaler or {}).get("status") or {}).get("desiredReplicas", 0)
    most = spec.get("maxReplicaCount", 5)
    if now >= most:
        fix = "Raise autoScalingSpec.maxReplicaCount if the load stays; a lower targetValue scales earlier."
        yield ok(check, f"at its upper bound of {most} replicas", fix)
    elif spec.get("pollingInterval", 30) >= 30:
        yield ok(
            check,
            f"looks at its metrics every {spec.get('pollingInterval', 30)} s",
            "A spike is noticed after 45 s and more: autoScalingSpec.pollingInterval 15 halves that.",
        )


def _sleeps_for_ever(spec: Body) -> bool:
    """Whether all triggers are Prometheus queries of the pods' own series."""
    prometheus = [*(spec.get("prometheusTriggerList") or ()), *_single(spec, "prometheusTrigger")]
    cloudwatch = [*(spec.get("cloudWatchTriggerList") or ()), *_single(spec, "cloudWatchTrigger")]
    queries = [str(each.get("query") or "") for each in prometheus]
    return bool(queries) and not cloudwatch and all(OWN_SERIES.search(query) for query in queries)


def _single(spec: Body, field: str) -> list[Body]:
    return [spec[field]] if spec.get(field) else []
