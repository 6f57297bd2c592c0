"""Names that published samples and documents use and the API does not have, with the right ones.

Each is wrong in a way that likeness of names does not catch, or catches badly.
"""

from collections.abc import Mapping, Sequence

KINDS: Mapping[str, str] = {"ModelDeployment": "InferenceEndpointConfig"}
"""A kind of an old sample -> the kind that it became."""

# The end of a path (without indices) -> where the field is.
_FIELDS: Mapping[tuple[str, ...], str] = {
    ("metrics", "modelMetricsConfig"): "spec.metrics.modelMetrics",
    ("s3Storage", "modelLocation"): "spec.modelSourceConfig.modelLocation",
    ("fsxStorage", "modelLocation"): "spec.modelSourceConfig.modelLocation",
    ("huggingFaceModel", "modelLocation"): "spec.modelSourceConfig.huggingFaceModel.modelId",
    ("server", "minAutoScaleReplicas"): "spec.autoScalingSpec.minReplicaCount",
    ("server", "maxAutoScaleReplicas"): "spec.autoScalingSpec.maxReplicaCount",
    ("server", "minReplicaCount"): "spec.autoScalingSpec.minReplicaCount",
    ("server", "maxReplicaCount"): "spec.autoScalingSpec.maxReplicaCount",
    ("spec", "requestLimits"): "spec.worker.requestLimits",
    ("spec", "resources"): "spec.worker.resources",
    ("spec", "image"): "spec.worker.image",
    ("spec", "autoScaling"): "spec.autoScalingSpec",
    ("spec", "prefetchEnabled"): "spec.modelSourceConfig.prefetchEnabled",
}
# The same for one kind.
_FIELDS_OF_KIND: Mapping[str, Mapping[tuple[str, ...], str]] = {
    "InferenceEndpointConfig": {
        ("spec", "sageMakerEndpoint"): "spec.endpointName",
        ("spec", "environmentVariables"): "spec.worker.environmentVariables",
    },
    "JumpStartModel": {
        ("spec", "endpointName"): "spec.sageMakerEndpoint.name",
        ("spec", "instanceType"): "spec.server.instanceType",
        ("spec", "modelId"): "spec.model.modelId",
        ("spec", "acceptEula"): "spec.model.acceptEula",
    },
}


def right_place(kind: str, location: Sequence[str | int]) -> str | None:
    """Where the field that documents put at `location` really is; None when nothing is known of it."""
    names = tuple(part for part in location if isinstance(part, str))[-2:]
    return _FIELDS_OF_KIND.get(kind, {}).get(names) or _FIELDS.get(names)
