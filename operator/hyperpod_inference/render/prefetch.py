"""Prefetch: weights are brought to the node by an init container, before the model server starts.

The copy lies in the volume `model-weights-copy`, whose name users' own init containers rely on. Both
containers run the worker's image, which is on the node anyway: copying needs its `/bin/sh` and `cp`,
downloading needs a `python3` with huggingface_hub (vLLM, SGLang and LMI images have both).
"""

from dataclasses import replace
from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.render.identity import Manifest
from hyperpod_inference.render.model_cache import CHOOSE, SOURCE_PATH, caches_weights, copy_of_the_node
from hyperpod_inference.render.model_source import ModelSource
from hyperpod_inference.render.placement import is_extended
from hyperpod_inference.render.plain import plain

DOWNLOADER_CONTAINER = (
    "hf-model-downloader"  # AWS's name: its troubleshooting page reads this container's log
)
LATEST_REVISION = "main"
_DOWNLOAD = (
    "import os; from huggingface_hub import snapshot_download; "
    "snapshot_download(os.environ['HF_MODEL_ID'], revision=os.environ['HF_REVISION'], "
    "local_dir=os.environ['MODEL_DIR'])"
)


def prefetched(
    endpoint: InferenceEndpointConfig, source: ModelSource
) -> tuple[ModelSource, tuple[Manifest, ...]]:
    """The source as the worker sees it, and the init containers that fill it; unchanged without prefetch."""
    config = endpoint.spec.model_source_config
    if not config.prefetch_enabled:
        return source, ()
    downloads = config.model_source_type == "huggingface"
    # Copies are staged in memory, as documented; a download is not: it must not exhaust the pod's memory.
    copy = {"name": names.PREFETCH_VOLUME, "emptyDir": {} if downloads else {"medium": "Memory"}}
    mount = {"name": names.PREFETCH_VOLUME, "mountPath": endpoint.spec.worker.model_volume_mount.mount_path}
    filler = _downloader(endpoint, mount) if downloads else _copier(endpoint, source, mount)
    on_node = (copy_of_the_node(endpoint, source)[0],) if caches_weights(endpoint) else ()
    return replace(source, volumes=(*source.volumes, copy, *on_node), mount=mount), (filler,)


def _copier(endpoint: InferenceEndpointConfig, source: ModelSource, target: Manifest) -> Manifest:
    script = f'cp -R {SOURCE_PATH}/. "$MODEL_DIR"/'
    on_node: list[Manifest] = []
    if caches_weights(endpoint):
        script, on_node = f'{CHOOSE}; cp -R "$from"/. "$MODEL_DIR"/', [copy_of_the_node(endpoint, source)[1]]
    return _container(endpoint, names.PREFETCH_CONTAINER, target) | {
        "command": ["/bin/sh", "-c", script],
        "volumeMounts": [source.mount | {"mountPath": SOURCE_PATH, "readOnly": True}, *on_node, target],
    }


def _downloader(endpoint: InferenceEndpointConfig, target: Manifest) -> Manifest:
    model = endpoint.spec.model_source_config.hugging_face_model
    if model is None:  # refused at admission and by `checks`
        raise ValueError("spec.modelSourceConfig.huggingFaceModel is needed to download a model")
    env: list[Manifest] = [
        {"name": "HF_MODEL_ID", "value": model.model_id},
        {"name": "HF_REVISION", "value": model.commit_sha or LATEST_REVISION},
    ]
    if model.token_secret_ref is not None:
        env.append({"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": plain(model.token_secret_ref)}})
    made = _container(endpoint, DOWNLOADER_CONTAINER, target)
    return made | {
        "command": ["python3", "-c", _DOWNLOAD],
        "env": [*env, *made["env"]],
        "volumeMounts": [target],
    }


def _container(endpoint: InferenceEndpointConfig, name: str, target: Manifest) -> Manifest:
    worker = endpoint.spec.worker
    return {
        "name": name,
        "image": worker.image,
        "env": [{"name": "MODEL_DIR", "value": target["mountPath"]}],
        # The worker's own CPU and memory: init containers run before it, so the pod asks for no more.
        "resources": _without_devices(plain(worker.resources)),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _without_devices(resources: dict[str, Any]) -> dict[str, dict[str, Any]]:
    amounts = {side: resources.get(side) or {} for side in ("requests", "limits")}
    kept = {side: {k: v for k, v in each.items() if not is_extended(k)} for side, each in amounts.items()}
    return {side: each for side, each in kept.items() if each}
