"""What is allowed but probably not meant: told at `kubectl apply`, by `validate`, and never an error.

Everything here is judged from the resource and the table of instance types alone. A finding says what happens
and what to write instead.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from hyperpod_inference.api.autoscaling import AutoScalingSpec
from hyperpod_inference.api.blocks import InferenceGatewayLink, KVCacheSpec
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.gateway import InferenceGatewayConfig
from hyperpod_inference.api.instance_types import INSTANCE_TYPES, InstanceType
from hyperpod_inference.api.jumpstart import JumpStartModel
from hyperpod_inference.api.model_size import weights_size
from hyperpod_inference.api.parse import AnyResource
from hyperpod_inference.api.pod_rules import repeated
from hyperpod_inference.api.quantity import GIB, amount
from hyperpod_inference.api.resource_rules import DEVICES, asked, chosen_types, known_types
from hyperpod_inference.api.rules import AnySpec, routing_enabled

__all__ = ["Warning", "warnings", "warnings_about"]

Workload = InferenceEndpointConfig | JumpStartModel
_DISAGGREGATION_FAMILIES = ("p5", "p5e", "p5en", "p6-b200", "p6-b300")


@dataclass(frozen=True, slots=True)
class Warning:
    """One finding: `path` is like spec.instanceTypes[1], `message` says what happens and what to write."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def warnings(resource: AnyResource) -> tuple[Warning, ...]:
    """Everything about a valid resource that its author should know, in no order of importance."""
    return tuple(_found(resource))


def warnings_about(resource: AnyResource) -> tuple[str, ...]:
    """The same as lines of text."""
    return tuple(map(str, warnings(resource)))


def _found(resource: AnyResource) -> Iterator[Warning]:
    if isinstance(resource, InferenceGatewayConfig):
        yield from _gateway(resource)
    if isinstance(resource, Workload):
        for check in _WORKLOAD:
            yield from check(resource.spec)
    if isinstance(resource, InferenceEndpointConfig):
        for look in _ENDPOINT:
            yield from look(resource)
    if isinstance(resource, JumpStartModel):
        yield from _type_name(resource.spec.server.instance_type, "spec.server.instanceType")


# --- instance types ---------------------------------------------------------------------------------------


def _type_name(name: str, path: str) -> Iterator[Warning]:
    if name in INSTANCE_TYPES:
        return
    near = difflib.get_close_matches(f"ml.{name.removeprefix('ml.')}", INSTANCE_TYPES, n=1, cutoff=0.9)
    hint = f"did you mean {near[0]}?" if near else "check the spelling, or ignore this if the type is new"
    yield Warning(
        path, f"{name} is no instance type that this version knows, so nothing about it is checked: {hint}"
    )


def _types(endpoint: InferenceEndpointConfig) -> Iterator[Warning]:
    spec = endpoint.spec
    if spec.instance_type is not None:
        yield from _type_name(spec.instance_type, "spec.instanceType")
    for index, name in enumerate(spec.instance_types or ()):
        yield from _type_name(name, f"spec.instanceTypes[{index}]")
    for name in repeated(spec.instance_types or ()):
        yield Warning("spec.instanceTypes", f"{name} is in the list twice: its first place counts")


def _types_that_never_fit(endpoint: InferenceEndpointConfig) -> Iterator[Warning]:
    """Types of a fallback list that the scheduler will never take."""
    types = known_types(endpoint.spec) or ()
    resources = endpoint.spec.worker.resources
    for index, each in enumerate(types if len(types) > 1 else ()):
        for device in DEVICES:
            wanted = asked(resources, device)
            has = each.accelerator_count if each.accelerator_resource == device else 0
            if wanted > has:
                yield Warning(
                    f"spec.instanceTypes[{index}]",
                    f"{each.name} has {has} of {device}, {wanted} are asked for: it is never used",
                )


