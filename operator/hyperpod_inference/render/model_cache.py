"""The model on the nodes before pods need it: weights on their disks, the server's image in their store.

A DaemonSet runs one small pod on every node that the model's pods may use. It runs the server's image, which
brings the image to the node and keeps it there; for the weights an init container copies them from the model
source to a directory of the endpoint's own. A node whose pod is ready gets a label, which the model's pods
prefer (`controllers.node_labels`). A pod on any other node reads from the source:

    worker  --symlinks-->  the node's copy, if it is complete; else the model source

The copy goes when the last such pod of the endpoint leaves the node: with the endpoint, with another source,
or when the node is not used any more.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.api.blocks import DEFAULT_WEIGHTS_HOST_PATH
from hyperpod_inference.api.endpoint import EndpointSpec, InferenceEndpointConfig
from hyperpod_inference.api.hub_endpoint import gated
from hyperpod_inference.render.identity import (
    OBJECT_NAME_LIMIT,
    Manifest,
    bounded,
    digest,
    labels,
    namespaced,
)
from hyperpod_inference.render.model_source import ModelSource
from hyperpod_inference.render.placement import HIGHEST_WEIGHT, distinct, placement, weights
from hyperpod_inference.render.plain import plain
from hyperpod_inference.status.parts import Arrangement, Part

SOURCES = ("s3", "fsx")
SOURCE_PATH = "/mnt/model-source"
CACHE_PATH = "/mnt/model-cache"
DISK_PATH = "/mnt/node-disk"
VIEW_VOLUME = "model-weights-view"
COMPLETE = ".complete"
FIELD = "spec.modelCacheConfig"

# Where the weights are: the node's copy if it is complete. $from is what the caller reads.
CHOOSE = f'from={SOURCE_PATH}; [ -f "{CACHE_PATH}/{COMPLETE}" ] && from={CACHE_PATH}/model'
_LINK = (
    f"{CHOOSE}; "
    'echo "the model is read from $from"; '
    'for each in "$from"/* "$from"/.[!.]*; do [ -e "$each" ] && ln -s "$each" "$MODEL_DIR"/; done; true'
)
# Written beside and moved, so that a copy is there as a whole or not at all.
_COPY = (
    'set -e; mkdir -p "$DIR"; touch "$DIR/.user-$POD_NAME"; '
    f'if [ ! -f "$DIR/{COMPLETE}" ]; then rm -rf "$DIR/model" "$DIR/partial"; '
    f'cp -R {SOURCE_PATH}/. "$DIR/partial"; mv "$DIR/partial" "$DIR/model"; touch "$DIR/{COMPLETE}"; fi'
)
# A successor on the node has signed in before this pod is stopped; only the last one removes the copy.
_LEAVE = 'rm -f "$DIR/.user-$POD_NAME"; ls "$DIR"/.user-* >/dev/null 2>&1 || rm -rf "$DIR"'
_STAY = "trap '{leave}; exit 0' TERM; while :; do sleep 3600 & wait $!; done"


def caches_weights(endpoint: InferenceEndpointConfig) -> bool:
    """Whether the weights are put on the nodes: asked for, and of a source that can be copied."""
    config = endpoint.spec.model_cache_config
    asked = config is not None and config.weights_cache is not None and bool(config.weights_cache.enabled)
    mount = endpoint.spec.worker.model_volume_mount.name
    own = (endpoint.spec.kubernetes.volumes or ()) if endpoint.spec.kubernetes else ()
    users = mount in {volume.name for volume in own}
    return asked and not users and _kind(endpoint) in SOURCES


def caches_image(endpoint: InferenceEndpointConfig) -> bool:
    """Whether the server's image is put on the nodes."""
    config = endpoint.spec.model_cache_config
    return config is not None and config.image_cache is not None and bool(config.image_cache.enabled)


def node_labels(endpoint: InferenceEndpointConfig, source: ModelSource) -> tuple[str, ...]:
    """The labels of a node that is warm: one for each cache, with a suffix that another content changes."""
    made = []
    if caches_weights(endpoint):
        made.append(names.LABEL_WEIGHTS_CACHE_PREFIX + _mark(endpoint, source))
    if caches_image(endpoint):
        made.append(names.LABEL_IMAGE_CACHE_PREFIX + _mark(endpoint, endpoint.spec.worker.image))
    return tuple(made)


