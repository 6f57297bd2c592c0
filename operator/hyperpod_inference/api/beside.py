"""Which containers a spec wants beside its model: the questions that `render` and `status` share."""

from hyperpod_inference.api.datacapture import ModelPodCapture
from hyperpod_inference.api.endpoint import EndpointSpec
from hyperpod_inference.api.worker import RequestLimits

DEFAULT_METRICS_PATH, DEFAULT_METRICS_PORT = "/metrics", 8080


def speaks_http(spec: EndpointSpec) -> bool:
    """Whether the proxy understands what clients send: it speaks HTTP/1.1, a gRPC server does without it."""
    return spec.worker.model_invocation_port.name != "grpc"


def measured(spec: EndpointSpec) -> bool:
    """Whether metrics are collected."""
    return spec.metrics is not None and spec.metrics.enabled


def captured(spec: EndpointSpec) -> ModelPodCapture | None:
    """What of the calls is kept in the model's pods, if anything."""
    tier = spec.data_capture.model_pod if spec.data_capture else None
    return tier if tier is not None and tier.enabled and speaks_http(spec) else None


def proxied(spec: EndpointSpec) -> bool:
    """Whether requests pass the proxy."""
    return speaks_http(spec) and (measured(spec) or captured(spec) is not None)


def limited(spec: EndpointSpec) -> RequestLimits | None:
    """The request limits, if they limit anything."""
    limits = spec.worker.request_limits
    return limits if limits is not None and limits.max_concurrent_requests else None


def model_metrics(spec: EndpointSpec) -> tuple[str, int]:
    """Path and port of the model server's own metrics: its invocation port's, unless they are given."""
    if spec.metrics and spec.metrics.model_metrics:
        return spec.metrics.model_metrics.path, spec.metrics.model_metrics.port
    port = spec.worker.model_invocation_port.container_port
    return DEFAULT_METRICS_PATH, port if speaks_http(spec) else DEFAULT_METRICS_PORT
