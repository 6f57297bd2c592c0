"""InferenceGatewayConfig: one address for many models, with a scheduler for each."""

from typing import Annotated

from pydantic import Field

from hyperpod_inference.api.base import Atomic, ByName, Int64, Items, Opaque, Rule, Time, Value, schema
from hyperpod_inference.api.gateway_auth import GatewayAuth
from hyperpod_inference.api.kubernetes.common import (
    EnvFromSource,
    EnvVar,
    ResourceRequirements,
    Toleration,
)
from hyperpod_inference.api.meta import Resource
from hyperpod_inference.api.pod_rules import repeated
from hyperpod_inference.api.scheduler import ModelScheduler, Port, Replicas, SchedulerStatus
from hyperpod_inference.api.statuses import Condition

MAX_BODY_BYTES = 268435456
BodyBytes = Annotated[int, Field(ge=1, le=MAX_BODY_BYTES), schema(format="int64")]


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


def _adapters_and_models(schedulers: tuple[ModelScheduler, ...]) -> tuple[str, ...]:
    """Every name a request may give, without repeated model names, which have a rule of their own."""
    models = dict.fromkeys(each.model_name for each in schedulers)
    return (*models, *(adapter for each in schedulers for adapter in each.lora_adapters or ()))


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
        Rule(
            cel=None,
            message="a name stands for two models (modelName or loraAdapters): rename or remove one",
            field="schedulers",
            holds=lambda spec: not repeated(_adapters_and_models(spec.schedulers)),
            detail=lambda spec: ", ".join(repeated(_adapters_and_models(spec.schedulers))),
        ),
    )


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
