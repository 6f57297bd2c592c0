"""One model behind an inference gateway: its pods, and how one of them is chosen for a request."""

from typing import Annotated, Literal

from pydantic import Field

from hyperpod_inference.api.base import Atomic, ByName, Items, Rule, Value, schema
from hyperpod_inference.api.kubernetes.common import EnvFromSource, EnvVar, LabelSelector
from hyperpod_inference.api.statuses import Condition

Port = Annotated[int, Field(ge=1, le=65535), schema(format="int32")]
Replicas = Annotated[int, Field(ge=1), schema(format="int32")]
Weight = Annotated[int, Field(ge=0), schema(format="int32")]
Adapters = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=253)], ...], Field(strict=False, max_length=50)
]


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
