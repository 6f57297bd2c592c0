"""Where the model pods find their weights: volumes, the worker's mount, and what must exist for them.

| source           | objects                 | the worker's mount                                            |
| ---------------- | ----------------------- | ------------------------------------------------------------- |
| s3, fsx          | static PV and its claim | the claim, or with prefetch a copy of it                      |
| kubernetesVolume | none                    | the user's volume of that name                                |
| huggingface      | none                    | an empty directory (the server downloads), or the prefetched  |
| a gated model    | none                    | a directory that `gated` downloads into                       |

A user's volume named like the mount always wins over the one made here. `prefetch` adds the init containers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.hub_endpoint import gated
from hyperpod_inference.render.identity import (
    OBJECT_NAME_LIMIT,
    Manifest,
    bounded,
    cluster_scoped,
    digest,
    namespaced,
)
from hyperpod_inference.render.plain import plain

# A static volume has no size; the API wants one, and claim and volume must agree.
NOMINAL_CAPACITY = "1200Gi"
# Finds the one volume that a claim is for, and holds it against every other claim.
LABEL_MODEL_VOLUME = f"{names.GROUP}/model-volume"
# Weights are shared between endpoints of a bucket: no pod may change them.
ACCESS_MODES = ("ReadOnlyMany",)

VOLUME_SPEC: Mapping[str, Any] = MappingProxyType(
    {
        "capacity": {"storage": NOMINAL_CAPACITY},
        "accessModes": [*ACCESS_MODES],
        "persistentVolumeReclaimPolicy": "Retain",
    }
)
CLAIM_SPEC: Mapping[str, Any] = MappingProxyType(
    {
        "accessModes": [*ACCESS_MODES],
        "resources": {"requests": {"storage": NOMINAL_CAPACITY}},
        "storageClassName": "",  # "" and not absent: absent asks the default class for a new disk
    }
)


@dataclass(frozen=True, kw_only=True)
class ModelSource:
    """volume, claim: the objects to apply, none or one each. volumes: of the pod. mount: of the weights."""

    volume: tuple[Manifest, ...] = ()
    claim: tuple[Manifest, ...] = ()
    volumes: tuple[Manifest, ...] = ()
    mount: Manifest = field(default_factory=dict)


def model_source(endpoint: InferenceEndpointConfig) -> ModelSource:
    """The source of the endpoint's weights, before any prefetching."""
    mount = endpoint.spec.worker.model_volume_mount
    users = user_volumes(endpoint)
    if mount.name in {volume["name"] for volume in users}:
        return ModelSource(volumes=users, mount=_mount(endpoint))
    claimed = None if gated(endpoint) else _persistent_volume(endpoint)
    if claimed is None:
        scratch = {"name": mount.name, "emptyDir": {}}
        written = {"readOnly": True} if gated(endpoint) else {}  # by the download, before the server starts
        return ModelSource(volumes=(scratch, *users), mount=_mount(endpoint) | written)
    claim = _claim(endpoint, claimed)
    volume = {
        "name": mount.name,
        "persistentVolumeClaim": {"claimName": claim["metadata"]["name"], "readOnly": True},
    }
    return ModelSource(
        volume=(claimed,),
        claim=(claim,),
        volumes=(volume, *users),
        mount=_mount(endpoint) | {"readOnly": True} | _sub_path(endpoint),
    )


def user_volumes(endpoint: InferenceEndpointConfig) -> tuple[Manifest, ...]:
    """`spec.kubernetes.volumes` as they were written."""
    kubernetes = endpoint.spec.kubernetes
    return tuple(plain(kubernetes.volumes or ())) if kubernetes else ()


def _mount(endpoint: InferenceEndpointConfig) -> Manifest:
    mount = endpoint.spec.worker.model_volume_mount
    return {"name": mount.name, "mountPath": mount.mount_path}


def _persistent_volume(endpoint: InferenceEndpointConfig) -> Manifest | None:
    driver = _driver(endpoint)
    if driver is None:
        return None
    metadata = endpoint.metadata
    spec = {**VOLUME_SPEC, "mountOptions": driver["mountOptions"]}
    # Both specs are immutable, so any other (another source, or another version of this operator) needs
    # another volume and claim: the digest of all that they say is part of their names.
    mark = digest(metadata.namespace, metadata.name, driver["csi"], spec, plain(CLAIM_SPEC))
    name = bounded(f"{metadata.namespace}-{metadata.name}", OBJECT_NAME_LIMIT, f"-model-{mark}")
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": _marked(cluster_scoped(endpoint, name), mark),
        "spec": plain(spec)
        | {
            "claimRef": {"namespace": metadata.namespace, "name": _claim_name(endpoint, mark)},
            "csi": {"volumeHandle": name} | driver["csi"],
        },
    }


def _claim(endpoint: InferenceEndpointConfig, volume: Manifest) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": namespaced(endpoint, volume["spec"]["claimRef"]["name"]),
        "spec": plain(CLAIM_SPEC)
        | {
            # Not by volumeName: when claim and volume name each other, two workers of the binder meet on the
            # volume, one gives up on the conflict, and the claim waits for the next resync, 15 s later.
            "selector": {
                "matchLabels": {LABEL_MODEL_VOLUME: volume["metadata"]["labels"][LABEL_MODEL_VOLUME]}
            },
        },
    }


def _marked(metadata: Manifest, mark: str) -> Manifest:
    return metadata | {"labels": metadata["labels"] | {LABEL_MODEL_VOLUME: mark}}


def _claim_name(endpoint: InferenceEndpointConfig, mark: str) -> str:
    return bounded(endpoint.metadata.name, OBJECT_NAME_LIMIT, f"-model-{mark}")


def _driver(endpoint: InferenceEndpointConfig) -> dict[str, Any] | None:
    """The parts of a PersistentVolume that depend on where the weights are; None when no volume is needed."""
    source = endpoint.spec.model_source_config
    if source.model_source_type == "s3" and source.s3_storage is not None:
        return _s3(source.s3_storage.bucket_name, source.s3_storage.region, source.model_location)
    if source.model_source_type == "fsx" and source.fsx_storage is not None:
        return _fsx(source.fsx_storage)
    return None


def _s3(bucket: str, region: str, location: str | None) -> dict[str, Any]:
    # allow-other: the model server need not run as the user that mounts.
    options = ["read-only", "allow-other", f"region {region}"]
    prefix = (location or "").strip("/")
    if prefix:
        options.append(f"prefix {prefix}/")  # Mountpoint wants the slash at the end
    csi = {"driver": names.S3_CSI_DRIVER, "volumeAttributes": {"bucketName": bucket}}
    return {"mountOptions": options, "csi": csi}


def _fsx(storage: Any) -> dict[str, Any]:
    csi = {
        "driver": names.FSX_CSI_DRIVER,
        "volumeHandle": storage.file_system_id,
        "volumeAttributes": {"dnsname": storage.dns_name, "mountname": storage.mount_name},
    }
    return {"mountOptions": ["flock"], "csi": csi}


def _sub_path(endpoint: InferenceEndpointConfig) -> Manifest:
    """FSx mounts a whole file system: the model's directory is chosen by the mount."""
    source = endpoint.spec.model_source_config
    directory = (source.model_location or "").strip("/")
    return {"subPath": directory} if source.model_source_type == "fsx" and directory else {}
