"""What makes a vLLM server tell the router which blocks its KV cache holds: `kvaware` routing reads that.

An argument of the server, where one can be added and the user wrote none, and the variable that makes block
hashes equal on all replicas.
"""

import json

from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.render.additions import Additions
from hyperpod_inference.render.identity import Manifest
from hyperpod_inference.render.kv_cache.engine import Engine, engine_of, flag, obstacle
from hyperpod_inference.render.kv_cache.lmcache import SAME_HASHES

FLAG = "--kv-events-config"
# "*" is not only an address: vLLM binds such an endpoint, and connects to any other.
CONFIG = {"enable_kv_cache_events": True, "publisher": "zmq", "endpoint": f"tcp://*:{names.KV_EVENTS_PORT}"}


def kv_events(endpoint: InferenceEndpointConfig, container: Manifest) -> Additions:
    """What to add to the model container as it is so far; nothing unless the router wants to hear of it."""
    spec = endpoint.spec
    if not spec.routed or spec.routing_strategy != "kvaware" or engine_of(spec.worker)[0] is not Engine.VLLM:
        return Additions()
    given = {each["name"] for each in container.get("env", ())}
    left = flag(spec.worker, FLAG) or obstacle(spec.worker)
    return Additions(
        env=() if SAME_HASHES["name"] in given else (SAME_HASHES,),
        args=() if left else (FLAG, json.dumps(CONFIG, separators=(",", ":"))),
    )
