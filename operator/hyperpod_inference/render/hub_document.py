"""The document of a JumpStart model, as DescribeHubContent carries it, as a typed value.

Names are those of the hub's schema 2.3.0. What serving needs is read and checked; the rest (training, SDK
predictors, notebooks) is passed over. `jumpstart` makes an endpoint of it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hyperpod_inference.api.problems import InvalidResource, Problem

_SIGHTED = "the hub's document of the model cannot be used by this version of the operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How a model runs on one instance type. memory: MiB of one replica, 0 if the hub does not say."""

    image: str
    environment: Mapping[str, str]
    artifact: str
    accelerators: int
    memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HubDocument:
    """One version of one model.

    Attributes:
        model_id, version: of the hub.
        serving: on a type that has no variant of its own.
        default_type, types: the instance types that the hub allows.
        eula: S3 URI of the licence that must be accepted, '' without one.
        gated: the weights are in a bucket that only presigned URLs open.
        variants: by instance type or family, what is different there.
    """

    model_id: str
    version: str
    serving: Serving
    default_type: str
    types: tuple[str, ...]
    task: str = ""
    framework: str = ""
    eula: str = ""
    gated: bool = False
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def on(self, instance_type: str) -> Serving:
        """How the model runs on an instance type: the type's variant, over its family's."""
        family = instance_type.removeprefix("ml.").partition(".")[0]
        serving = self.serving
        for name in (family, instance_type):
            if name in self.variants:
                serving = _varied(serving, self.variants[name])
        return serving


def parse_document(model_id: str, version: str, text: str) -> HubDocument:
    """Read a document. Raises InvalidResource that names the key which is missing or of another kind."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise _unusable("", f"it is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise _unusable("", "it is not an object")
    requirements = _get(document, "HostingResourceRequirements", dict, {})
    return HubDocument(
        model_id=model_id,
        version=version,
        serving=Serving(
            image=_get(document, "HostingEcrUri", str),
            environment=_environment(document),
            artifact=_artifact(document),
            accelerators=int(requirements.get("NumAccelerators", 0)),
            memory=int(requirements.get("MinMemoryMb", 0)),
        ),
        default_type=_get(document, "DefaultInferenceInstanceType", str),
        types=tuple(_get(document, "SupportedInferenceInstanceTypes", list)),
        task=_get(document, "Task", str, ""),
        framework=_get(document, "Framework", str, ""),
        eula=_get(document, "HostingEulaUri", str, ""),
        gated=_get(document, "GatedBucket", bool, False),
        variants=_variants(document),
    )


def _artifact(document: Mapping[str, Any]) -> str:
    """Where the weights are; prepacked ones are what the image expects, and win."""
    prepacked: str = _get(document, "HostingPrepackedArtifactUri", str, "")
    return prepacked or str(_get(document, "HostingArtifactUri", str))


def _environment(document: Mapping[str, Any]) -> dict[str, str]:
    variables = _get(document, "InferenceEnvironmentVariables", list, [])
    return {
        entry["Name"]: str(entry.get("Default", ""))
        for entry in variables
        if entry.get("Scope", "container") == "container"
    }


def _variants(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The properties by type or family; an image that is an alias is looked up."""
    given = _get(document, "HostingInstanceTypeVariants", dict, {})
    aliases = given.get("Aliases") or {}
    found: dict[str, Mapping[str, Any]] = {}
    for name, variant in (given.get("Variants") or {}).items():
        properties = dict(variant.get("Properties") or {})
        image = properties.get("ImageUri", "")
        if image.startswith("$"):
            properties["ImageUri"] = aliases.get(image.removeprefix("$"), "")
        found[name] = properties
    return found


def _varied(serving: Serving, properties: Mapping[str, Any]) -> Serving:
    requirements = properties.get("ResourceRequirements") or {}
    return Serving(
        image=properties.get("ImageUri") or serving.image,
        environment={**serving.environment, **(properties.get("EnvironmentVariables") or {})},
        artifact=properties.get("PrepackedArtifactUri") or properties.get("ArtifactUri") or serving.artifact,
        accelerators=int(requirements.get("NumAccelerators", serving.accelerators)),
        memory=int(requirements.get("MinMemoryMb", serving.memory)),
    )


def _get(document: Mapping[str, Any], key: str, kind: type, default: Any = None) -> Any:
    value = document.get(key)
    if value is None:
        if default is None:
            raise _unusable(key, "it is missing")
        return default
    if not isinstance(value, kind):
        raise _unusable(key, f"it is {value!r}, not of type {kind.__name__}")
    return value


def _unusable(key: str, why: str) -> InvalidResource:
    where = f"{key}: {why}" if key else why
    return InvalidResource((Problem("spec.model.modelId", None, "", f"{_SIGHTED}: {where}"),))
