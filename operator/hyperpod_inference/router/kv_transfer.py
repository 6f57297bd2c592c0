"""What the two legs of a disaggregated request say in their bodies, so that the KV cache finds its way.

LMCache's sender pushes to the receiver that the prefill request names. Connectors whose decode server pulls
(vLLM's NIXL) answer the prefill with `kv_transfer_params`, which the decode request then carries.
"""

import json
from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.router.replicas import Address
from hyperpod_inference.router.request import Request

FIELD = "kv_transfer_params"
# One token of one answer, at once: what a prefill computes beside the KV cache is thrown away.
_ONE_TOKEN: dict[str, Any] = {"max_tokens": 1, "stream": False}
_ONE_IF_GIVEN = ("max_completion_tokens", "n", "best_of")
_DROPPED = ("stream_options", "min_tokens")


def parsed(body: bytes) -> dict[str, Any] | None:
    """The request's JSON object; None for anything else, which then goes its ordinary way."""
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def for_prefill(request: Request, body: dict[str, Any], receiver: Address) -> Request:
    """The first leg: the same prompt, one token, and who is to get the KV cache."""
    kept = {key: value for key, value in body.items() if key not in _DROPPED}
    kept |= _ONE_TOKEN | {key: 1 for key in _ONE_IF_GIVEN if key in body}
    kept[FIELD] = {
        "do_remote_decode": True,
        "do_remote_prefill": False,
        "disagg_spec": {
            "req_id": request.id.decode("latin-1"),
            "receiver_host": receiver.host,
            "receiver_init_port": [*names.PD_INIT_PORTS],
            "receiver_alloc_port": [*names.PD_ALLOC_PORTS],
        },
    }
    made = Request(request.method, request.target, request.headers, json.dumps(kept).encode())
    made.lines, made.id, made.started = request.lines, request.id, request.started
    made.keep_alive, made.old = False, True
    return made


def for_decode(original: bytes, body: dict[str, Any], answer: bytes) -> bytes:
    """The second leg: as the client wrote it, with what the prefill answered for it, if anything."""
    found = (parsed(answer) or {}).get(FIELD)
    if not isinstance(found, dict):
        return original
    return json.dumps(body | {FIELD: found}).encode()
