"""What the operator may write into `status`: AWS's published schema, which their clients parse strictly.

The models serve the CRD and the tests; `status/` builds plain mappings. A field that is not here is pruned by
the API server.
"""

from typing import Annotated, Literal

from pydantic import Field

from hyperpod_inference.api.base import Int32, Int64, Items, Time, Value, schema
from hyperpod_inference.api.deployment_status import DeploymentStatus
from hyperpod_inference.api.versions import SINCE_V1


def _arn(resource: str) -> str:
    return rf"(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{{12}}:{resource}/.*|^$)"


State = Literal[
    "DeploymentPending",
    "DeploymentInProgress",
    "DeploymentFailed",
    "DeploymentComplete",
    "DeletionPending",
    "DeletionInProgress",
    "DeletionFailed",
    "DeletionComplete",
]
EndpointArn = Annotated[str, Field(pattern=_arn("endpoint"))]
ConfigArn = Annotated[str, Field(pattern=_arn("endpoint-config"))]
ModelArn = Annotated[str, Field(pattern=_arn("model"))]


class Condition(Value):
    """One sub-resource: whether it is ready, why not, and what to do."""

    last_transition_time: Time
    """When the status last changed."""
    message: Annotated[str, Field(max_length=32768)]
    """What is the case, and the next step."""
    observed_generation: Annotated[int, Field(ge=0), schema(format="int64")] | None = None
    """Generation of the spec that this is about."""
    reason: Annotated[
        str, Field(min_length=1, max_length=1024, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")
    ]
    """The cause in one word."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    type: Annotated[
        str,
        Field(
            max_length=316,
            pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
            r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
        ),
    ]
    """What it is about."""


class PodCaptureStatus(Value):
    """Health of data capture in the model's pods."""

    last_transition_time: Time | None = None
    """When the health last changed."""
    message: str | None = None
    """What is wrong."""
    reason: str | None = None
    """The cause in one word."""
    status: Literal["Healthy", "Unhealthy"]
    """Whether records arrive."""


class DataCaptureStatus(Value):
    """Health of data capture."""

    model_pod: PodCaptureStatus | None = None
    """Health of data capture in the model's pods."""


class DnsStatus(Value):
    """State of the DNS record."""

    dns_health: Literal["Active", "Pending", "Error"] | None = None
    """Whether the name resolves to the load balancer."""
    hosted_zone_id: str | None = None
    """Zone of the record."""
    last_transition_time: Time | None = None
    """When the health last changed."""
    managed_by_operator: bool
    """Whether the operator owns the record."""
    message: str | None = None
    """What is wrong, and the next step."""
    previous_hosted_zone_id: str | None = None
    """Zone of a record that is still to be removed."""
    previous_record_name: str | None = None
    """Name of a record that is still to be removed."""
    record_name: str | None = None
    """Name of the record."""


class SageMakerEndpoint(Value):
    """State of the SageMaker endpoint."""

    config_arn: ConfigArn | None = None
    """ARN of the endpoint configuration."""
    endpoint_arn: EndpointArn | None = None
    """ARN of the endpoint."""
    model_arn: ModelArn | None = None
    """ARN of the model."""
    state: str
    """State of the registration, e.g. CreationCompleted."""


class Endpoints(Value):
    """Where the model can be called."""

    sagemaker: SageMakerEndpoint | None = None
    """State of the SageMaker endpoint."""


class ModelMetricsStatus(Value):
    """Where the model's metrics are read."""

    path: str | None = None
    """Path of the metrics."""
    port: Int32 | None = None
    """Port of the metrics."""


class MetricsStatus(Value):
    """State of metrics collection."""

    enabled: bool
    """Whether metrics are collected."""
    error_message: str | None = None
    """What is wrong."""
    metrics_scrape_interval_seconds: Int32 | None = None
    """Seconds between two scrapes."""
    model_metrics: ModelMetricsStatus | None = None
    """Where the model's metrics are read."""
    state: str | None = None
    """State in one word."""


class TlsCertificate(Value):
    """The certificate in use."""

    certificate_arn: (
        Annotated[str, Field(pattern=r"arn:aws[a-z\-]*:acm:[a-z0-9\-]*:[0-9]{12}:certificate/.*")] | None
    ) = Field(None, alias="certificateARN")
    """ARN in ACM."""
    certificate_domain_names: Items[str] | None = None
    """Names that it is valid for."""
    certificate_health: Literal["Valid", "Expiring", "Expired"] | None = None
    """How close its end is."""
    certificate_name: str | None = None
    """Name of the Certificate object."""
    imported_certificates: Items[str] | None = None
    """ARNs that the operator imported."""
    issuer_name: str | None = None
    """Name of the Issuer object."""
    last_cert_expiry_time: Time | None = None
    """When it ends."""
    tls_certificate_output_s3_bucket: str | None = None
    """Bucket of the public certificate."""
    tls_certificate_s3_keys: Items[str] | None = None
    """Keys of the public certificate."""


class GatewayLinkStatus(Value):
    """State of the model at its gateway."""

    name: str | None = None
    """Name of the InferenceGatewayConfig."""
    state: Literal["Pending", "Ready", "Failed"] | None = None
    """Whether the gateway offers the model."""


class EndpointStatus(Value):
    """What the operator observes of an InferenceEndpointConfig or a JumpStartModel."""

    conditions: Items[Condition] | None = None
    """One condition for each sub-resource."""
    data_capture_status: Annotated[DataCaptureStatus | None, SINCE_V1] = None
    """Health of data capture."""
    deployment_status: DeploymentStatus | None = None
    """State of the model's Deployment."""
    dns_status: Annotated[DnsStatus | None, SINCE_V1] = None
    """State of the DNS record."""
    endpoints: Endpoints | None = None
    """Where the model can be called."""
    inference_gateway: Annotated[GatewayLinkStatus | None, SINCE_V1] = None
    """State of the model at its gateway."""
    metrics_status: MetricsStatus | None = None
    """State of metrics collection."""
    observed_generation: Int64 | None = None
    """Generation of the spec that this status is about."""
    replicas: Int32 | None = None
    """Pods that exist."""
    selector: str | None = None
    """Label selector of the pods, for autoscalers."""
    state: State | None = None
    """Overall state."""
    tls_certificate: TlsCertificate | None = None
    """The certificate in use."""
