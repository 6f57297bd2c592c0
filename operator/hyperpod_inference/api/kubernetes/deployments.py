"""The status of a Deployment (apps/v1)."""

from typing import Annotated

from hyperpod_inference.api.base import Int32, Int64, Items, Time, Value, schema


class DeploymentCondition(Value):
    """A condition of the Deployment (apps/v1)."""

    last_transition_time: Time | None = None
    """When it changed."""
    last_update_time: Time | None = None
    """When it was last looked at."""
    message: str | None = None
    """What is the case."""
    reason: str | None = None
    """The cause in one word."""
    status: str
    """True, False or Unknown."""
    type: str
    """Available, Progressing or ReplicaFailure."""


class DeploymentObjectStatus(Value):
    """The Deployment's own status (apps/v1)."""

    available_replicas: Int32 | None = None
    """Pods ready long enough."""
    collision_count: Int32 | None = None
    """Names that were taken."""
    conditions: Annotated[
        Items[DeploymentCondition] | None,
        schema(x_kubernetes_list_type="map", x_kubernetes_list_map_keys=["type"]),
    ] = None
    """Its conditions."""
    observed_generation: Int64 | None = None
    """Version of the spec it is about."""
    ready_replicas: Int32 | None = None
    """Pods that are ready."""
    replicas: Int32 | None = None
    """Pods there are."""
    terminating_replicas: Int32 | None = None
    """Pods that are ending."""
    unavailable_replicas: Int32 | None = None
    """Pods still missing."""
    updated_replicas: Int32 | None = None
    """Pods of the newest version."""
