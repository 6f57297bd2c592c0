"""Whether a scaling block asks for anything: clients send half-empty ones with every endpoint."""

from typing import TypeVar

from hyperpod_inference.api.autoscaling import AutoScalingSpec, CloudWatchTrigger, PrometheusTrigger

T = TypeVar("T")


def asks_for_scaling(spec: AutoScalingSpec | None) -> bool:
    """Whether at least one trigger says what to measure. A list beats the single trigger beside it."""
    if spec is None:
        return False
    cloudwatch = spec.cloud_watch_trigger_list or _single(spec.cloud_watch_trigger)
    prometheus = spec.prometheus_trigger_list or _single(spec.prometheus_trigger)
    return any(map(_usable_cloudwatch, cloudwatch)) or any(map(_usable_prometheus, prometheus))


def _single(trigger: T | None) -> tuple[T, ...]:
    return () if trigger is None else (trigger,)


def _usable_cloudwatch(trigger: CloudWatchTrigger) -> bool:
    return bool(trigger.metric_name and trigger.namespace and trigger.target_value is not None)


def _usable_prometheus(trigger: PrometheusTrigger) -> bool:
    return bool(trigger.server_address and trigger.query and trigger.target_value is not None)
