"""Where the API server reads whom to trust: `caBundle` in the definitions and the webhook configuration.

Only that one field is written, with server-side apply, only where it differs and only where the webhook is
this installation's. Objects that ask cert-manager for it are left to cert-manager.
"""

import base64
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.api.crd import crd_name
from hyperpod_inference.api.kinds import KINDS
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.kube.resources import CRDS, VALIDATING_WEBHOOK_CONFIGURATIONS, Body

CONVERTED = tuple(crd_name(kind) for kind in KINDS if kind.older is not None)
"""The definitions whose versions the webhook converts."""


@dataclass(frozen=True, slots=True)
class Publisher:
    """Keeps the trusted authorities of one installation; `namespace` is the operator's."""

    client: Client
    namespace: str

    async def publish(self, authorities: bytes) -> None:
        """Make the API server trust these PEM certificates.

        Raises:
            ApiError: an object could not be read or written; those before it are done.
        """
        bundle = base64.b64encode(authorities).decode()
        for name in CONVERTED:  # first: without conversion a request fails, without validation it passes
            definition = await self.client.get(CRDS, name)
            await self._apply(definition_with(definition, bundle, self.namespace))
        with suppress(NotFound):  # an installation may leave it out
            configuration = await self.client.get(VALIDATING_WEBHOOK_CONFIGURATIONS, names.VALIDATING_WEBHOOK)
            await self._apply(configuration_with(configuration, bundle, self.namespace))

    async def _apply(self, change: Body | None) -> None:
        if change is not None:
            await self.client.apply(change, names.FIELD_MANAGER)


def definition_with(definition: Body, bundle: str, namespace: str) -> Body | None:
    """What to apply so that a definition holds `bundle` (base64); None when nothing is to do."""
    conversion = definition["spec"].get("conversion") or {}
    client_config = (conversion.get("webhook") or {}).get("clientConfig") or {}
    if _is_settled(definition, client_config, bundle, namespace):
        return None
    # The strategy goes along because the schema requires it beside the webhook.
    conversion = {"strategy": "Webhook", "webhook": {"clientConfig": {"caBundle": bundle}}}
    return _patch(definition, "spec", {"conversion": conversion})


def configuration_with(configuration: Body, bundle: str, namespace: str) -> Body | None:
    """The same for a ValidatingWebhookConfiguration: its webhooks by name."""
    webhooks = [
        {"name": each["name"], "clientConfig": {"caBundle": bundle}}
        for each in configuration.get("webhooks") or []
        if not _is_settled(configuration, each["clientConfig"], bundle, namespace)
    ]
    return _patch(configuration, "webhooks", webhooks) if webhooks else None


def _is_settled(owner: Body, client_config: Mapping[str, Any], bundle: str, namespace: str) -> bool:
    service = client_config.get("service") or {}
    ours = (service.get("namespace"), service.get("name")) == (namespace, names.WEBHOOK_SERVICE)
    injected = names.CERT_MANAGER_INJECT in (owner["metadata"].get("annotations") or {})
    return injected or not ours or client_config.get("caBundle") == bundle


def _patch(owner: Body, field: str, value: Any) -> Body:
    identity = {key: owner[key] for key in ("apiVersion", "kind")}
    return {**identity, "metadata": {"name": owner["metadata"]["name"]}, field: value}
