"""Relations between fields that a schema cannot say, each written twice side by side: CEL and Python.

The API server evaluates the CEL at admission; `parse` evaluates the Python offline. The messages say what to
change. What AWS's own clients send by themselves must pass: empty lists and blocks count as absent.
"""

from typing import TYPE_CHECKING

from hyperpod_inference.api.base import Rule

if TYPE_CHECKING:
    from hyperpod_inference.api.endpoint import EndpointSpec

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


def routing_enabled(spec: "EndpointSpec") -> bool:
    """Whether the spec asks for the router."""
    return spec.intelligent_routing_spec is not None and spec.intelligent_routing_spec.enabled


def gateway_enabled(spec: "EndpointSpec") -> bool:
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


def _source_is_volume(spec: "EndpointSpec") -> bool:
    return spec.model_source_config.model_source_type == "kubernetesVolume"


def _volume_names(spec: "EndpointSpec") -> tuple[str, ...]:
    volumes = spec.kubernetes.volumes if spec.kubernetes else None
    return tuple(volume.name for volume in volumes or ())


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
    cel=None,  # the scale subresource makes the API server check it by itself
    message="replicas is below 0: use 0 or more",
    field="replicas",
    holds=lambda spec: spec.replicas >= 0,
)

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
    Rule(
        cel=(
            "self.modelSourceConfig.modelSourceType != 'kubernetesVolume'"
            " || (has(self.kubernetes) && has(self.kubernetes.volumes) && size(self.kubernetes.volumes) > 0)"
        ),
        message=(
            "modelSourceType is kubernetesVolume but kubernetes.volumes is empty:"
            " add a volume with the name of worker.modelVolumeMount"
        ),
        field="kubernetes.volumes",
        since="v1",
        holds=lambda spec: not _source_is_volume(spec) or bool(_volume_names(spec)),
    ),
    Rule(
        cel=None,
        message=(
            "modelSourceType is kubernetesVolume, so one volume must have the name of"
            " worker.modelVolumeMount: add it, or rename one of the two"
        ),
        field="kubernetes.volumes",
        holds=lambda spec: (
            not _source_is_volume(spec)
            or not _volume_names(spec)
            or spec.worker.model_volume_mount.name in _volume_names(spec)
        ),
    ),
    REPLICAS_NOT_NEGATIVE,
    GATEWAY_EXCLUDES_ROUTING,
    ROUTING_IS_IMMUTABLE,
)
