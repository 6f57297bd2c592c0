"""InferenceEndpointConfig: a model server of your own, from an image and a model source."""

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
    Tag,
    TlsConfig,
)
from hyperpod_inference.api.datacapture import DataCapture
from hyperpod_inference.api.disaggregation import PDSpec
from hyperpod_inference.api.kubernetes.common import NodeAffinity, ResourceRequirements
from hyperpod_inference.api.meta import NAME_RULES, Resource
from hyperpod_inference.api.model_source import ModelSourceConfig
from hyperpod_inference.api.rules import ENDPOINT_RULES
from hyperpod_inference.api.versions import SINCE_V1
from hyperpod_inference.api.worker import KubernetesSpec, Worker

__all__ = ["EndpointSpec", "InferenceEndpointConfig", "ModelSourceConfig", "Worker"]

ModelName = Annotated[str, Field(max_length=63, pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")]


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

    @property
    def routed(self) -> bool:
        """Whether requests go through a router: asked for, or needed by separate servers."""
        routing = self.intelligent_routing_spec
        return self.pd_spec is not None or (routing is not None and routing.enabled)

    @property
    def routing_strategy(self) -> str:
        """How a router chooses a replica."""
        routing = self.intelligent_routing_spec
        return routing.routing_strategy if routing else "prefixaware"


class InferenceEndpointConfig(Resource):
    """A model server of your own, from an image and a model source."""

    spec: EndpointSpec
    """What to serve, on what, and how."""

    rules = NAME_RULES
