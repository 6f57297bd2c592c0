"""How routers and the proxies beside models get to know where their spans go; nothing where nobody asks."""

from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render.identity import Manifest


def tracing(endpoint: InferenceEndpointConfig, settings: OperatorSettings) -> list[Manifest]:
    """OpenTelemetry's own variables: the collector, and whose spans they are."""
    if not settings.otlp_endpoint:
        return []
    metadata = endpoint.metadata
    whose = f"k8s.namespace.name={metadata.namespace},hyperpod.resource_name={metadata.name}"
    values = {"OTEL_EXPORTER_OTLP_ENDPOINT": settings.otlp_endpoint, "OTEL_RESOURCE_ATTRIBUTES": whose}
    return [{"name": name, "value": value} for name, value in values.items()]
