"""The block of a status that is about the model's Deployment."""

from typing import Annotated

from hyperpod_inference.api.base import Int32, Int64, Items, Time, Value, schema


class DeploymentCondition(Value):
    """A condition of the Deployment (apps/v1)."""

    last_transition_time: Time | None = None
    last_update_time: Time | None = None
    message: str | None = None
    reason: str | None = None
    status: str
    type: str


class DeploymentObjectStatus(Value):
    """The Deployment's own status (apps/v1)."""

    available_replicas: Int32 | None = None
    collision_count: Int32 | None = None
    conditions: Annotated[
        Items[DeploymentCondition] | None,
        schema(x_kubernetes_list_type="map", x_kubernetes_list_map_keys=["type"]),
    ] = None
    observed_generation: Int64 | None = None
    ready_replicas: Int32 | None = None
    replicas: Int32 | None = None
    terminating_replicas: Int32 | None = None
    unavailable_replicas: Int32 | None = None
    updated_replicas: Int32 | None = None


class DeploymentStatus(Value):
    """State of the model's Deployment."""

    deployment_object_overall_state: str | None = None
    """DeploymentPending, DeploymentInProgress, DeploymentFailed or DeploymentComplete."""
    last_updated: Time
    """When this block last changed."""
    message: str | None = None
    """What is the case, and the next step."""
    name: str
    """Name of the Deployment."""
    reason: str | None = None
    """The cause in one word."""
    status: DeploymentObjectStatus | None = None
    """The Deployment's own status (apps/v1)."""
