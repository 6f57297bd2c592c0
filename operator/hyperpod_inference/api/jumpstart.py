"""JumpStartModel: a model of SageMaker JumpStart, whose image and settings the hub supplies."""

from typing import Annotated

from pydantic import Field

from hyperpod_inference.api.autoscaling import AutoScalingSpec
from hyperpod_inference.api.base import Int32, Items, Value
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
    RoleArn,
    TlsConfig,
)
from hyperpod_inference.api.datacapture import DataCapture
from hyperpod_inference.api.kubernetes.common import ResourceRequirements
from hyperpod_inference.api.meta import NAME_RULES, Resource
from hyperpod_inference.api.resource_rules import SERVER_RULES
from hyperpod_inference.api.rules import JUMPSTART_RULES
from hyperpod_inference.api.versions import REQUIRED, SINCE_V1

HubName = Annotated[str, Field(max_length=63, pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$")]


class AdditionalConfig(Value):
    """One more setting of the model."""

    name: str
    """Name of the setting."""
    value: str
    """Value of the setting."""


class JumpStartEnvVar(Value):
    """An environment variable of the model container."""

    name: str
    """Name of the variable."""
    value: str
    """Value of the variable."""


class JumpStartSource(Value):
    """Which model of which hub."""

    accept_eula: Annotated[bool, REQUIRED] = False
    """Whether you accept the model's licence."""
    additional_configs: Annotated[Items[AdditionalConfig], Field(max_length=10)] | None = None
    """More settings of the model."""
    gated_model_download_role: RoleArn | None = None
    """Role that may download a gated model; the operator's default when absent."""
    model_hub_name: HubName = "SageMakerPublicHub"
    """Name of the hub."""
    model_id: HubName
    """Id of the model in the hub."""
    model_version: (
        Annotated[str, Field(min_length=5, max_length=14, pattern=r"^\d{1,4}.\d{1,4}.\d{1,4}$")] | None
    ) = None
    """Version of the model; the newest when absent."""


class Validations(Value):
    """Checks before the deployment."""

    accelerator_partition_validation: bool = True
    """Check that the model fits the partition."""


class JumpStartServer(Value):
    """What the model runs on."""

    accelerator_partition_type: Annotated[Annotated[str, Field(pattern=r"^mig-.*$")] | None, SINCE_V1] = None
    """MIG partition to use instead of whole GPUs."""
    execution_role: RoleArn | None = None
    """Role of the SageMaker endpoint."""
    instance_type: InstanceTypeName
    """Instance type to run on."""
    validations: Annotated[Validations | None, SINCE_V1] = None
    """Checks before the deployment."""

    rules = SERVER_RULES


class SageMakerEndpointName(Value):
    """The SageMaker endpoint."""

    name: EndpointName = ""
    """Name of the endpoint; none is made when empty."""


class JumpStartSpec(Value):
    """Which model to serve, on what, and how."""

    auto_scaling_spec: AutoScalingSpec | None = None
    """Automatic scaling."""
    data_capture: Annotated[DataCapture | None, SINCE_V1] = None
    """Keeping requests and responses."""
    dns_config: Annotated[DnsConfig | None, SINCE_V1] = None
    """DNS record of the custom domain."""
    environment_variables: Annotated[Items[JumpStartEnvVar], Field(max_length=100)] | None = None
    """Environment of the model container."""
    inference_gateway: Annotated[InferenceGatewayLink | None, SINCE_V1] = None
    """The gateway that offers this model."""
    intelligent_routing_spec: Annotated[IntelligentRouting | None, SINCE_V1] = None
    """A router in front of the replicas."""
    kv_cache_spec: Annotated[KVCacheSpec | None, SINCE_V1] = None
    """Keeping attention keys and values."""
    load_balancer: LoadBalancer | None = None
    """The endpoint's load balancer."""
    max_deploy_time_in_seconds: Int32 = 3600
    """After this long without readiness the deployment counts as failed."""
    metrics: Metrics | None = None
    """Metrics of the endpoint."""
    metrics_collector_resources: Annotated[ResourceRequirements | None, SINCE_V1] = None
    """Resources of the metrics collector (core/v1)."""
    metrics_sidecar_resources: Annotated[ResourceRequirements | None, SINCE_V1] = None
    """Resources of the proxy beside the model (core/v1)."""
    model: JumpStartSource
    """Which model of which hub."""
    model_cache_config: Annotated[ModelCacheConfig | None, SINCE_V1] = None
    """What is put on nodes before pods need it."""
    replicas: Int32 = 1
    """Pods to run while nothing scales them."""
    s3_uploader_resources: Annotated[ResourceRequirements | None, SINCE_V1] = None
    """Resources of the data capture uploader (core/v1)."""
    sage_maker_endpoint: SageMakerEndpointName | None = None
    """The SageMaker endpoint."""
    server: JumpStartServer
    """What the model runs on."""
    tls_config: TlsConfig | None = None
    """The certificate that the endpoint serves."""

    rules = JUMPSTART_RULES


class JumpStartModel(Resource):
    """A model of SageMaker JumpStart, whose image and settings the hub supplies."""

    spec: JumpStartSpec
    """Which model to serve, on what, and how."""

    rules = NAME_RULES
