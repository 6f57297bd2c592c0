"""Elastic Fabric Adapters for pods that send each other their KV cache: their share of the node's."""

from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import EndpointSpec
from hyperpod_inference.api.instance_types import INSTANCE_TYPES, efa_interfaces
from hyperpod_inference.api.quantity import whole
from hyperpod_inference.api.resource_rules import chosen_types
from hyperpod_inference.render.identity import Manifest


def with_fabric(spec: EndpointSpec, asked: Manifest) -> Manifest:
    """The requests and limits with the adapters; as they are when they name some, or nothing is known.

    With several instance types the share that each of them has.
    """
    limits, requests = asked.get("limits", {}), asked.get("requests", {})
    count = min((_share(name, limits) for name in chosen_types(spec)), default=0)
    if count < 1 or names.RESOURCE_EFA in limits or names.RESOURCE_EFA in requests:
        return asked
    adapters = {names.RESOURCE_EFA: str(count)}
    return asked | {"limits": limits | adapters, "requests": requests | adapters}


def _share(instance_type: str, limits: Manifest) -> int:
    known, all_of_them = INSTANCE_TYPES.get(instance_type), efa_interfaces(instance_type)
    if known is None or not known.accelerator_resource or not known.accelerator_count:
        return 0
    wanted = whole(limits.get(known.accelerator_resource, 0)) or 0
    return max(all_of_them * wanted // known.accelerator_count, 1) if wanted and all_of_them else 0
