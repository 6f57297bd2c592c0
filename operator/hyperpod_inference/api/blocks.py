"""The spec blocks that InferenceEndpointConfig and JumpStartModel share."""

from typing import Annotated, Literal

from pydantic import Field

from hyperpod_inference.api.autoscaling import AutoScalingSpec
from hyperpod_inference.api.base import Rule, Value, schema
from hyperpod_inference.api.versions import SINCE_V1

EndpointName = Annotated[str, Field(max_length=63, pattern=r"^$|^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$")]
InstanceTypeName = Annotated[str, Field(pattern=r"^ml\..*")]
RoleArn = Annotated[
    str,
    Field(
        min_length=20,
        max_length=2048,
        pattern=r"^arn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+$",
    ),
]

# Defaults that the operator applies itself: a default in the CRD would show up in stored objects, where
# clients that do not know the field refuse it.
DEFAULT_IDLE_TIMEOUT_SECONDS = 60
DEFAULT_WEIGHTS_HOST_PATH = "/opt/dlami/nvme"


class Tag(Value):
    """A tag of the AWS resources."""

    name: str
    """Key of the tag."""
    value: str
    """Value of the tag."""


class CustomCertificate(Value):
    """A certificate of your own in ACM."""

    acm_arn: Annotated[str, Field(pattern=r"^arn:aws:acm:[a-z0-9-]+:[0-9]{12}:certificate/[a-fA-F0-9-]+$")]
    """ARN of the issued certificate."""
    domain_name: Annotated[
        str,
        Field(
            max_length=253,
            pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$",
        ),
    ]
    """Host name that clients use; one of the certificate's names."""


class TlsConfig(Value):
    """The certificate that the endpoint serves."""

    custom_certificate_config: Annotated[CustomCertificate | None, SINCE_V1] = None
    """Your own certificate; a self-signed one is made when absent."""
    tls_certificate_output_s3_uri: Annotated[str, Field(pattern=r"^s3://([^/]+)/?(.*)$")] | None = None
    """Where the public certificate is put for clients and SageMaker."""


class DnsConfig(Value):
    """A DNS record for the custom certificate's domain."""

    hosted_zone_id: Annotated[str, Field(pattern=r"^Z[A-Z0-9]+$")]
    """Route 53 hosted zone of the domain."""


class LoadBalancer(Value):
    """The endpoint's load balancer."""

    health_check_path: Annotated[str, Field(pattern=r"^/.*")] = "/ping"
    """Path that answers 200 when the model is ready."""
    routing_algorithm: Literal["least_outstanding_requests", "round_robin"] = "least_outstanding_requests"
    """How requests are spread over the pods."""
    idle_timeout_seconds: Annotated[
        Annotated[int, Field(ge=1, le=4000), schema(format="int32")] | None, SINCE_V1
    ] = None
    """Longest silence of a connection; 60 when absent."""


class ModelMetrics(Value):
    """Where the model server publishes metrics."""

    path: Annotated[str, Field(pattern=r"^/[a-zA-Z0-9\-_.\/]*$")] = "/metrics"
    """Path of the metrics."""
    port: Annotated[int, Field(ge=1024, le=65535), schema(format="int32")] = 8080
    """Port of the metrics."""


class Metrics(Value):
    """Metrics of the endpoint; also starts the proxy beside each model container."""

    enabled: bool = True
    """Whether to collect metrics."""
    metrics_scrape_interval_seconds: Annotated[int, Field(ge=5, le=300), schema(format="int32")] = 15
    """Seconds between two scrapes."""
    model_metrics: ModelMetrics | None = None
    """Where the model server publishes metrics."""


class L2CacheSpec(Value):
    """The second level of the KV cache."""

    l2_cache_backend: Annotated[str, Field(pattern=r"(?i)redis|tieredstorage")] | None = None
    """redis or tieredstorage."""
    l2_cache_local_url: str | None = None
    """URL of the Redis server, e.g. redis://redis.default.svc.cluster.local:6379."""


def _is_configured(cache: "KVCacheSpec") -> bool:
    return not cache.enable_l2_cache or bool(cache.cache_config_file)


def _backend(cache: "KVCacheSpec") -> str:
    return ((cache.l2_cache_spec and cache.l2_cache_spec.l2_cache_backend) or "").lower()


_IS_CONFIGURED = "!self.enableL2Cache || (has(self.cacheConfigFile) && self.cacheConfigFile != '')"
KV_CACHE_RULES = (
    Rule(
        cel=f"{_IS_CONFIGURED} || (has(self.l2CacheSpec) && has(self.l2CacheSpec.l2CacheBackend))",
        message=(
            "enableL2Cache is true but l2CacheSpec.l2CacheBackend is missing:"
            " set it to tieredstorage or redis, or disable the second level"
        ),
        field="l2CacheSpec",
        holds=lambda cache: _is_configured(cache) or bool(_backend(cache)),
    ),
    Rule(
        cel=(
            f"{_IS_CONFIGURED} || !has(self.l2CacheSpec) || !has(self.l2CacheSpec.l2CacheBackend)"
            " || !self.l2CacheSpec.l2CacheBackend.matches('(?i)redis')"
            " || (has(self.l2CacheSpec.l2CacheLocalUrl) && self.l2CacheSpec.l2CacheLocalUrl != '')"
        ),
        message=(
            "l2CacheBackend redis needs l2CacheLocalUrl, e.g. redis://redis.default.svc.cluster.local:6379:"
            " add it, or choose tieredstorage"
        ),
        field="l2CacheSpec",
        holds=lambda cache: (
            _is_configured(cache)
            or "redis" not in _backend(cache)
            or bool(cache.l2_cache_spec and cache.l2_cache_spec.l2_cache_local_url)
        ),
    ),
)


class KVCacheSpec(Value):
    """Keeping attention keys and values beyond the accelerator's memory."""

    cache_config_file: str | None = None
    """An LMCache configuration; wins over the other fields."""
    enable_l1_cache: bool = True
    """Keep them in the host's memory."""
    enable_l2_cache: bool = False
    """Keep them in a shared store too."""
    l2_cache_spec: L2CacheSpec | None = None
    """The shared store."""

    rules = KV_CACHE_RULES


class IntelligentRouting(Value):
    """A router in front of the replicas that sends a request where its prefix is cached."""

    auto_scaling_spec: AutoScalingSpec | None = None
    """Scaling of the router itself."""
    enabled: bool = False
    """Whether to route; cannot change once the endpoint exists."""
    routing_strategy: Literal["prefixaware", "kvaware", "session", "roundrobin"] = "prefixaware"
    """How a replica is chosen."""


class WeightsCache(Value):
    """The model's weights on the nodes' local disks."""

    enabled: bool | None = None
    """Whether to put weights on matching nodes ahead of time; false when absent."""
    host_path: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^/")] | None = None
    """Directory on the node; /opt/dlami/nvme when absent."""


class ImageCache(Value):
    """The server's image on the nodes."""

    enabled: bool | None = None
    """Whether to pull the image ahead of time; false when absent."""


class ModelCacheConfig(Value):
    """What is put on nodes before pods need it."""

    weights_cache: WeightsCache | None = None
    """The model's weights on the nodes' local disks."""
    image_cache: ImageCache | None = None
    """The server's image on the nodes."""


class InferenceGatewayLink(Value):
    """The gateway that offers this model."""

    enabled: bool | None = None
    """Whether to add the model to a gateway; false when absent."""
    name: str | None = None
    """Name of the InferenceGatewayConfig; generated when empty."""
