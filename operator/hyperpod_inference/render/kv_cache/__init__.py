"""The tiered KV cache of an endpoint: what its model container needs for `spec.kvCacheSpec`.

    kv_cache(endpoint) -> Additions

| server | first level                     | second level (redis, tieredstorage)       |
| ------ | ------------------------------- | ----------------------------------------- |
| vLLM   | LMCache, through its connector  | LMCache                                   |
| SGLang | its own hierarchical cache      | LMCache, which then holds the first, too  |

`sizing` decides how large the first level is, `engine` reads the command line, `reference` writes the table
of sizes into the documents. What the user wrote in `spec.worker` is never changed; the arrangement, and with
it the condition KVCacheReady, says what was left to it.
"""

from hyperpod_inference.api.blocks import KVCacheSpec
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.names import RESOURCE_NEURON
from hyperpod_inference.render.additions import Additions
from hyperpod_inference.render.identity import Manifest
from hyperpod_inference.render.kv_cache import lmcache, sglang
from hyperpod_inference.render.kv_cache.engine import Engine, engine_of, flag, obstacle
from hyperpod_inference.render.kv_cache.sizing import L1_PERCENT, Room, demand, l1_gib, rooms, smallest
from hyperpod_inference.render.kv_cache.words import Told, arranged, impossible
from hyperpod_inference.render.plain import plain
from hyperpod_inference.status.parts import Arrangement

CONNECTOR = "--kv-transfer-config"
CONNECTOR_VALUE = '{"kv_connector":"LMCacheConnectorV1","kv_role":"kv_both"}'
_OWN_CONNECTORS = (CONNECTOR, "--kv-offloading-size", "--kv-offloading-backend")
NOTHING = Additions()


def kv_cache(endpoint: InferenceEndpointConfig) -> Additions:
    """What to add to the model container and its pod; nothing when no cache is asked for."""
    cache = endpoint.spec.kv_cache_spec
    if cache is None or not (cache.enable_l1_cache or cache.enable_l2_cache or cache.cache_config_file):
        return NOTHING
    if endpoint.spec.pd_spec is not None:
        return _only(
            impossible("with pdSpec the cache goes from prefill to decode, and is kept nowhere else")
        )
    engine, _ = engine_of(endpoint.spec.worker)
    wanted = demand(plain(endpoint.spec.worker.resources))
    if wanted is not None and wanted.resource == RESOURCE_NEURON:
        return _only(
            impossible("the pods use Neuron devices, and the caches of LMCache and SGLang need GPUs")
        )
    if engine is Engine.OTHER:
        return _only(impossible("its image is neither a vLLM nor an SGLang one by its name"))
    tiered = lmcache.backend(cache) == "tieredstorage" and not cache.cache_config_file
    found = rooms(endpoint.spec, plain(endpoint.spec.worker.resources), tiered=tiered)
    if engine is Engine.SGLANG and not cache.enable_l2_cache and not cache.cache_config_file:
        return _hierarchical(endpoint, found)
    return _lmcache(endpoint, cache, engine, found)


def _lmcache(
    endpoint: InferenceEndpointConfig, cache: KVCacheSpec, engine: Engine, found: list[Room]
) -> Additions:
    worker, gib = endpoint.spec.worker, l1_gib(found)
    if not cache.cache_config_file and gib < 1:
        return _only(impossible(_too_small(found)))
    made = (
        lmcache.own_configuration(cache.cache_config_file)
        if cache.cache_config_file
        else lmcache.settings(cache, gib)
    )
    in_sglang = engine is Engine.SGLANG
    args = (sglang.LMCACHE,) if in_sglang else (CONNECTOR, CONNECTOR_VALUE)
    own = flag(worker, *((sglang.LMCACHE,) if in_sglang else _OWN_CONNECTORS))
    why = None if own else obstacle(worker)
    env, kept = _missing_only(endpoint, (*made.env, *(sglang.LMCACHE_VARIABLES if in_sglang else ())))
    if why is not None:
        told = impossible(f"{why}; write `{' '.join(args)}` there yourself")
    else:
        told = arranged(endpoint, Told(gib=gib, room=smallest(found), kept=kept, own_flag=own), engine)
    return Additions(
        env=env,
        args=() if own or why else args,
        volumes=made.volumes,
        mounts=made.mounts,
        annotations=made.annotations,
        arrangements=(told,),
    )


def _hierarchical(endpoint: InferenceEndpointConfig, found: list[Room]) -> Additions:
    worker = endpoint.spec.worker
    own = flag(worker, sglang.LMCACHE, "--disable-radix-cache")
    if own:
        told = Told(gib=0, room=smallest(found), kept=(), own_flag=own)
        return _only(arranged(endpoint, told, Engine.SGLANG))
    pool = sglang.host_pool(found, worker)
    sized = flag(worker, sglang.SIZE, "--hicache-ratio")
    if not pool.gib and not sized:
        return _only(impossible(_too_small(found, pool.needed_gib)))
    args = sglang.flags(worker, pool.gib)
    why = obstacle(worker) if args else None
    if why is not None:
        return _only(impossible(f"{why}; write `{' '.join(args)}` there yourself"))
    told = Told(gib=pool.gib, room=smallest(found), kept=(), own_flag=sized)
    return Additions(args=args, arrangements=(arranged(endpoint, told, Engine.SGLANG),))


def _missing_only(
    endpoint: InferenceEndpointConfig, wanted: tuple[Manifest, ...]
) -> tuple[tuple[Manifest, ...], tuple[str, ...]]:
    """The variables that the user does not set, and the names of those that the user does.

    A configuration file of the user's own stands for all of LMCache's variables.
    """
    given = {each.name for each in endpoint.spec.worker.environment_variables or ()}
    own_file = lmcache.CONFIG_FILE_VARIABLE in given
    kept = tuple(each["name"] for each in wanted if each["name"] in given)
    left_out = {*kept}
    if own_file:
        left_out |= {each["name"] for each in wanted if each["name"].startswith("LMCACHE_")}
        kept = (lmcache.CONFIG_FILE_VARIABLE, *(each for each in kept if not each.startswith("LMCACHE_")))
    return tuple(each for each in wanted if each["name"] not in left_out), kept


def _too_small(found: list[Room], needed_gib: int = 1) -> str:
    room = smallest(found)
    more = f" and SGLang needs more than {needed_gib} GiB" if needed_gib > 1 else ""
    return (
        f"{L1_PERCENT} % of what one worker has of {room.why} is {room.percent(L1_PERCENT)} GiB{more}; "
        "give the pods more memory or another instance type"
    )


def _only(told: Arrangement) -> Additions:
    return Additions(arrangements=(told,))
