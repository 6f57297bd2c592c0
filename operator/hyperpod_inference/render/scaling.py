"""The KEDA ScaledObject of an endpoint: bounds, pace, and what is measured.

It targets the Deployment, and KEDA makes a HorizontalPodAutoscaler of it. Triggers run under KEDA's own AWS
identity, so there is no TriggerAuthentication. Clients send half-empty triggers with every endpoint: those
measure nothing and are left out.
"""

import re
from collections.abc import Iterator
from typing import TypeVar

from hyperpod_inference.api import names
from hyperpod_inference.api.autoscaling import AutoScalingSpec, CloudWatchTrigger, PrometheusTrigger
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render.identity import Manifest, namespaced, without_empty

T = TypeVar("T")

# KEDA's words for "per replica" and "for all replicas together".
_METRIC_TYPES = {"Average": "AverageValue", "Value": "Value"}
_AMP_REGION = re.compile(r"^https://aps-workspaces\.([a-z0-9-]+)\.")


def asks_for_scaling(spec: AutoScalingSpec | None) -> bool:
    """Whether at least one trigger says what to measure. A list beats the single trigger beside it."""
    return spec is not None and bool(_cloudwatch(spec) or _prometheus(spec))


def scaled_object(endpoint: InferenceEndpointConfig, settings: OperatorSettings) -> tuple[Manifest, ...]:
    """The ScaledObject of the model's Deployment, or nothing when no trigger measures anything."""
    deployment = names.deployment_name(endpoint.metadata.name)
    metadata = namespaced(endpoint, names.scaled_object_name(deployment))
    return scaler_of(deployment, endpoint.spec.auto_scaling_spec, metadata, settings.region)


def scaler_of(
    deployment: str, spec: AutoScalingSpec | None, metadata: Manifest, region: str
) -> tuple[Manifest, ...]:
    """The ScaledObject, with this metadata, of a Deployment in its namespace; nothing without a trigger.

    region: where CloudWatch is asked; '' leaves its triggers out.
    """
    triggers = _triggers(spec, metadata["name"], region) if spec else []
    if spec is None or not triggers:
        return ()
    return (
        {
            "apiVersion": "keda.sh/v1alpha1",
            "kind": "ScaledObject",
            "metadata": metadata,
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment},
                "minReplicaCount": spec.min_replica_count,
                "maxReplicaCount": spec.max_replica_count,
                "pollingInterval": spec.polling_interval,
                "cooldownPeriod": spec.cooldown_period,
                "initialCooldownPeriod": spec.initial_cooldown_period,
                "advanced": {"horizontalPodAutoscalerConfig": {"behavior": _behavior(spec)}},
                "triggers": triggers,
            },
        },
    )


def _triggers(spec: AutoScalingSpec, default: str, region: str) -> list[Manifest]:
    """The triggers that KEDA takes, CloudWatch's first, each under a name of its own."""
    wanted = [each for each in _cloudwatch(spec) if each.dimensions] if region else []
    made = [_cloudwatch_trigger(each, region, f"{default}-cloudwatch-trigger") for each in wanted]
    made += [_prometheus_trigger(each, f"{default}-prometheus-trigger") for each in _prometheus(spec)]
    return _distinct(made)


def without_dimensions(endpoint: InferenceEndpointConfig) -> tuple[str, ...]:
    """The metrics whose CloudWatch triggers name no dimension: KEDA refuses the whole ScaledObject then."""
    spec = endpoint.spec.auto_scaling_spec
    triggers = _cloudwatch(spec) if spec else ()
    return tuple(each.metric_name or "" for each in triggers if not each.dimensions)


def without_region(endpoint: InferenceEndpointConfig, settings: OperatorSettings) -> bool:
    """Whether CloudWatch is to be asked and nobody says in which region."""
    spec = endpoint.spec.auto_scaling_spec
    return bool(spec and _cloudwatch(spec) and not settings.region)


def _cloudwatch(spec: AutoScalingSpec) -> tuple[CloudWatchTrigger, ...]:
    given = spec.cloud_watch_trigger_list or _single(spec.cloud_watch_trigger)
    return tuple(
        each for each in given if each.metric_name and each.namespace and each.target_value is not None
    )


def _prometheus(spec: AutoScalingSpec) -> tuple[PrometheusTrigger, ...]:
    given = spec.prometheus_trigger_list or _single(spec.prometheus_trigger)
    return tuple(
        each for each in given if each.server_address and each.query and each.target_value is not None
    )


def _single(trigger: T | None) -> tuple[T, ...]:
    return () if trigger is None else (trigger,)


def _cloudwatch_trigger(trigger: CloudWatchTrigger, region: str, default_name: str) -> Manifest:
    dimensions = trigger.dimensions or ()
    metadata = {
        "namespace": trigger.namespace,
        "metricName": trigger.metric_name,
        "dimensionName": ";".join(each.name for each in dimensions),
        "dimensionValue": ";".join(each.value for each in dimensions),
        "targetMetricValue": _number(trigger.target_value),
        "activationTargetMetricValue": _number(trigger.activation_target_value),
        "minMetricValue": _number(trigger.min_value),
        "metricStat": trigger.metric_stat,
        "metricStatPeriod": str(trigger.metric_collection_period),
        "metricCollectionTime": str(trigger.metric_collection_start_time),
        "awsRegion": region,
        "identityOwner": "operator",
    }
    return _trigger("aws-cloudwatch", trigger, default_name, metadata)


def _prometheus_trigger(trigger: PrometheusTrigger, default_name: str) -> Manifest:
    metadata = {
        "serverAddress": trigger.server_address,
        "query": trigger.query,
        "threshold": _number(trigger.target_value),
        "activationThreshold": _number(trigger.activation_target_value),
        "customHeaders": trigger.custom_headers,
        "namespace": trigger.namespace,
        **_signed(trigger.server_address or ""),
    }
    return _trigger("prometheus", trigger, default_name, metadata)


def _signed(address: str) -> Manifest:
    """What makes KEDA sign its queries: without the region it asks unsigned, and the workspace refuses."""
    found = _AMP_REGION.match(address)
    return {"awsRegion": found[1], "identityOwner": "operator"} if found else {}


def _trigger(
    kind: str, trigger: CloudWatchTrigger | PrometheusTrigger, default_name: str, metadata: Manifest
) -> Manifest:
    return {
        "type": kind,
        "name": trigger.name or default_name,
        "metricType": _METRIC_TYPES[trigger.metric_type],
        "useCachedMetrics": trigger.use_cached_metrics,
        "metadata": without_empty(metadata),
    }


def _distinct(triggers: list[Manifest]) -> list[Manifest]:
    """The triggers under different names, as KEDA demands; the first of a name keeps it."""
    taken: set[str] = set()
    return [each | {"name": _free(each["name"], taken)} for each in triggers]


def _free(name: str, taken: set[str]) -> str:
    found = next(each for each in _variants(name) if each not in taken)
    taken.add(found)
    return found


def _variants(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}-{number}" for number in range(2, 1_000))


def _behavior(spec: AutoScalingSpec) -> Manifest:
    return {
        "scaleUp": {"stabilizationWindowSeconds": spec.scale_up_stabilization_time},
        "scaleDown": {"stabilizationWindowSeconds": spec.scale_down_stabilization_time},
    }


def _number(value: float | None) -> str:
    """KEDA reads its metadata from strings: 10.5 as '10.5', 5.0 as '5', never with an exponent."""
    return f"{value or 0:.9f}".rstrip("0").rstrip(".")
