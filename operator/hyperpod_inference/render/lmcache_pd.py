"""LMCache between prefill and decode: the prefill server sends, over NIXL, what the decode server receives.

The router names the receiver in each request and waits for the answer before it goes on, so the sender writes
before it answers (`sync`) and tells no proxy of its own. Variables and flags of the user's stay as they are.
"""

import json
from collections.abc import Iterator

from hyperpod_inference.api import names
from hyperpod_inference.api.worker import Worker
from hyperpod_inference.render.additions import Additions
from hyperpod_inference.render.identity import Manifest
from hyperpod_inference.render.kv_cache.engine import flag
from hyperpod_inference.render.kv_cache.lmcache import SAME_HASHES

BUFFER_VARIABLE = "PD_BUFFER_SIZE"
BUFFER_BYTES = 8 * 2**30
# Room beside the weights for the buffer, which lies in the accelerator's memory; and sequences at a time.
FLAGS = {
    names.PREFILL: {"--gpu-memory-utilization": "0.75", "--max-num-seqs": "16"},
    names.DECODE: {"--gpu-memory-utilization": "0.75", "--max-num-seqs": "32"},
}
CONNECTOR = "--kv-transfer-config"
_KV_ROLES = {names.PREFILL: "kv_producer", names.DECODE: "kv_consumer"}
_PD_ROLES = {names.PREFILL: "sender", names.DECODE: "receiver"}


def additions(worker: Worker, role: str, container: Manifest) -> Additions:
    """What to add to the model container of a role, given the container so far."""
    given = {each["name"] for each in container.get("env", ())}
    size = next((e.value for e in worker.environment_variables or () if e.name == BUFFER_VARIABLE), None)
    over_fabric = names.RESOURCE_EFA in container.get("resources", {}).get("limits", {})
    wanted = _variables(role, size or str(BUFFER_BYTES), over_fabric=over_fabric)
    args = [word for name, value in FLAGS[role].items() if not flag(worker, name) for word in (name, value)]
    if not flag(worker, CONNECTOR):
        args += [CONNECTOR, _connector(role)]
    return Additions(env=tuple(each for each in wanted if each["name"] not in given), args=tuple(args))


def _variables(role: str, buffer: str, *, over_fabric: bool) -> Iterator[Manifest]:
    yield SAME_HASHES
    yield {"name": BUFFER_VARIABLE, "value": buffer}
    settings = {
        "ENABLE_PD": "True",
        "PD_ROLE": _PD_ROLES[role],
        "PD_BUFFER_SIZE": buffer,
        "PD_BUFFER_DEVICE": "cuda",
        "TRANSFER_CHANNEL": "nixl",
        "NIXL_BACKENDS": "LIBFABRIC" if over_fabric else "UCX",
        "LOCAL_CPU": "False",
        "SAVE_DECODE_CACHE": "False",
    }
    if role == names.PREFILL:
        settings |= {"PD_BACKEND_MODE": "sync", "PD_SKIP_PROXY_NOTIFICATION": "True"}
    else:
        yield {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
        settings |= {
            "PD_PEER_HOST": "$(POD_IP)",
            "PD_PEER_INIT_PORT": ",".join(map(str, names.PD_INIT_PORTS)),
            "PD_PEER_ALLOC_PORT": ",".join(map(str, names.PD_ALLOC_PORTS)),
        }
    yield from ({"name": f"LMCACHE_{name}", "value": value} for name, value in settings.items())


def _connector(role: str) -> str:
    config = {
        "kv_connector": "LMCacheConnectorV1",
        "kv_role": _KV_ROLES[role],
        # The last, partial chunk of a prompt is sent, too.
        "kv_connector_extra_config": {"discard_partial_chunks": False, "lmcache_rpc_port": role},
    }
    return json.dumps(config, separators=(",", ":"))
