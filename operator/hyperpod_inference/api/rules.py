"""Relations between fields that a schema cannot say, each written twice side by side: CEL and Python.

The API server evaluates the CEL at admission; `parse` evaluates the Python offline, in the webhook and in the
operator. The messages say what to change. What AWS's own clients send by themselves must pass: empty lists
and blocks count as absent. Here are the rules over a whole spec; `pod_rules`, `resource_rules` and
`metadata_rules` have those of one subject, and small blocks carry their own.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Union

from hyperpod_inference.api.base import Rule
from hyperpod_inference.api.names import TAG_CREATED_BY
from hyperpod_inference.api.pod_rules import POD_RULES
from hyperpod_inference.api.resource_rules import ACCELERATOR_RULES

if TYPE_CHECKING:
    from hyperpod_inference.api.endpoint import EndpointSpec
    from hyperpod_inference.api.jumpstart import JumpStartSpec

AnySpec = Union["EndpointSpec", "JumpStartSpec"]

_HAS_TYPES = "(has(self.instanceTypes) && size(self.instanceTypes) > 0)"
_HAS_AFFINITY = (
    "(has(self.nodeAffinity) && (has(self.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution)"
    " || has(self.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution)))"
)


def placement_choices(spec: "EndpointSpec") -> tuple[str, ...]:
    """Which of the ways to choose nodes the spec uses, by wire name."""
    affinity = spec.node_affinity
    used = {
        "instanceType": spec.instance_type is not None,
        "instanceTypes": bool(spec.instance_types),
        "nodeAffinity": affinity is not None
        and (
            affinity.required_during_scheduling_ignored_during_execution is not None
            or affinity.preferred_during_scheduling_ignored_during_execution is not None
        ),
    }
    return tuple(name for name, is_used in used.items() if is_used)


def routing_enabled(spec: AnySpec) -> bool:
    """Whether the spec asks for the router."""
    return spec.intelligent_routing_spec is not None and spec.intelligent_routing_spec.enabled


def gateway_enabled(spec: AnySpec) -> bool:
    """Whether the spec asks to be offered by a gateway."""
    return spec.inference_gateway is not None and spec.inference_gateway.enabled is True


def _source_rule(source: str, block: str, attribute: str, since: str | None = None) -> Rule:
    return Rule(
        cel=f"self.modelSourceConfig.modelSourceType != '{source}' || has(self.modelSourceConfig.{block})",
        message=f"modelSourceType is {source} but {block} is missing: add {block} or change modelSourceType",
        field=f"modelSourceConfig.{block}",
        since=since,
        holds=lambda spec: (
            spec.model_source_config.model_source_type != source
            or getattr(spec.model_source_config, attribute) is not None
        ),
    )


ROUTING_IS_IMMUTABLE = Rule(
    cel=(
        "(has(self.intelligentRoutingSpec) && self.intelligentRoutingSpec.enabled)"
        " == (has(oldSelf.intelligentRoutingSpec) && oldSelf.intelligentRoutingSpec.enabled)"
    ),
    message=(
        "intelligentRoutingSpec.enabled cannot change on an existing resource:"
        " delete it and create it again, or create a second one beside it"
    ),
    field="intelligentRoutingSpec.enabled",
    since="v1",
    holds_after=lambda old, new: routing_enabled(old) == routing_enabled(new),
)

GATEWAY_EXCLUDES_ROUTING = Rule(
    cel=(
        "!(has(self.inferenceGateway) && has(self.inferenceGateway.enabled) && self.inferenceGateway.enabled"
        " && has(self.intelligentRoutingSpec) && self.intelligentRoutingSpec.enabled)"
    ),
    message=(
        "inferenceGateway.enabled and intelligentRoutingSpec.enabled exclude each other:"
        " the gateway routes by itself, so disable one of them"
    ),
    field="inferenceGateway.enabled",
    since="v1",
    holds=lambda spec: not (gateway_enabled(spec) and routing_enabled(spec)),
)

REPLICAS_NOT_NEGATIVE = Rule(
    cel=None,
    native=True,  # because of the scale subresource
    message="replicas is below 0: use 0 or more",
    field="replicas",
    holds=lambda spec: spec.replicas >= 0,
)

_CACHES = (
    "(has(self.kvCacheSpec) && (self.kvCacheSpec.enableL1Cache || self.kvCacheSpec.enableL2Cache"
    " || (has(self.kvCacheSpec.cacheConfigFile) && self.kvCacheSpec.cacheConfigFile != '')))"
)


def _caches(spec: AnySpec) -> bool:
    cache = spec.kv_cache_spec
    return cache is not None and bool(
        cache.enable_l1_cache or cache.enable_l2_cache or cache.cache_config_file
    )


def _is_kvaware(spec: AnySpec) -> bool:
    routing = spec.intelligent_routing_spec
    return routing is not None and routing.enabled and routing.routing_strategy == "kvaware"


KVAWARE_NEEDS_ITS_CACHE = Rule(
    cel=(
        "!(has(self.intelligentRoutingSpec) && self.intelligentRoutingSpec.enabled"
        f" && self.intelligentRoutingSpec.routingStrategy == 'kvaware') || {_CACHES}"
    ),
    message=(
        "routingStrategy kvaware reads the KV cache, but none is on:"
        " add kvCacheSpec with enableL1Cache or enableL2Cache, or choose prefixaware"
    ),
    field="intelligentRoutingSpec.routingStrategy",
    since="v1",
    holds=lambda spec: not _is_kvaware(spec) or _caches(spec),
)

DNS_NEEDS_A_DOMAIN = Rule(
    cel="!has(self.dnsConfig) || (has(self.tlsConfig) && has(self.tlsConfig.customCertificateConfig))",
    message=(
        "dnsConfig makes a record for the domain of tlsConfig.customCertificateConfig, which is missing:"
        " add it or remove dnsConfig"
    ),
    field="dnsConfig",
    since="v1",
    holds=lambda spec: (
        spec.dns_config is None
        or (spec.tls_config is not None and spec.tls_config.custom_certificate_config is not None)
    ),
)


def _captures_at_sagemaker(spec: AnySpec) -> bool:
    tier = spec.data_capture.sagemaker_endpoint if spec.data_capture else None
    return tier is not None and tier.enabled


def capture_needs_endpoint(name: str, cel: str, has_name: Callable[[Any], bool]) -> Rule:
    """SageMaker captures at its own endpoint, which exists only when it has a name."""
    return Rule(
        cel=(
            "!(has(self.dataCapture) && has(self.dataCapture.sagemakerEndpoint)"
            f" && self.dataCapture.sagemakerEndpoint.enabled) || ({cel})"
        ),
        message=(
            f"dataCapture.sagemakerEndpoint needs a SageMaker endpoint: set {name},"
            " or capture with loadBalancer or modelPod"
        ),
        field="dataCapture.sagemakerEndpoint",
        since="v1",
        holds=lambda spec: not _captures_at_sagemaker(spec) or has_name(spec),
    )


def _limits_requests(spec: "EndpointSpec") -> bool:
    limits = spec.worker.request_limits
    return limits is not None and limits.max_concurrent_requests is not None


ENDPOINT_RULES = (
    Rule(
        cel=f"[has(self.instanceType), {_HAS_TYPES}, {_HAS_AFFINITY}].filter(used, used).size() <= 1",
        message=(
            "instanceType, instanceTypes and nodeAffinity exclude each other: keep one"
            " (instanceTypes is an ordered list with fallback)"
        ),
        field="instanceType",
        since="v1",
        holds=lambda spec: len(placement_choices(spec)) <= 1,
    ),
    _source_rule("s3", "s3Storage", "s3_storage"),
    _source_rule("fsx", "fsxStorage", "fsx_storage"),
    _source_rule("huggingface", "huggingFaceModel", "hugging_face_model", since="v1"),
    *POD_RULES,
    *ACCELERATOR_RULES,
    Rule(
        cel=(
            "!has(self.nodeAffinity)"
            " || !has(self.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution)"
            " || size(self.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms) > 0"
        ),
        message="nodeAffinity demands one of no terms, which no node meets: add a term or remove the block",
        field="nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms",
        since="v1",
        holds=lambda spec: (
            spec.node_affinity is None
            or spec.node_affinity.required_during_scheduling_ignored_during_execution is None
            or bool(
                spec.node_affinity.required_during_scheduling_ignored_during_execution.node_selector_terms
            )
        ),
    ),
    Rule(
        cel=(
            "!(has(self.worker.requestLimits) && has(self.worker.requestLimits.maxConcurrentRequests))"
            " || (has(self.metrics) && self.metrics.enabled)"
        ),
        message=(
            "requestLimits are enforced by the proxy that metrics bring:"
            " set metrics.enabled to true or remove requestLimits"
        ),
        field="worker.requestLimits",
        since="v1",
        holds=lambda spec: not _limits_requests(spec) or (spec.metrics is not None and spec.metrics.enabled),
    ),
    Rule(
        cel=(
            "!has(self.tags) || self.tags.all(t, !t.name.startsWith('aws:')"
            " && (t.name != 'CreatedBy' || t.value == 'HyperPodInference'))"
        ),
        message=(
            "AWS keeps tags that begin with aws:, and the operator finds its resources by the tag CreatedBy:"
            " choose other names"
        ),
        field="tags",
        holds=lambda spec: all(
            not tag.name.startswith("aws:")
            and (tag.name != TAG_CREATED_BY[0] or tag.value == TAG_CREATED_BY[1])
            for tag in spec.tags or ()
        ),
    ),
    capture_needs_endpoint(
        "endpointName",
        "has(self.endpointName) && self.endpointName != ''",
        lambda spec: bool(spec.endpoint_name),
    ),
    DNS_NEEDS_A_DOMAIN,
    KVAWARE_NEEDS_ITS_CACHE,
    REPLICAS_NOT_NEGATIVE,
    GATEWAY_EXCLUDES_ROUTING,
    ROUTING_IS_IMMUTABLE,
)

JUMPSTART_RULES = (
    capture_needs_endpoint(
        "sageMakerEndpoint.name",
        "has(self.sageMakerEndpoint) && self.sageMakerEndpoint.name != ''",
        lambda spec: spec.sage_maker_endpoint is not None and bool(spec.sage_maker_endpoint.name),
    ),
    DNS_NEEDS_A_DOMAIN,
    KVAWARE_NEEDS_ITS_CACHE,
    REPLICAS_NOT_NEGATIVE,
    GATEWAY_EXCLUDES_ROUTING,
    ROUTING_IS_IMMUTABLE,
)
