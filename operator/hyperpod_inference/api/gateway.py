"""InferenceGatewayConfig: one address for many models, with a scheduler for each."""

from typing import Annotated, Literal

from pydantic import Field

from hyperpod_inference.api.base import Atomic, ByName, Int64, Items, Opaque, Rule, Time, Value, schema
from hyperpod_inference.api.kubernetes.common import (
    EnvFromSource,
    EnvVar,
    LabelSelector,
    ResourceRequirements,
    Toleration,
)
from hyperpod_inference.api.meta import Resource
from hyperpod_inference.api.statuses import Condition

HttpsUrl = Annotated[str, Field(pattern=r"^https://.+")]
Port = Annotated[int, Field(ge=1, le=65535), schema(format="int32")]
Replicas = Annotated[int, Field(ge=1), schema(format="int32")]
Weight = Annotated[int, Field(ge=0), schema(format="int32")]
MAX_BODY_BYTES = 268435456
BodyBytes = Annotated[int, Field(ge=1, le=MAX_BODY_BYTES), schema(format="int64")]
Adapters = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=253)], ...], Field(strict=False, max_length=50)
]


class DefaultBackend(Value):
    """A Service for requests of no known model."""

    name: str
    """Name of the Service."""
    port: Port = 8000
    """Port of the Service."""


class BodyBasedRouter(Value):
    """Reads the model's name from the request's body."""

    default_backend: DefaultBackend | None = None
    """Where requests of no known model go; they get 404 when absent."""
    enabled: bool
    """Whether to read bodies; needed with more than one scheduler."""
    max_request_body_bytes: Annotated[int, Field(ge=1, le=MAX_BODY_BYTES), schema(format="int64")] = (
        MAX_BODY_BYTES
    )
    """Longest body."""
    replicas: Replicas = 2
    """Pods of the router."""


class GatewayTls(Value):
    """The gateway's certificate; an empty block has one issued."""

    acm_arn: str | None = None
    """ARN of an issued certificate."""


class RequiredClaim(Value):
    """A claim that a token must carry."""

    name: Annotated[str, Field(max_length=253)]
    """Name of the claim."""
    value_type: Literal["String", "StringArray"] = "String"
    """Type of the claim."""
    values: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=1024)], ...],
        Field(strict=False, min_length=1, max_length=128),
    ]
    """Values of which one must be there."""


class RemoteJwks(Value):
    """The issuer's keys."""

    uri: HttpsUrl
    """URL of the key set."""


class JwtProvider(Value):
    """Whose tokens are accepted."""

    audiences: Annotated[Items[str], Field(max_length=8)] | None = None
    """Audiences of which one must be in the token."""
    issuer: HttpsUrl
    """Issuer of the tokens."""
    name: str
    """Name of the provider."""
    remote_jwks: Annotated[RemoteJwks, Field(alias="remoteJWKS")]
    """The issuer's keys."""
    required_claims: Annotated[Items[RequiredClaim], Field(max_length=16)] | None = None
    """Claims that must be in the token."""

    rules = (
        Rule(
            cel=(
                "(has(self.audiences) && size(self.audiences) > 0)"
                " || (has(self.requiredClaims) && size(self.requiredClaims) > 0)"
            ),
            message="any token of this issuer would be accepted: add audiences, requiredClaims or both",
            field="audiences",
            holds=lambda provider: bool(provider.audiences or provider.required_claims),
        ),
    )


class JwtAuth(Value):
    """Authentication by JSON Web Tokens."""

    provider: JwtProvider
    """Whose tokens are accepted."""


class GatewayAuth(Value):
    """Who may call; health routes stay open."""

    jwt: JwtAuth | None = None
    """Authentication by JSON Web Tokens."""


class GatewayMetrics(Value):
    """Metrics of the gateway."""

    enabled: bool = True
    """Whether to collect metrics."""


class GatewayObservability(Value):
    """What the gateway tells about itself."""

    metrics: GatewayMetrics | None = None
    """Metrics of the gateway."""


class PodDefaults(Value):
    """Settings of the gateway's own pods (core/v1)."""

    affinity: Opaque | None = None
    """Affinity of the pods (core/v1)."""
    annotations: dict[str, str] | None = None
    """Annotations of the pods."""
    env: ByName[EnvVar] | None = None
    """Environment of the containers (core/v1)."""
    env_from: Atomic[EnvFromSource] | None = None
    """Environment of the containers from ConfigMaps and Secrets (core/v1)."""
    labels: dict[str, str] | None = None
    """Labels of the pods."""
    node_selector: dict[str, str] | None = None
    """Nodes of the pods."""
    resources: ResourceRequirements | None = None
    """Resources of the containers (core/v1)."""
    tolerations: Atomic[Toleration] | None = None
    """Taints that the pods bear (core/v1)."""


class SchedulerWeights(Value):
    """How much each signal counts when a pod is chosen."""

    kv_cache: Weight = 2
    """Free KV cache."""
    lora_affinity: Weight | None = None
    """The adapter is already loaded."""
    lru: Weight | None = None
    """Used longest ago; llm-d only."""
    predicted_latency: Weight | None = None
    """Predicted latency."""
    prefix: Weight = 3
    """The prompt's prefix is cached."""
    queue: Weight = 2
    """Short queue."""
    running_requests: Weight | None = None
    """Few requests in work."""


