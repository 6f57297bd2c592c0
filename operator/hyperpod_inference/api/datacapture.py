"""Keeping requests and responses: at the SageMaker endpoint, at the load balancer, in the model's pod."""

from typing import Annotated, Literal

from pydantic import Field

from hyperpod_inference.api.base import Value, schema

Percentage = Annotated[int, Field(ge=0, le=100), schema(format="int32")]
KmsKey = Annotated[str, Field(max_length=2048, pattern=r"^[a-zA-Z0-9:/_-]*$")]
ContentTypes = Annotated[
    tuple[str, ...], Field(strict=False, min_length=1, max_length=10), schema(x_kubernetes_list_type="set")
]


class CaptureOption(Value):
    """What to keep."""

    capture_mode: Literal["Input", "Output"]
    """Requests (Input) or responses (Output)."""


CaptureOptions = Annotated[tuple[CaptureOption, ...], Field(strict=False, min_length=1, max_length=32)]


class ContentTypeHeader(Value):
    """Which content types are kept as text instead of base64."""

    csv_content_types: ContentTypes | None = None
    """Content types that hold CSV."""
    json_content_types: ContentTypes | None = None
    """Content types that hold JSON."""


class BufferConfig(Value):
    """How records are collected before an upload."""

    batch_size: Annotated[int, Field(ge=1, le=1000), schema(format="int32")] = 10
    """Records in one upload."""
    flush_interval_seconds: Annotated[int, Field(ge=10, le=300), schema(format="int32")] = 60
    """Longest wait of a record."""


class PayloadConfig(Value):
    """Limits of one record."""

    max_payload_size_kb: Annotated[
        int, Field(ge=0, le=10240, alias="maxPayloadSizeKB"), schema(format="int32")
    ] = 0
    """Longer payloads are cut; 0 means no limit."""


class LoadBalancerCapture(Value):
    """Access logs of the load balancer."""

    enabled: bool
    """Whether to keep access logs."""


class ModelPodCapture(Value):
    """Payloads, kept beside the model."""

    buffer_config: BufferConfig | None = None
    """How records are collected before an upload."""
    capture_content_type_header: ContentTypeHeader | None = None
    """Which content types are kept as text."""
    capture_options: CaptureOptions | None = None
    """What to keep; both directions when absent."""
    enabled: bool
    """Whether to keep payloads."""
    initial_sampling_percentage: Percentage | None = None
    """Share of requests to keep; 100 when absent."""
    kms_key_id: KmsKey | None = None
    """KMS key of the uploads."""
    payload_config: PayloadConfig | None = None
    """Limits of one record."""


class SageMakerEndpointCapture(Value):
    """SageMaker's own data capture."""

    capture_content_type_header: ContentTypeHeader | None = None
    """Which content types are kept as text."""
    capture_options: CaptureOptions | None = None
    """What to keep; both directions when absent."""
    enabled: bool
    """Whether SageMaker captures."""
    initial_sampling_percentage: Percentage | None = None
    """Share of requests to keep; 100 when absent."""
    kms_key_id: KmsKey | None = None
    """KMS key of the captured files."""


class DataCapture(Value):
    """The three tiers of data capture."""

    load_balancer: LoadBalancerCapture | None = None
    """Access logs of the load balancer, below alb/."""
    model_pod: ModelPodCapture | None = None
    """Payloads kept beside the model, below pod/."""
    s3_uri: Annotated[str, Field(max_length=512, pattern=r"^s3://([^/]+)(/[^,=]*)?$")] | None = None
    """Where to keep them; the certificate bucket's data-capture/ when absent."""
    sagemaker_endpoint: SageMakerEndpointCapture | None = None
    """SageMaker's own data capture, below sme/."""
