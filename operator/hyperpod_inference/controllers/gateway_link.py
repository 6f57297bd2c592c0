"""Adds an endpoint to its inference gateway and takes it out again. What changes, `render.gateway` says.

The status remembers the gateway that was joined, so that a changed name or a switched-off link is noticed.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.parse import InvalidResource, parse
from hyperpod_inference.controllers.kinds import CUSTOM
from hyperpod_inference.kube.apply import ApplyFailure
from hyperpod_inference.kube.client import JSON_PATCH, Client
from hyperpod_inference.kube.errors import ApiError, Invalid, NotFound
from hyperpod_inference.kube.resources import Body
from hyperpod_inference.render.gateway import gateway_name, joined, left

logger = logging.getLogger(__name__)

GATEWAYS = CUSTOM[names.KIND_GATEWAY]


@dataclass(frozen=True)
class GatewayLink:
    """Of all endpoints; each writes under a field manager of its own, so that none takes another's entry."""

    client: Client

    async def keep(
        self, endpoint: InferenceEndpointConfig, status: Mapping[str, Any]
    ) -> tuple[Body | None, list[ApplyFailure]]:
        """Make the gateway hold the entry, and leave one that is not asked for any more.

        status: the endpoint's last. Returns the gateway as it is now, and what was refused.
        """
        name, namespace = gateway_name(endpoint), endpoint.metadata.namespace
        before = (status.get("inferenceGateway") or {}).get("name")
        try:
            if before and before != name:
                await self.leave(namespace, before, endpoint.metadata.name)
            return (await self._join(endpoint, namespace, name) if name else None), []
        except ApiError as error:
            return None, [ApplyFailure("apply", names.KIND_GATEWAY, name or before or "", error)]

    async def leave(self, namespace: str, gateway: str, endpoint_name: str) -> None:
        """Take the entry out, if there is one; raises ApiError. From a broken gateway nobody can take it."""
        try:
            patch = left(_sound(await self.client.get(GATEWAYS, gateway, namespace)), endpoint_name)
            if patch:
                await self.client.patch(GATEWAYS, gateway, namespace, patch, JSON_PATCH)
        except NotFound:
            return  # with the gateway went the entry
        except Invalid as refusal:
            known = (namespace, gateway, endpoint_name, refusal)
            logger.warning("gateway %s/%s keeps the entry of %s: %s", *known)

    async def _join(self, endpoint: InferenceEndpointConfig, namespace: str, name: str) -> Body:
        try:
            live: Body | None = _sound(await self.client.get(GATEWAYS, name, namespace))
        except NotFound:
            live = None
        wanted = joined(endpoint, live)
        if live is not None and _holds(live["spec"], wanted["spec"]):
            return live
        return await self.client.apply(wanted, f"{names.FIELD_MANAGER}/{endpoint.metadata.uid}")


def _sound(gateway: Body) -> Body:
    """The gateway; raises `Invalid` for a stored one that breaks its definition."""
    try:
        parse(gateway, tolerant=True)
    except InvalidResource as invalid:
        problems = "; ".join(str(problem) for problem in invalid.problems)
        raise Invalid(422, "Invalid", f"the gateway itself cannot be used: {problems}") from invalid
    return gateway


def _holds(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether an apply would change nothing."""
    (entry,) = wanted["schedulers"]
    named = (each for each in live["schedulers"] if each["name"] == entry["name"])
    found: Mapping[str, Any] = next(named, {})
    same = all(found.get(key) == value for key, value in entry.items())
    return same and live["bbr"]["enabled"] == wanted["bbr"]["enabled"]
