"""LMCache's settings: variables for what `spec.kvCacheSpec` says, or a configuration of the user's own.

LMCache reads LMCACHE_* variables, or a file. Of a variable that the user sets, the user's value counts.
"""

import json
from collections.abc import Iterator

from hyperpod_inference.api import names
from hyperpod_inference.api.blocks import KVCacheSpec
from hyperpod_inference.api.pod_rules import LMCACHE_VOLUME, SHM_PATH
from hyperpod_inference.render.additions import Additions
from hyperpod_inference.render.identity import Manifest

TIERED_STORAGE_PORT = 9200
SHARED_MEMORY = "ai_toolkit_cache"  # the segment through which HyperPod's daemon hands over data
CONFIG_DIRECTORY = "/etc/lmcache"
CONFIG_FILE = "lmcache-config.yaml"
CONFIG_FILE_VARIABLE = "LMCACHE_CONFIG_FILE"
CONFIG_ANNOTATION = f"{names.GROUP}/lmcache-config"  # ours: the file's text, which the pod mounts
BUFFER_GIB = 5
"""Of host memory for data on its way to the second level, where there is no first one."""
# Keys are hashes of tokens: processes with different seeds would never find each other's entries.
SAME_HASHES = {"name": "PYTHONHASHSEED", "value": "0"}
NODE_IP = {"name": "NODE_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}


def backend(cache: KVCacheSpec) -> str | None:
    """The second level that is on: redis or tieredstorage, None without one."""
    if not cache.enable_l2_cache or cache.l2_cache_spec is None:
        return None
    given = (cache.l2_cache_spec.l2_cache_backend or "").lower()
    return "redis" if "redis" in given else "tieredstorage"


def settings(cache: KVCacheSpec, l1_gib: int) -> Additions:
    """The variables for both levels, and the way to the node's tiered storage. `l1_gib`: for each worker."""
    tiered = backend(cache) == "tieredstorage"
    return Additions(
        env=tuple(_variables(cache, l1_gib)),
        volumes=(_segment(),) if tiered else (),
        mounts=(_segment_mount(),) if tiered else (),
    )


def own_configuration(text: str) -> Additions:
    """`cacheConfigFile`: the path of a file in the container, or the configuration itself.

    The text travels as an annotation, so that a change of it rolls the pods and no further object is needed.
    """
    if not is_text(text):
        return Additions(env=(SAME_HASHES, {"name": CONFIG_FILE_VARIABLE, "value": text}))
    tiered = "sagemaker-hyperpod:" in text
    source = {"fieldRef": {"fieldPath": f"metadata.annotations['{CONFIG_ANNOTATION}']"}}
    volume = {"name": LMCACHE_VOLUME, "downwardAPI": {"items": [{"path": CONFIG_FILE} | source]}}
    mount = {"name": LMCACHE_VOLUME, "mountPath": CONFIG_DIRECTORY, "readOnly": True}
    path = {"name": CONFIG_FILE_VARIABLE, "value": f"{CONFIG_DIRECTORY}/{CONFIG_FILE}"}
    return Additions(
        env=(*([NODE_IP] if tiered else []), SAME_HASHES, path),
        volumes=(volume, *([_segment()] if tiered else [])),
        mounts=(mount, *([_segment_mount()] if tiered else [])),
        annotations={CONFIG_ANNOTATION: text},
    )


def is_text(config: str) -> bool:
    """Whether `cacheConfigFile` is a configuration; anything else is a path."""
    return "\n" in config.strip() or ": " in config


def _variables(cache: KVCacheSpec, l1_gib: int) -> Iterator[Manifest]:
    second = backend(cache)
    if second == "tieredstorage":
        yield NODE_IP  # before the variable that refers to it
    yield SAME_HASHES
    yield _variable("LOCAL_CPU", str(cache.enable_l1_cache))
    yield _variable("MAX_LOCAL_CPU_SIZE", str(l1_gib if cache.enable_l1_cache else min(l1_gib, BUFFER_GIB)))
    if second is None:
        return
    yield _variable("REMOTE_URL", remote_url(cache))
    yield _variable("REMOTE_SERDE", "naive")
    if second == "tieredstorage":
        yield _variable("SAVE_UNFULL_CHUNK", "True")
        yield _variable("EXTRA_CONFIG", json.dumps({"sagemaker_hyperpod_shared_memory_name": SHARED_MEMORY}))


def remote_url(cache: KVCacheSpec) -> str:
    """Where the second level is. A Redis address without a scheme is completed."""
    if backend(cache) == "tieredstorage":
        return f"sagemaker-hyperpod://$(NODE_IP):{TIERED_STORAGE_PORT}"
    url = (cache.l2_cache_spec.l2_cache_local_url if cache.l2_cache_spec else None) or ""
    return url if "://" in url else f"redis://{url}"


def _variable(name: str, value: str) -> Manifest:
    return {"name": f"LMCACHE_{name}", "value": value}


def _segment() -> Manifest:
    """The one file, not the directory: a container that sees all of it may remove others' segments."""
    path = f"{SHM_PATH}/{SHARED_MEMORY}"
    return {"name": names.TIERED_STORAGE_VOLUME, "hostPath": {"path": path, "type": "File"}}


def _segment_mount() -> Manifest:
    return {"name": names.TIERED_STORAGE_VOLUME, "mountPath": f"{SHM_PATH}/{SHARED_MEMORY}"}
