"""An endpoint's entry in an inference gateway (`spec.inferenceGateway`): one scheduler among those of others.

The gateway is shared, so it is not rendered whole: `joined` and `left` say how its spec changes, given what
is there. Everything else in it, and what users add to the entry (scheduler, weights, adapters), stays theirs.
"""

from collections.abc import Mapping
from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.render.container import port_number
from hyperpod_inference.render.identity import Manifest, bounded, selector

NAME_LIMIT = 63
GATEWAY_API_VERSION = names.API_VERSION_ALPHA


def gateway_name(endpoint: InferenceEndpointConfig) -> str | None:
    """The InferenceGatewayConfig, in the endpoint's namespace; None when no gateway is asked for.

    A generated name holds the endpoint's own uid, so that it is the same each time.
    """
    link = endpoint.spec.inference_gateway
    if link is None or not link.enabled:
        return None
    return link.name or f"inf-igw-{endpoint.metadata.uid or endpoint.metadata.name}"


def entry_name(endpoint_name: str) -> str:
    """The scheduler of an endpoint."""
    return bounded(endpoint_name, NAME_LIMIT)


def joined(endpoint: InferenceEndpointConfig, live: Mapping[str, Any] | None) -> Manifest:
    """What to apply, under a manager of the endpoint's own, so that the gateway has its entry.

    From the second scheduler on the gateway has to read bodies; that is never switched off again here.
    """
    spec = (live or {}).get("spec", {})
    own = entry_name(endpoint.metadata.name)
    others = [each for each in spec.get("schedulers", ()) if each["name"] != own]
    reads_bodies = bool(spec.get("bbr", {}).get("enabled")) or bool(others)
    role = {names.LABEL_DPD_ROLE: names.DECODE} if endpoint.spec.pd_spec else {}
    entry = {
        "name": own,
        "modelName": endpoint.spec.model_name,
        "targetPort": port_number(endpoint.spec.worker),
        "modelSelector": {"matchLabels": selector(endpoint) | role},
    }
    return {
        "apiVersion": GATEWAY_API_VERSION,
        "kind": names.KIND_GATEWAY,
        "metadata": {"name": gateway_name(endpoint), "namespace": endpoint.metadata.namespace},
        "spec": {"bbr": {"enabled": reads_bodies}, "schedulers": [entry]},
    }


def left(live: Mapping[str, Any], endpoint_name: str) -> list[Manifest]:
    """The JSON patch that takes the entry out of exactly this version of the gateway; empty without an entry.

    A gateway cannot be without schedulers, and is never deleted here: a last entry stays, and leads nowhere.
    """
    schedulers = live["spec"]["schedulers"]
    own = entry_name(endpoint_name)
    place = next((number for number, each in enumerate(schedulers) if each["name"] == own), None)
    if place is None or len(schedulers) == 1:
        return []
    version = live["metadata"]["resourceVersion"]
    return [
        {"op": "test", "path": "/metadata/resourceVersion", "value": version},
        {"op": "remove", "path": f"/spec/schedulers/{place}"},
    ]