def _too_much_cpu_or_memory(endpoint: InferenceEndpointConfig) -> Iterator[Warning]:
    types = known_types(endpoint.spec)
    requests = endpoint.spec.worker.resources.requests or endpoint.spec.worker.resources.limits or {}
    if not types:
        return
    most: dict[str, Decimal] = {
        "cpu": Decimal(max(each.vcpus for each in types)),
        "memory": max(each.memory_gib for each in types) * GIB,
    }
    for name, most_here in most.items():
        asked_for = amount(requests[name]) if name in requests else None
        if asked_for is not None and asked_for >= most_here:
            yield Warning(
                f"spec.worker.resources.requests.{name}",
                f"{requests[name]} is all that the largest of {_names(types)} has, or more, and the node "
                "needs a part for itself: the pods will not be scheduled, so ask for less",
            )


def _names(types: Iterable[InstanceType]) -> str:
    return ", ".join(each.name for each in types)


# --- model source -------------------------------------------------------------------------------------------


def _prefetch_memory(endpoint: InferenceEndpointConfig) -> Iterator[Warning]:
    """Prefetched weights lie in memory that counts against the pod. Their size is guessed from the name."""
    source = endpoint.spec.model_source_config
    if not source.prefetch_enabled or source.model_source_type not in ("s3", "fsx"):
        return
    size = weights_size(source.model_location or "") or weights_size(endpoint.spec.model_name)
    room = _room(endpoint)
    if size is None or room is None or size.gib <= room[0]:
        return
    yield Warning(
        "spec.modelSourceConfig.prefetchEnabled",
        f"prefetch copies the weights into memory, but {room[1]} is {room[0]:.0f} GiB and the name suggests "
        f"about {size.gib:.0f} GiB ({size.why}): give more memory, or disable prefetch",
    )


def _room(endpoint: InferenceEndpointConfig) -> tuple[float, str] | None:
    """GiB of memory that a pod has at most, and where that is written."""
    limit = amount((endpoint.spec.worker.resources.limits or {}).get("memory", ""))
    if limit is not None:
        return float(limit / GIB), "the memory limit"
    types = known_types(endpoint.spec)
    if not types:
        return None
    smallest = min(types, key=lambda each: each.memory_gib)
    return float(smallest.memory_gib), f"the memory of {smallest.name}"


def _hugging_face_token(endpoint: InferenceEndpointConfig) -> Iterator[Warning]:
    source = endpoint.spec.model_source_config
    model = source.hugging_face_model
    given = {each.name for each in endpoint.spec.worker.environment_variables or ()}
    if model is None or model.token_secret_ref is None or source.prefetch_enabled or "HF_TOKEN" in given:
        return
    yield Warning(
        "spec.modelSourceConfig.huggingFaceModel.tokenSecretRef",
        "without prefetchEnabled the model server downloads by itself and does not get this token: "
        "set prefetchEnabled, or give the server HF_TOKEN in worker.environmentVariables",
    )


def _unused_source(endpoint: InferenceEndpointConfig) -> Iterator[Warning]:
    source = endpoint.spec.model_source_config
    blocks = {
        "s3": ("s3Storage", source.s3_storage),
        "fsx": ("fsxStorage", source.fsx_storage),
        "huggingface": ("huggingFaceModel", source.hugging_face_model),
    }
    for kind, (name, block) in blocks.items():
        if block is not None and kind != source.model_source_type:
            yield Warning(
                f"spec.modelSourceConfig.{name}",
                f"modelSourceType is {source.model_source_type}, so {name} is not used: remove it",
            )


def _weights_cache(endpoint: InferenceEndpointConfig) -> Iterator[Warning]:
    caches = endpoint.spec.model_cache_config
    if caches is None or caches.weights_cache is None or not caches.weights_cache.enabled:
        return
    path = "spec.modelCacheConfig.weightsCache.enabled"
    source = endpoint.spec.model_source_config.model_source_type
    if source in ("huggingface", "kubernetesVolume"):
        yield Warning(
            path, f"weights of source {source} are not cached on nodes: use s3 or fsx, or disable it"
        )
    types = known_types(endpoint.spec)
    if types and not any(each.nvme_gib for each in types):
        yield Warning(
            path, f"{_names(types)} have no local disks to cache weights on: pods load from the source"
        )


