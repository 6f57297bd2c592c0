"""The parts that a spec asks for and that this version of the operator does not build, each in plain words.

A part leaves this list in the change that builds it. What a resource merely mentions (a disabled block, a
half-empty trigger) asks for nothing and is not listed.
"""

from collections.abc import Callable, Iterator

from hyperpod_inference.api import names
from hyperpod_inference.api.beside import captured, limited, measured, proxied
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render.capture import place_of
from hyperpod_inference.render.registration import capture_lacking
from hyperpod_inference.render.scaling import without_dimensions, without_region
from hyperpod_inference.status.parts import NotBuilt, Part

Finder = Callable[[InferenceEndpointConfig], Iterator[NotBuilt]]


def not_built(endpoint: InferenceEndpointConfig, settings: OperatorSettings) -> tuple[NotBuilt, ...]:
    """Every part of the spec without an object behind it, in the order of their conditions."""
    found = (part for find in _FINDERS for part in find(endpoint))
    told = (_endpoint_capture, _pod_capture, _access_logs, _autoscaling)
    return (*found, *(part for find in told for part in find(endpoint, settings)))


def _autoscaling(endpoint: InferenceEndpointConfig, settings: OperatorSettings) -> Iterator[NotBuilt]:
    """Triggers that KEDA would refuse, and the whole ScaledObject with them."""
    if without_region(endpoint, settings):
        yield _part(
            Part.AUTOSCALING,
            "spec.autoScalingSpec",
            "The CloudWatch triggers are left out: the operator does not know in which region to ask. "
            "Set AWS_REGION for the operator.",
        )
    elif metrics := without_dimensions(endpoint):
        yield _part(
            Part.AUTOSCALING,
            "spec.autoScalingSpec",
            f"The CloudWatch triggers on {', '.join(metrics)} are left out: KEDA takes none without "
            "dimensions. Name at least one dimension of each metric.",
        )


def _metrics(endpoint: InferenceEndpointConfig) -> Iterator[NotBuilt]:
    """The proxy speaks HTTP/1.1."""
    if measured(endpoint.spec) and not proxied(endpoint.spec):
        yield _part(
            Part.METRICS,
            "spec.metrics",
            f"No {names.SIDECAR_CONTAINER} stands before a gRPC server in this version of the operator, so "
            "the model_* metrics do not exist. The server's own metrics are collected.",
        )


def _request_limits(endpoint: InferenceEndpointConfig) -> Iterator[NotBuilt]:
    if limited(endpoint.spec) and not proxied(endpoint.spec):
        yield _part(
            Part.REQUEST_LIMITS,
            "spec.worker.requestLimits",
            f"Limits are kept by the {names.SIDECAR_CONTAINER}, which does not speak gRPC: every request "
            "reaches the model server. Limit concurrency with the server's own option instead.",
        )


def _endpoint_capture(endpoint: InferenceEndpointConfig, settings: OperatorSettings) -> Iterator[NotBuilt]:
    """SageMaker's own tier, where nobody says into which bucket, or of which cluster."""
    tier = endpoint.spec.data_capture.sagemaker_endpoint if endpoint.spec.data_capture else None
    why = capture_lacking(endpoint, settings) if tier and tier.enabled else ""
    if why:
        yield _part(
            Part.DATA_CAPTURE, "spec.dataCapture.sagemakerEndpoint", f"SageMaker captures nothing: {why}"
        )


def _pod_capture(endpoint: InferenceEndpointConfig, settings: OperatorSettings) -> Iterator[NotBuilt]:
    """The tier of the pods, where nobody says into which bucket, or of which cluster."""
    tier = endpoint.spec.data_capture.model_pod if endpoint.spec.data_capture else None
    if tier is None or not tier.enabled:
        return
    if captured(endpoint.spec) is None:
        why = "the proxy that captures does not speak gRPC. Let the server log what it needs to."
    elif not settings.hyperpod_cluster_arn:
        why = "the prefix in the bucket needs the cluster's ARN. Set the operator's HYPERPOD_CLUSTER_ARN."
    elif place_of(endpoint, settings, "pod") is None:
        why = "there is no bucket. Set spec.dataCapture.s3Uri or the operator's TLS_CERTIFICATE_OUTPUT_S3URI."
    else:
        return
    yield _part(Part.DATA_CAPTURE, "spec.dataCapture.modelPod", f"No call is captured in the pods: {why}")


def _access_logs(endpoint: InferenceEndpointConfig, settings: OperatorSettings) -> Iterator[NotBuilt]:
    """The tier of the load balancer, where nobody says into which bucket, or of which cluster."""
    capture = endpoint.spec.data_capture
    asked = capture is not None and capture.load_balancer is not None and capture.load_balancer.enabled
    if asked and place_of(endpoint, settings, "alb") is None:
        yield _part(
            Part.DATA_CAPTURE,
            "spec.dataCapture.loadBalancer",
            "The load balancer writes no access logs: set spec.dataCapture.s3Uri or "
            "TLS_CERTIFICATE_OUTPUT_S3URI, and HYPERPOD_CLUSTER_ARN of the operator.",
        )


def _part(part: Part, field: str, message: str) -> NotBuilt:
    return NotBuilt(part=part, field=field, message=message)


_FINDERS: tuple[Finder, ...] = (
    _metrics,
    _request_limits,
)