def node_cache(endpoint: InferenceEndpointConfig, source: ModelSource) -> tuple[Manifest, ...]:
    """The DaemonSet that warms the nodes; nothing when no cache is asked for."""
    if not (caches_weights(endpoint) or caches_image(endpoint)):
        return ()
    name = bounded(endpoint.metadata.name, OBJECT_NAME_LIMIT, "-node-cache")
    selector = {names.LABEL_APP: bounded(name, 63), names.LABEL_COMPONENT: names.COMPONENT_NODE_CACHE}
    metadata = namespaced(endpoint, name)
    warm = ",".join(node_labels(endpoint, source))
    pod_labels = labels(endpoint) | selector
    return (
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": metadata | {"labels": pod_labels},
            "spec": {
                "selector": {"matchLabels": selector},
                "updateStrategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
                },
                "template": {
                    "metadata": {
                        "labels": pod_labels,
                        "annotations": {names.ANNOTATION_NODE_LABELS: warm},
                    },
                    "spec": _pod(endpoint, source),
                },
            },
        },
    )


def cached(
    endpoint: InferenceEndpointConfig, source: ModelSource
) -> tuple[ModelSource, tuple[Manifest, ...], tuple[Manifest, ...]]:
    """The source as the worker sees it through the node's copy, its init containers, and further mounts."""
    if not caches_weights(endpoint):
        return source, (), ()
    view = {"name": VIEW_VOLUME, "emptyDir": {}}
    volume, copy = copy_of_the_node(endpoint, source)
    mounts = (source.mount | {"mountPath": SOURCE_PATH, "readOnly": True}, copy)
    mount = {"name": VIEW_VOLUME, "mountPath": endpoint.spec.worker.model_volume_mount.mount_path}
    chooser = {
        "name": names.CACHE_CHOOSER_CONTAINER,
        "image": endpoint.spec.worker.image,
        "command": ["/bin/sh", "-c", _LINK],
        "env": [{"name": "MODEL_DIR", "value": mount["mountPath"]}],
        "volumeMounts": [*mounts, mount],
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    return replace(source, volumes=(*source.volumes, volume, view), mount=mount), (chooser,), mounts


def copy_of_the_node(endpoint: InferenceEndpointConfig, source: ModelSource) -> tuple[Manifest, Manifest]:
    """The volume with the node's copy, and how a container that only reads it mounts it."""
    path = f"{_host_path(endpoint).rstrip('/')}/{_directory(endpoint, source)}"
    volume = {"name": names.CACHE_VOLUME, "hostPath": {"path": path, "type": "DirectoryOrCreate"}}
    return volume, {"name": names.CACHE_VOLUME, "mountPath": CACHE_PATH, "readOnly": True}


def preferring_warm_nodes(
    fields: Mapping[str, Any], spec: EndpointSpec, keys: tuple[str, ...]
) -> dict[str, Any]:
    """The pod's scheduling fields with a wish for nodes that carry these labels.

    Between instance types it counts half a step, so that their order stays what it is; beside wishes of the
    user's own half of the most.
    """
    if not keys:
        return dict(fields)
    affinity = fields.get("affinity", {})
    node = affinity.get("nodeAffinity", {})
    wishes = node.get("preferredDuringSchedulingIgnoredDuringExecution", [])
    weight = _weight(len(distinct(spec.instance_types or ())), wished=bool(wishes))
    terms = [
        {"weight": weight, "preference": {"matchExpressions": [{"key": key, "operator": "Exists"}]}}
        for key in keys
    ]
    node = node | {"preferredDuringSchedulingIgnoredDuringExecution": [*wishes, *terms]}
    return dict(fields) | {"affinity": affinity | {"nodeAffinity": node}}


def arrangements(endpoint: InferenceEndpointConfig) -> tuple[Arrangement, ...]:
    """What is put on the nodes, and what cannot be although it is asked for."""
    config = endpoint.spec.model_cache_config
    weights_asked = config is not None and config.weights_cache is not None and config.weights_cache.enabled
    image = f"image {endpoint.spec.worker.image}" if caches_image(endpoint) else ""
    kind = _kind(endpoint)
    if weights_asked and not caches_weights(endpoint):
        also = f" Cached is the {image}." if image else ""
        message = (
            f"Weights of this source ({kind}) are not put on nodes: the volume is your own, or the server "
            f"downloads them. Use modelSourceType s3 or fsx for that.{also}"
        )
        return (_arranged("NotPossible", message, works=False),)
    on_disk = f"the weights, below {_host_path(endpoint)}" if weights_asked else ""
    told = " and ".join(each for each in (on_disk, image and f"the {image}") if each)
    return (_arranged("Configured", f"Nodes are given {told}.", works=True),) if told else ()


def _kind(endpoint: InferenceEndpointConfig) -> str:
    """The kind of source; the volume of a gated model is each pod's own."""
    return "gated" if gated(endpoint) else endpoint.spec.model_source_config.model_source_type


def _arranged(reason: str, message: str, *, works: bool) -> Arrangement:
    return Arrangement(part=Part.MODEL_CACHE, field=FIELD, works=works, reason=reason, message=message)


def _pod(endpoint: InferenceEndpointConfig, source: ModelSource) -> Manifest:
    fields = placement(endpoint.spec, {}, plain(endpoint.spec.worker.resources))
    # Every node that the model's pods may use; which of them they like better does not matter here.
    node = fields.get("affinity", {}).get("nodeAffinity", {})
    key = "requiredDuringSchedulingIgnoredDuringExecution"
    affinity = {"affinity": {"nodeAffinity": {key: node[key]}}} if key in node else {}
    tolerations = {"tolerations": fields["tolerations"]} if "tolerations" in fields else {}
    weights_too = caches_weights(endpoint)
    keeper = _container(endpoint, source, "keep", _stay(weights_too=weights_too))
    return {
        **({"initContainers": [_copier(endpoint, source)]} if weights_too else {}),
        "containers": [keeper],
        "volumes": [*source.volumes[:1], _disk(endpoint)] if weights_too else [],
        **affinity,
        **tolerations,
        **_puller(endpoint),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 120,
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
    }


def _puller(endpoint: InferenceEndpointConfig) -> Manifest:
    """The account of the model's pods, whose secrets may be needed to pull the image."""
    kubernetes = endpoint.spec.kubernetes
    account = kubernetes.service_account_name if kubernetes else None
    return {"serviceAccountName": account} if account else {}


def _copier(endpoint: InferenceEndpointConfig, source: ModelSource) -> Manifest:
    made = _container(endpoint, source, names.CACHE_COPIER_CONTAINER, _COPY)
    return made | {
        "volumeMounts": [
            source.mount | {"mountPath": SOURCE_PATH, "readOnly": True},
            *made["volumeMounts"],
        ]
    }


def _container(endpoint: InferenceEndpointConfig, source: ModelSource, name: str, script: str) -> Manifest:
    pod_name = {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    with_disk = {
        "env": [pod_name, {"name": "DIR", "value": f"{DISK_PATH}/{_directory(endpoint, source)}"}],
        "volumeMounts": [{"name": names.CACHE_VOLUME, "mountPath": DISK_PATH}],
    }
    return {
        "name": name,
        "image": endpoint.spec.worker.image,
        "command": ["/bin/sh", "-c", script],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {"allowPrivilegeEscalation": False},
        **(with_disk if caches_weights(endpoint) else {}),
    }


def _stay(*, weights_too: bool) -> str:
    return _STAY.replace("{leave}", _LEAVE if weights_too else ":")


def _disk(endpoint: InferenceEndpointConfig) -> Manifest:
    """The disk itself, which must be there: on a node without one the pod waits, and its status says so."""
    return {"name": names.CACHE_VOLUME, "hostPath": {"path": _host_path(endpoint), "type": "Directory"}}


def _host_path(endpoint: InferenceEndpointConfig) -> str:
    config = endpoint.spec.model_cache_config
    given = config.weights_cache.host_path if config and config.weights_cache else None
    return (given or DEFAULT_WEIGHTS_HOST_PATH).rstrip("/") or "/"


def _directory(endpoint: InferenceEndpointConfig, source: ModelSource) -> str:
    """The endpoint's own directory, below the disk's; another source gets another one."""
    metadata = endpoint.metadata
    return f"hyperpod-inference/{metadata.namespace}-{metadata.name}-{_mark(endpoint, source)}"


def _mark(endpoint: InferenceEndpointConfig, content: ModelSource | str) -> str:
    """Of the endpoint and what is cached: the volume holds bucket or file system, the mount the path."""
    metadata = endpoint.metadata
    what = content if isinstance(content, str) else [content.mount, [each["spec"] for each in content.volume]]
    return digest(metadata.namespace, metadata.name, what, length=16)


def _weight(types: int, *, wished: bool) -> int:
    if types > 1:
        first, second, *_ = weights(types)
        return max(1, (first - second) // 2)
    return HIGHEST_WEIGHT // 2 if wished else HIGHEST_WEIGHT
