"""An endpoint that the hub's document made: what it has beyond an InferenceEndpointConfig. Pure values."""

from hyperpod_inference.api.base import Value
from hyperpod_inference.api.endpoint import InferenceEndpointConfig


class GatedModel(Value):
    """Weights that only presigned URLs give out, to whoever accepted the licence. role: may ask for them."""

    hub: str
    model_id: str
    version: str
    artifact: str
    role: str


class HubEndpoint(InferenceEndpointConfig):
    """The endpoint of a JumpStartModel. execution_role: of its SageMaker endpoint, '' for the operator's."""

    execution_role: str = ""
    gated: GatedModel | None = None


def gated(endpoint: InferenceEndpointConfig) -> GatedModel | None:
    """What has to be downloaded by presigned URLs, if anything."""
    return endpoint.gated if isinstance(endpoint, HubEndpoint) else None
