"""InferenceEndpointConfig: a model server of your own, from an image and a model source."""

from typing import Annotated, Literal

from pydantic import Field

from hyperpod_inference.api import names
from hyperpod_inference.api.autoscaling import AutoScalingSpec
from hyperpod_inference.api.base import ByName, Int32, Items, Value, schema
from hyperpod_inference.api.blocks import (
    DnsConfig,
    EndpointName,
    InferenceGatewayLink,
    InstanceTypeName,
    IntelligentRouting,
    KVCacheSpec,
    LoadBalancer,
    Metrics,
    ModelCacheConfig,
    Tag,
    TlsConfig,
)
from hyperpod_inference.api.datacapture import DataCapture
from hyperpod_inference.api.disaggregation import PDSpec
from hyperpod_inference.api.kubernetes.common import EnvVar, KeySelector, NodeAffinity, ResourceRequirements
from hyperpod_inference.api.kubernetes.containers import Container, Probe
from hyperpod_inference.api.kubernetes.volumes import Volume
from hyperpod_inference.api.meta import NAME_FITS_LABEL, Resource
from hyperpod_inference.api.rules import ENDPOINT_RULES
from hyperpod_inference.api.versions import SINCE_V1

ModelName = Annotated[str, Field(max_length=63, pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")]
DnsName = Annotated[
    str,
    Field(max_length=253, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"),
]
SourceType = Literal["fsx", "s3", "huggingface", "kubernetesVolume"]


class FsxStorage(Value):
    """A model on FSx for Lustre."""

    dns_name: str | None = None
    """DNS name of the file system; looked up when absent."""
    file_system_id: str
    """Id of the file system."""
    mount_name: str | None = None
    """Mount name of the file system; looked up when absent."""


class HuggingFaceModel(Value):
    """A model of the Hugging Face hub."""

    commit_sha: Annotated[
        Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None, Field(alias="commitSHA")
    ] = None
    """Commit to serve; the head of main when absent."""
    model_id: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]+/[a-zA-Z0-9_.-]+$")]
    """organisation/model."""
    token_secret_ref: KeySelector | None = None
    """Secret with the access token of a gated model (core/v1)."""


class S3Storage(Value):
    """A model in S3."""

    bucket_name: str
    """Name of the bucket."""
    region: str
    """Region of the bucket."""


class ModelSourceConfig(Value):
    """Where the model comes from. The block of the chosen type must be there."""

    fsx_storage: FsxStorage | None = None
    """For modelSourceType fsx."""
    hugging_face_model: Annotated[HuggingFaceModel | None, SINCE_V1] = None
    """For modelSourceType huggingface."""
    model_location: str | None = None
    """Prefix in the bucket or directory in the file system."""
    model_source_type: SourceType
    """Kind of the source."""
    prefetch_enabled: bool = False
    """Copy the model into memory before the server starts."""
    s3_storage: S3Storage | None = None
    """For modelSourceType s3."""


class KubernetesSpec(Value):
    """Additions to the model's pods."""

    init_containers: Items[Container] | None = None
    """Containers (core/v1) that run after the operator's own and before the model."""
    scheduler_name: DnsName | None = None
    """Scheduler of the pods."""
    service_account_name: DnsName | None = None
    """Service account of the pods."""
    volumes: Items[Volume] | None = None
    """Volumes (core/v1) of the pods."""


class InvocationPort(Value):
    """Port of the model server."""

    container_port: Annotated[int, Field(ge=1, le=65535), schema(format="int32")]
    """Port number."""
    name: Annotated[str, Field(pattern=r"^http$|^grpc$")] = "http"
    """Protocol: http or grpc."""


class ModelVolumeMount(Value):
    """Where the model appears in the container."""

    mount_path: str = names.MODEL_MOUNT_PATH
    """Directory in the container."""
    name: str
    """Name of the volume."""


class Probes(Value):
    """Health checks of the model container (core/v1)."""

    liveness_probe: Probe | None = None
    """Restarts the container when it fails (core/v1)."""
    readiness_probe: Probe | None = None
    """Holds traffic back while it fails (core/v1)."""
    startup_probe: Probe | None = None
    """Holds the other probes back until it succeeds (core/v1)."""


class RequestLimits(Value):
    """How much one pod takes at once; enforced by the proxy, so metrics must be enabled."""

    max_concurrent_requests: Annotated[int, Field(ge=1), schema(format="int32")] | None = None
    """Requests in work at once."""
    max_queue_size: Annotated[int, Field(ge=0), schema(format="int32")] | None = None
    """Requests that may wait, for 60 seconds at most."""
    overflow_status_code: Annotated[int, Field(ge=400, le=599), schema(format="int32")] = 429
    """HTTP status of a refused request."""


class Worker(Value):
    """The model container."""

    args: Annotated[Items[str] | None, SINCE_V1] = None
    """Arguments of the command."""
    command: Annotated[Items[str] | None, SINCE_V1] = None
    """Command; the image's own when absent."""
    environment_variables: ByName[EnvVar] | None = None
    """Environment (core/v1)."""
    image: str
    """Image of the model server."""
    model_invocation_port: InvocationPort
    """Port of the model server."""
    model_volume_mount: ModelVolumeMount
    """Where the model appears in the container."""
    probes: Annotated[Probes | None, SINCE_V1] = None
    """Health checks; a readiness probe is made when absent."""
    request_limits: Annotated[RequestLimits | None, SINCE_V1] = None
    """How much one pod takes at once."""
    resources: ResourceRequirements
    """Requests and limits (core/v1)."""
    working_dir: Annotated[str | None, SINCE_V1] = None
    """Working directory; the image's own when absent."""


class EndpointSpec(Value):
    """What to serve, on what, and how."""

    initial_replica_count: Annotated[Int32 | None, Field(alias="InitialReplicaCount")] = None
    """Without effect; use replicas."""
    auto_scaling_spec: AutoScalingSpec | None = None
    """Automatic scaling."""
    data_capture: Annotated[DataCapture | None, SINCE_V1] = None
    """Keeping requests and responses."""
    dns_config: Annotated[DnsConfig | None, SINCE_V1] = None
    """DNS record of the custom domain."""
    endpoint_name: EndpointName | None = None
    """Name of the SageMaker endpoint; none is made when empty."""
    inference_gateway: Annotated[InferenceGatewayLink | None, SINCE_V1] = None
    """The gateway that offers this model."""
    instance_type: InstanceTypeName | None = None
    """The one instance type to run on."""
    instance_types: Annotated[Items[str] | None, SINCE_V1] = None
    """Instance types to run on, most preferred first."""
    intelligent_routing_spec: Annotated[IntelligentRouting | None, SINCE_V1] = None
    """A router in front of the replicas."""
    invocation_endpoint: str = "invocations"
    """Path that clients call."""
    kubernetes: Annotated[KubernetesSpec | None, SINCE_V1] = None
    """Additions to the model's pods."""
    kv_cache_spec: Annotated[KVCacheSpec | None, SINCE_V1] = None
    """Keeping attention keys and values."""
    load_balancer: LoadBalancer | None = None
    """The endpoint's load balancer."""
    max_deploy_time_in_seconds: Annotated[Int32, SINCE_V1] = 3600
    """After this long without readiness the deployment counts as failed."""
    metrics: Metrics | None = None
    """Metrics of the endpoint."""
    metrics_collector_resources: Annotated[ResourceRequirements | None, SINCE_V1] = None
    """Resources of the metrics collector (core/v1)."""
    metrics_sidecar_resources: Annotated[ResourceRequirements | None, SINCE_V1] = None
    """Resources of the proxy beside the model (core/v1)."""
    model_cache_config: Annotated[ModelCacheConfig | None, SINCE_V1] = None
    """What is put on nodes before pods need it."""
    model_name: ModelName
    """Name of the model in metrics."""
    model_source_config: ModelSourceConfig
    """Where the model comes from."""
    model_version: str | None = None
    """Version of the model in metrics."""
    node_affinity: Annotated[NodeAffinity | None, SINCE_V1] = None
    """Nodes to run on (core/v1), instead of instance types."""
    pd_spec: Annotated[PDSpec | None, SINCE_V1] = None
    """Separate servers for prefill and decode."""
    replicas: Int32 = 1
    """Pods to run while nothing scales them."""
    s3_uploader_resources: Annotated[ResourceRequirements | None, SINCE_V1] = None
    """Resources of the data capture uploader (core/v1)."""
    tags: Items[Tag] | None = None
    """Tags of the AWS resources."""
    tls_config: TlsConfig | None = None
    """The certificate that the endpoint serves."""
    worker: Worker
    """The model container."""

    rules = ENDPOINT_RULES


class InferenceEndpointConfig(Resource):
    """A model server of your own, from an image and a model source."""

    spec: EndpointSpec
    """What to serve, on what, and how."""

    rules = (NAME_FITS_LABEL,)