# --- what has no effect -------------------------------------------------------------------------------------


def _without_effect(endpoint: InferenceEndpointConfig) -> Iterator[Warning]:
    spec = endpoint.spec
    if spec.initial_replica_count is not None:
        yield Warning("spec.InitialReplicaCount", "has no effect: write replicas instead")
    limits = spec.worker.request_limits
    if limits is not None and limits.max_queue_size and limits.max_concurrent_requests is None:
        yield Warning(
            "spec.worker.requestLimits.maxQueueSize",
            "has no effect without maxConcurrentRequests: set that too",
        )


def _disaggregation(endpoint: InferenceEndpointConfig) -> Iterator[Warning]:
    spec = endpoint.spec
    if spec.pd_spec is None:
        return
    if spec.auto_scaling_spec is not None:
        yield Warning(
            "spec.autoScalingSpec", "has no effect with pdSpec: write pdSpec.autoScalingSpec instead"
        )
    for name in chosen_types(spec):
        known = INSTANCE_TYPES.get(name)
        if known is not None and known.family not in _DISAGGREGATION_FAMILIES:
            families = ", ".join(f"ml.{family}" for family in _DISAGGREGATION_FAMILIES)
            yield Warning(
                "spec.pdSpec",
                f"{name} is not among the types that prefill and decode are made for ({families}): "
                "the KV cache may move slowly between the pods",
            )


def _deploy_time(spec: AnySpec) -> Iterator[Warning]:
    if spec.max_deploy_time_in_seconds <= 0:
        yield Warning(
            "spec.maxDeployTimeInSeconds",
            f"{spec.max_deploy_time_in_seconds} fails the deployment before it begins: 3600 is the default",
        )


def _kv_cache(spec: AnySpec) -> Iterator[Warning]:
    cache = spec.kv_cache_spec
    if cache is None:
        return
    # What is set to its default may have been filled in by the API server.
    others = not cache.enable_l1_cache or cache.enable_l2_cache or cache.l2_cache_spec is not None
    if cache.cache_config_file and others:
        yield Warning(
            "spec.kvCacheSpec.cacheConfigFile", "wins over the other fields of kvCacheSpec: remove them"
        )
        return
    yield from _l2_cache(cache)


def _l2_cache(cache: KVCacheSpec) -> Iterator[Warning]:
    store = cache.l2_cache_spec
    if store is not None and not cache.enable_l2_cache:
        yield Warning("spec.kvCacheSpec.l2CacheSpec", "has no effect: set enableL2Cache to true")
    backend = ((store and store.l2_cache_backend) or "").lower()
    if store is not None and "tieredstorage" in backend and store.l2_cache_local_url:
        yield Warning(
            "spec.kvCacheSpec.l2CacheSpec.l2CacheLocalUrl",
            "has no effect: tieredstorage is on every node and needs no URL",
        )


def _routing(spec: AnySpec) -> Iterator[Warning]:
    if not routing_enabled(spec):
        return
    metrics = spec.metrics
    if metrics is None or not metrics.enabled:
        yield Warning(
            "spec.intelligentRoutingSpec",
            "the dashboards of routing and caching stay empty: set metrics.enabled to true",
        )


def _server_metrics(endpoint: InferenceEndpointConfig) -> Iterator[Warning]:
    metrics = endpoint.spec.metrics
    port = endpoint.spec.worker.model_invocation_port.container_port
    if metrics is None or not metrics.enabled or metrics.model_metrics is None:
        return
    if routing_enabled(endpoint.spec) and metrics.model_metrics.port != port:
        yield Warning(
            "spec.metrics.modelMetrics.port",
            f"with routing the metrics are read from the invocation port: write {port}",
        )


