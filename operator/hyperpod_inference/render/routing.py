"""What the router of an endpoint is called: `router` makes it, `ingress` leads to it."""

from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.render.identity import LABEL_VALUE_LIMIT, bounded


def router_name(endpoint: InferenceEndpointConfig) -> str:
    """The router's Deployment, its budget, and the `app` label of its pods."""
    metadata = endpoint.metadata
    return bounded(names.router_name(metadata.name, metadata.namespace), LABEL_VALUE_LIMIT)


def router_service_name(endpoint: InferenceEndpointConfig) -> str:
    """The router's Service."""
    metadata = endpoint.metadata
    return bounded(names.routing_service_name(metadata.name, metadata.namespace), LABEL_VALUE_LIMIT)
