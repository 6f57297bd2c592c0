"""Advice in the fields of a JumpStartModel: the hub writes what an InferenceEndpointConfig says by itself."""

from collections.abc import Mapping
from typing import Final

from hyperpod_inference.api import names
from hyperpod_inference.status.observed import Body

OF_HUB: Final[Mapping[str, str]] = {
    "ask for less in spec.worker.resources, or add a type to spec.instanceTypes": (
        "or choose another type in spec.server.instanceType"
    ),
    "Ask for less in spec.worker.resources, lower": "Choose a smaller spec.server.instanceType, lower",
    "spec.instanceTypes, spec.instanceType or spec.nodeAffinity": "spec.server.instanceType",
    "Check the name and tag in spec.worker.image": (
        "The hub names the image: see `hyperpod-inference models show`, or choose another"
        " spec.model.modelVersion"
    ),
    "Check that the Secrets and ConfigMaps named in spec.worker.environmentVariables and "
    "spec.kubernetes.volumes exist in this namespace, and spec.worker.command": (
        "The hub's document makes this container: check spec.environmentVariables and"
        " spec.model.additionalConfigs, or choose another spec.model.modelVersion"
    ),
    "Raise spec.worker.resources.limits.memory": "Choose a larger spec.server.instanceType",
    "add a startupProbe to spec.worker.probes or raise its thresholds": (
        "choose a faster spec.server.instanceType, or a smaller model"
    ),
    "the path in spec.worker.probes.readinessProbe (or spec.loadBalancer.healthCheckPath) must be one that "
    "the server answers, and spec.worker.modelInvocationPort the port that it listens on": (
        "the path in spec.loadBalancer.healthCheckPath must be one that the server answers"
    ),
    "spec.modelSourceConfig": "the hub's document (`hyperpod-inference models show`)",
}
"""Words about an InferenceEndpointConfig, to those about a JumpStartModel."""


def in_fields_of(owned: Body, words: str) -> str:
    """`words` in the fields of the resource that a labelled object, such as a pod, belongs to."""
    labels = owned["metadata"].get("labels") or {}
    if labels.get(names.LABEL_OWNER_KIND) != names.KIND_JUMPSTART:
        return words
    for of_endpoint, of_model in OF_HUB.items():
        words = words.replace(of_endpoint, of_model)
    return words