def _kvaware_path(endpoint: InferenceEndpointConfig) -> Iterator[Warning]:
    routing = endpoint.spec.intelligent_routing_spec
    path = endpoint.spec.invocation_endpoint.strip("/")
    if routing is None or not routing.enabled or routing.routing_strategy != "kvaware":
        return
    if not path.endswith("completions") or path.endswith("chat/completions"):
        yield Warning(
            "spec.invocationEndpoint",
            f"AWS's router understands kvaware requests to v1/completions only, not to {path}: "
            "write v1/completions if this manifest must work there",
        )


def _autoscaling(spec: AnySpec) -> Iterator[Warning]:
    scaling = spec.auto_scaling_spec
    if scaling is None:
        return
    path = "spec.autoScalingSpec"
    for one, many, names in _doubled(scaling):
        if one is not None and many:
            yield Warning(f"{path}.{names[0]}", f"has no effect beside {names[1]}: keep one of the two")
    yield from _half_empty(scaling, path)


def _doubled(scaling: AutoScalingSpec) -> Iterator[tuple[object, object, tuple[str, str]]]:
    cloud_watch = ("cloudWatchTrigger", "cloudWatchTriggerList")
    prometheus = ("prometheusTrigger", "prometheusTriggerList")
    yield scaling.cloud_watch_trigger, scaling.cloud_watch_trigger_list, cloud_watch
    yield scaling.prometheus_trigger, scaling.prometheus_trigger_list, prometheus


def _half_empty(scaling: AutoScalingSpec, path: str) -> Iterator[Warning]:
    """Triggers with a target and nothing to measure; those that clients send by themselves have no target."""
    cloud_watch, prometheus = scaling.cloud_watch_trigger, scaling.prometheus_trigger
    if cloud_watch is not None and cloud_watch.target_value is not None and not cloud_watch.metric_name:
        yield Warning(f"{path}.cloudWatchTrigger", "scales nothing without metricName: add it")
    if prometheus is not None and prometheus.target_value is not None and not prometheus.query:
        yield Warning(f"{path}.prometheusTrigger", "scales nothing without query: add it")


def _gateway_link(spec: AnySpec) -> Iterator[Warning]:
    link: InferenceGatewayLink | None = spec.inference_gateway
    if link is not None and link.name and not link.enabled:
        yield Warning("spec.inferenceGateway.name", "has no effect: set inferenceGateway.enabled to true")


# --- gateways -----------------------------------------------------------------------------------------------


def _gateway(gateway: InferenceGatewayConfig) -> Iterator[Warning]:
    spec = gateway.spec
    if spec.tls is None:
        yield Warning("spec.tls", "AWS's operator may refuse a gateway without it: write tls: {}")
    if spec.bbr.default_backend is not None and not spec.bbr.enabled:
        yield Warning("spec.bbr.defaultBackend", "has no effect: set bbr.enabled to true")
    if spec.auth is not None and spec.auth.jwt is None:
        yield Warning("spec.auth", "protects nothing without jwt: anybody in the network may call")
    for index, each in enumerate(spec.schedulers):
        if not each.model_selector.match_labels and not each.model_selector.match_expressions:
            yield Warning(
                f"spec.schedulers[{index}].modelSelector",
                "is empty and so selects every pod of the namespace: name a label, e.g. app",
            )


_WORKLOAD: tuple[Callable[[AnySpec], Iterator[Warning]], ...] = (
    _deploy_time,
    _kv_cache,
    _routing,
    _autoscaling,
    _gateway_link,
)
_ENDPOINT: tuple[Callable[[InferenceEndpointConfig], Iterator[Warning]], ...] = (
    _types,
    _types_that_never_fit,
    _too_much_cpu_or_memory,
    _prefetch_memory,
    _hugging_face_token,
    _unused_source,
    _weights_cache,
    _without_effect,
    _disaggregation,
    _server_metrics,
    _kvaware_path,
)
