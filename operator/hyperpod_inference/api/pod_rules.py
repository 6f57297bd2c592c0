"""Rules about the pod around the model: volumes, init containers, environment, the model's mount.

A Deployment that breaks one of them is refused by the API server long after the resource was accepted, so
they are told when the resource is written. A loop over a list without bounds may compare with constants only:
for more the API server rates the expression as too expensive, and the rule is left to the webhook.
"""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from hyperpod_inference.api import names
from hyperpod_inference.api.base import Rule

if TYPE_CHECKING:
    from hyperpod_inference.api.endpoint import EndpointSpec
    from hyperpod_inference.api.kubernetes.common import EnvVar
    from hyperpod_inference.api.kubernetes.volumes import Volume

SHM_VOLUME = "shm"
LMCACHE_VOLUME = "lmcache-config"
SHM_PATH = "/dev/shm"  # noqa: S108 - the path in the container where NCCL and worker processes share memory
# Volumes that the operator makes, or that AWS's makes: a manifest must work with both.
RESERVED_VOLUMES = (
    "gated-model-downloader-configmap",
    names.CAPTURE_VOLUME,
    names.RUN_VOLUME,
    LMCACHE_VOLUME,
    names.PREFETCH_VOLUME,
    names.COLLECTOR_VOLUME,
    "parallel-copy-configmap",
    SHM_VOLUME,
)
RESERVED_CONTAINERS = (
    names.SIDECAR_CONTAINER,
    names.OTEL_CONTAINER,
    names.UPLOADER_CONTAINER,
    names.PREFETCH_CONTAINER,
    "hf-model-downloader",
)
_VOLUME_LIST = "[" + ",".join(f"'{each}'" for each in RESERVED_VOLUMES) + "]"
_VOLUME_WORDS = ", ".join(RESERVED_VOLUMES)


def volume_names(spec: "EndpointSpec") -> tuple[str, ...]:
    """The names of the user's own volumes."""
    volumes = spec.kubernetes.volumes if spec.kubernetes else None
    return tuple(volume.name for volume in volumes or ())


def container_names(spec: "EndpointSpec") -> tuple[str, ...]:
    """The names of the user's own init containers."""
    containers = spec.kubernetes.init_containers if spec.kubernetes else None
    return tuple(container.name for container in containers or ())


def repeated(values: Iterable[str]) -> tuple[str, ...]:
    """The values that come more than once, in the order of their first."""
    return tuple(value for value, count in Counter(values).items() if count > 1)


def _source_is_volume(spec: "EndpointSpec") -> bool:
    return spec.model_source_config.model_source_type == "kubernetesVolume"


def _sources(volume: "Volume") -> tuple[str, ...]:
    return tuple(
        field for field in volume.model_fields_set if field != "name" and getattr(volume, field) is not None
    )


def _has_one_source(variable: "EnvVar") -> bool:
    return not (variable.value and variable.value_from is not None)


POD_RULES = (
    Rule(
        cel=(
            "!has(self.kubernetes) || !has(self.kubernetes.volumes)"
            f" || !self.kubernetes.volumes.exists(v, v.name in {_VOLUME_LIST})"
        ),
        message=f"the operator makes the volumes {_VOLUME_WORDS} itself: give yours another name",
        field="kubernetes.volumes",
        since="v1",
        holds=lambda spec: not set(volume_names(spec)) & set(RESERVED_VOLUMES),
    ),
    Rule(
        cel=f"!(self.worker.modelVolumeMount.name in {_VOLUME_LIST})",
        message=(
            "the operator makes a volume of this name itself:"
            " mount the model under another name, e.g. model-weights"
        ),
        field="worker.modelVolumeMount.name",
        holds=lambda spec: spec.worker.model_volume_mount.name not in RESERVED_VOLUMES,
    ),
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
        holds=lambda spec: not _source_is_volume(spec) or bool(volume_names(spec)),
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
            or not volume_names(spec)
            or spec.worker.model_volume_mount.name in volume_names(spec)
        ),
    ),
    Rule(
        cel=(
            "self.modelSourceConfig.modelSourceType != 'kubernetesVolume'"
            " || !has(self.modelSourceConfig.modelLocation) || self.modelSourceConfig.modelLocation == ''"
        ),
        message=(
            "modelLocation does not go with modelSourceType kubernetesVolume:"
            " point the volume itself at the directory, and remove modelLocation"
        ),
        field="modelSourceConfig.modelLocation",
        since="v1",
        holds=lambda spec: not _source_is_volume(spec) or not spec.model_source_config.model_location,
    ),
    Rule(
        cel=None,
        message="two volumes have the same name: rename one",
        field="kubernetes.volumes",
        holds=lambda spec: not repeated(volume_names(spec)),
        detail=lambda spec: ", ".join(repeated(volume_names(spec))),
    ),
    Rule(
        cel=None,
        message="two init containers have the same name: rename one",
        field="kubernetes.initContainers",
        holds=lambda spec: not repeated(container_names(spec)),
        detail=lambda spec: ", ".join(repeated(container_names(spec))),
    ),
    Rule(
        cel=None,
        message=(
            "the operator makes the containers " + ", ".join(RESERVED_CONTAINERS) + " itself:"
            " give your init container another name"
        ),
        field="kubernetes.initContainers",
        holds=lambda spec: not set(container_names(spec)) & set(RESERVED_CONTAINERS),
    ),
)

MOUNT_RULES = (
    Rule(
        cel=f"self.mountPath.startsWith('/') && self.mountPath != '{SHM_PATH}'",
        message=f"mountPath is no absolute path, or is {SHM_PATH} (shared memory): choose another directory",
        field="mountPath",
        holds=lambda mount: mount.mount_path.startswith("/") and mount.mount_path != SHM_PATH,
    ),
)

VOLUME_RULES = (
    Rule(
        cel=None,
        message="the volume has more than one source: keep one",
        field="name",
        holds=lambda volume: len(_sources(volume)) <= 1,
        detail=lambda volume: ", ".join(sorted(_sources(volume))),
    ),
)

ENV_RULES = (
    Rule(
        cel=None,
        message="value and valueFrom exclude each other: keep one",
        field="value",
        holds=_has_one_source,
    ),
)
