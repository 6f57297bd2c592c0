"""The block of a status that is about the model's Deployment."""

from hyperpod_inference.api.base import Time, Value
from hyperpod_inference.api.kubernetes.deployments import DeploymentObjectStatus


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
