"""How the condition KVCacheReady puts what was arranged."""

from dataclasses import dataclass

from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.quantity import GIB, amount
from hyperpod_inference.render.kv_cache import lmcache
from hyperpod_inference.render.kv_cache.engine import Engine, engine_of
from hyperpod_inference.render.kv_cache.sizing import Room, demand
from hyperpod_inference.render.plain import plain
from hyperpod_inference.status.parts import Arrangement, Part

CONFIGURED = "Configured"
NOT_POSSIBLE = "NotPossible"
FIELD = "spec.kvCacheSpec"


@dataclass(frozen=True, kw_only=True)
class Told:
    """gib: of L1 for each worker. kept, own_flag: variables and a flag of the user's, which decide."""

    gib: int
    room: Room
    kept: tuple[str, ...] = ()
    own_flag: str | None = None


def impossible(why: str) -> Arrangement:
    """No cache is set up, and why; the server runs without."""
    message = f"No KV cache is set up beyond the server's own: {why}."
    return Arrangement(part=Part.KV_CACHE, field=FIELD, works=False, reason=NOT_POSSIBLE, message=message)


def arranged(endpoint: InferenceEndpointConfig, told: Told, engine: Engine) -> Arrangement:
    """What the server was told, and what was left to the user's own words."""
    parts = (_levels(endpoint, told, engine), _guess(endpoint), _kept(told), _uncounted(endpoint, told))
    message = " ".join(each for each in parts if each)
    return Arrangement(part=Part.KV_CACHE, field=FIELD, works=True, reason=CONFIGURED, message=message)


def _levels(endpoint: InferenceEndpointConfig, told: Told, engine: Engine) -> str:
    cache = endpoint.spec.kv_cache_spec
    if cache is None:
        return ""
    if cache.cache_config_file:
        where = "its text" if lmcache.is_text(cache.cache_config_file) else cache.cache_config_file
        return f"LMCache in {engine.value} is configured by cacheConfigFile ({where})."
    second = lmcache.backend(cache)
    by = "its own hierarchical cache" if engine is Engine.SGLANG and second is None else "LMCache"
    first = (
        f"L1 is {told.gib} GiB of memory for each worker (from {told.room.why})"
        if cache.enable_l1_cache and told.gib
        else "L1 is off"
    )
    return f"{engine.value} with {by}: {first}, {_second(endpoint, second)}."


def _second(endpoint: InferenceEndpointConfig, second: str | None) -> str:
    cache = endpoint.spec.kv_cache_spec
    if cache is None or second is None:
        return "L2 is off"
    if second == "tieredstorage":
        return "L2 is the node's tiered storage, which must be enabled on the cluster"
    return f"L2 is {lmcache.remote_url(cache).rpartition('@')[2]}"  # never a password


def _guess(endpoint: InferenceEndpointConfig) -> str:
    if engine_of(endpoint.spec.worker)[1]:
        return ""
    return "Nothing in spec.worker names the server, so it is taken for vLLM."


def _kept(told: Told) -> str:
    mine = [*([told.own_flag] if told.own_flag else []), *told.kept]
    return f"As spec.worker says, which is left as it is: {', '.join(mine)}." if mine else ""


def _uncounted(endpoint: InferenceEndpointConfig, told: Told) -> str:
    """L1 is memory of the pod: what is not requested, other pods of the node may take."""
    resources = plain(endpoint.spec.worker.resources)
    cache, wanted = endpoint.spec.kv_cache_spec, demand(resources)
    requested = amount((resources.get("requests") or {}).get("memory", ""))
    total = told.gib * (wanted.count if wanted else 1)
    own = told.own_flag or "LMCACHE_MAX_LOCAL_CPU_SIZE" in told.kept
    if cache is None or cache.cache_config_file or not cache.enable_l1_cache or own or requested is None:
        return ""
    if requested >= total * GIB:
        return ""
    return (
        f"spec.worker.resources.requests.memory does not cover these {total} GiB: raise it, or other pods "
        "of the node may take the memory."
    )
