"""When replicas are added and removed: the triggers that become a KEDA ScaledObject.

A trigger may be half empty (clients send one filled with defaults): it is accepted, and creates no scaler.
"""

from typing import Annotated, Literal

from pydantic import Field

from hyperpod_inference.api.base import Count, Int32, Items, Rule, Value
from hyperpod_inference.api.versions import SINCE_V1

MetricType = Literal["Value", "Average"]
_AMP_WORKSPACE = (
    r"^https:\/\/aps-workspaces\.[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*\.amazonaws\.com"
    r"\/workspaces\/ws-[a-zA-Z0-9-]+$|^$"
)


def _is_period(seconds: int) -> bool:
    return seconds in (1, 5, 10, 30) or (seconds > 0 and seconds % 60 == 0)


class Dimension(Value):
    """One dimension of a CloudWatch metric."""

    name: str
    """Name of the dimension."""
    value: str
    """Value that the metric must carry."""


class CloudWatchTrigger(Value):
    """Scale on a CloudWatch metric."""

    activation_target_value: float = 0
    """Above this value the endpoint leaves zero replicas."""
    dimensions: Items[Dimension] | None = None
    """Dimensions that select the metric."""
    metric_collection_period: Int32 = 300
    """Length of one data point in seconds."""
    metric_collection_start_time: Int32 = 300
    """How far back to look, in seconds."""
    metric_name: str | None = None
    """Name of the metric. Without it the trigger creates no scaler."""
    metric_stat: str = "Average"
    """CloudWatch statistic of a data point."""
    metric_type: MetricType = "Average"
    """Average: the target is per replica. Value: for all replicas together."""
    min_value: float = 0
    """Value to assume when CloudWatch has no data."""
    name: str | None = None
    """Name of the trigger."""
    namespace: str | None = None
    """CloudWatch namespace of the metric."""
    target_value: float | None = None
    """Value to hold by adding and removing replicas."""
    use_cached_metrics: bool = True
    """Answer the autoscaler from the last poll."""

    rules = (
        Rule(
            cel=None,  # the CRD holds this block nine times, and has no room for its rules
            message="a trigger with metricName needs namespace and targetValue: add them",
            field="metricName",
            holds=lambda trigger: (
                not trigger.metric_name or (bool(trigger.namespace) and trigger.target_value is not None)
            ),
        ),
        Rule(
            cel=None,
            message="CloudWatch has periods of 1, 5, 10, 30 seconds and multiples of 60: choose one of them",
            field="metricCollectionPeriod",
            holds=lambda trigger: not trigger.metric_name or _is_period(trigger.metric_collection_period),
        ),
        Rule(
            cel=None,
            message="metricCollectionStartTime is no multiple of metricCollectionPeriod: make them equal",
            field="metricCollectionStartTime",
            holds=lambda trigger: (
                not trigger.metric_name
                or trigger.metric_collection_period <= 0
                or (
                    trigger.metric_collection_start_time > 0
                    and trigger.metric_collection_start_time % trigger.metric_collection_period == 0
                )
            ),
        ),
    )


class PrometheusTrigger(Value):
    """Scale on a query to Amazon Managed Service for Prometheus."""

    activation_target_value: float = 0
    """Above this value the endpoint leaves zero replicas."""
    custom_headers: str | None = None
    """Headers to send, as name=value, comma-separated."""
    metric_type: MetricType = "Average"
    """Average: the target is per replica. Value: for all replicas together."""
    name: str | None = None
    """Name of the trigger."""
    namespace: str | None = None
    """Namespace to limit the query to."""
    query: str | None = None
    """PromQL query with one value as its result."""
    server_address: Annotated[str, Field(pattern=_AMP_WORKSPACE)] | None = None
    """URL of the workspace, without a trailing path."""
    target_value: float | None = None
    """Value to hold by adding and removing replicas."""
    use_cached_metrics: bool = True
    """Answer the autoscaler from the last poll."""

    rules = (
        Rule(
            cel=None,
            message="a trigger with query needs serverAddress and targetValue: add them",
            field="query",
            holds=lambda trigger: (
                not trigger.query or (bool(trigger.server_address) and trigger.target_value is not None)
            ),
        ),
    )


class AutoScalingSpec(Value):
    """Bounds, pace and triggers of automatic scaling."""

    cloud_watch_trigger: CloudWatchTrigger | None = None
    """One CloudWatch trigger; cloudWatchTriggerList wins over it."""
    cloud_watch_trigger_list: Annotated[
        Annotated[Items[CloudWatchTrigger], Field(max_length=100)] | None, SINCE_V1
    ] = None
    """CloudWatch triggers; the one that asks for most replicas decides."""
    cooldown_period: Count = 300
    """Seconds after the last activity before the endpoint goes to zero replicas."""
    initial_cooldown_period: Count = 300
    """Seconds after creation before the cooldown counts."""
    max_replica_count: Count = 5
    """Most replicas."""
    min_replica_count: Count = 1
    """Fewest replicas; 0 lets the endpoint go to zero."""
    polling_interval: Count = 30
    """Seconds between two looks at the metrics."""
    prometheus_trigger: PrometheusTrigger | None = None
    """One Prometheus trigger; prometheusTriggerList wins over it."""
    prometheus_trigger_list: Annotated[
        Annotated[Items[PrometheusTrigger], Field(max_length=100)] | None, SINCE_V1
    ] = None
    """Prometheus triggers; the one that asks for most replicas decides."""
    scale_down_stabilization_time: Count = 300
    """Seconds of lower demand before replicas are removed."""
    scale_up_stabilization_time: Count = 0
    """Seconds of higher demand before replicas are added."""

    rules = (
        Rule(
            cel="self.minReplicaCount <= self.maxReplicaCount",
            message="minReplicaCount is above maxReplicaCount: lower the one or raise the other",
            field="minReplicaCount",
            holds=lambda spec: spec.min_replica_count <= spec.max_replica_count,
        ),
    )