class PluginConfig(Value):
    """A ConfigMap with the scheduler's own configuration."""

    key: str = "default-plugins.yaml"
    """Key in the ConfigMap."""
    name: str
    """Name of the ConfigMap."""


class ModelScheduler(Value):
    """One model: its pods and how one of them is chosen."""

    app_protocol: Literal["http", "kubernetes.io/h2c"] = "http"
    """Protocol of the pods."""
    config_map_ref: PluginConfig | None = None
    """The scheduler's own configuration, instead of weights."""
    engine_type: Literal["vllm", "sglang"] = "vllm"
    """Which metric names are read."""
    env: ByName[EnvVar] | None = None
    """Environment of the scheduler (core/v1)."""
    env_from: Atomic[EnvFromSource] | None = None
    """Environment of the scheduler from ConfigMaps and Secrets (core/v1)."""
    log_level: Annotated[int, Field(ge=0, le=5), schema(format="int32")] | None = None
    """How much the scheduler logs."""
    lora_adapters: Adapters | None = None
    """Names of adapters, served under the same model."""
    model_name: Annotated[str, Field(min_length=1, max_length=253)]
    """The `model` of the requests; unique in the gateway."""
    model_selector: LabelSelector
    """The model's pods (meta/v1)."""
    name: Annotated[str, Field(min_length=1, max_length=63)]
    """Name of the scheduler."""
    replicas: Replicas = 2
    """Pods of the scheduler; more than one elect a leader."""
    route_timeout: Annotated[str, Field(pattern=r"^([0-9]{1,5}(h|m|s|ms)){1,4}$")] | None = None
    """Longest time of a request, e.g. 5m; 0s means no limit."""
    scheduler: Literal["llm-d", "epp"] = "llm-d"
    """Which scheduler to run."""
    target_port: Port = 8000
    """Port of the pods."""
    weights: SchedulerWeights | None = None
    """How much each signal counts."""

    rules = (
        Rule(
            cel="!(has(self.weights) && has(self.configMapRef))",
            message="weights and configMapRef exclude each other: keep one",
            field="weights",
            holds=lambda entry: entry.weights is None or entry.config_map_ref is None,
        ),
        Rule(
            cel="!(has(self.weights) && has(self.weights.lru)) || self.scheduler == 'llm-d'",
            message="weights.lru needs scheduler llm-d: remove it or change scheduler",
            field="weights.lru",
            holds=lambda entry: (
                entry.weights is None or entry.weights.lru is None or entry.scheduler == "llm-d"
            ),
        ),
    )


class GatewaySpec(Value):
    """The models behind one address, and who may call them."""

    auth: GatewayAuth | None = None
    """Who may call; everybody in the network when absent."""
    bbr: BodyBasedRouter
    """Reads the model's name from the request's body."""
    observability: GatewayObservability | None = None
    """What the gateway tells about itself."""
    pod_defaults: PodDefaults | None = None
    """Settings of the gateway's own pods."""
    schedulers: Annotated[
        tuple[ModelScheduler, ...],
        Field(strict=False, min_length=1, max_length=100),
        schema(x_kubernetes_list_type="map", x_kubernetes_list_map_keys=["name"]),
    ]
    """One entry for each model."""
    tls: GatewayTls | None = None
    """The gateway's certificate."""

    rules = (
        Rule(
            cel="self.bbr.enabled || size(self.schedulers) <= 1",
            message="more than one scheduler needs bbr.enabled: set it to true or keep one scheduler",
            field="bbr.enabled",
            holds=lambda spec: spec.bbr.enabled or len(spec.schedulers) <= 1,
        ),
        Rule(
            cel="self.schedulers.all(a, self.schedulers.exists_one(b, b.modelName == a.modelName))",
            message="two schedulers have the same modelName: a request could go to either, so rename one",
            field="schedulers",
            holds=lambda spec: len({each.model_name for each in spec.schedulers}) == len(spec.schedulers),
        ),
    )


class SchedulerStatus(Value):
    """State of one scheduler."""

    conditions: Items[Condition] | None = None
    """Conditions of the scheduler."""
    current_scheduler: str | None = None
    """The scheduler that runs now."""
    name: str
    """Name of the scheduler."""
    rollout_state: Literal["Pending", "Progressing", "Available", "Degraded"] | None = None
    """How far a change has come."""


class GatewayTlsStatus(Value):
    """A certificate that was issued here."""

    acm_arn: str | None = None
    """ARN in ACM."""
    dns_names: Items[str] | None = None
    """Names that it is valid for."""
    issued_at: Time | None = None
    """When it was issued."""


class GatewayStatus(Value):
    """What the controller observes of the gateway."""

    conditions: Items[Condition] | None = None
    """Conditions of the gateway."""
    observed_generation: Int64 | None = None
    """Generation of the spec that this status is about."""
    schedulers: ByName[SchedulerStatus] | None = None
    """State of each scheduler."""
    tls: GatewayTlsStatus | None = None
    """A certificate that was issued here."""


class InferenceGatewayConfig(Resource):
    """One address for many models, with a scheduler for each."""

    spec: GatewaySpec
    """The models behind one address, and who may call them."""
