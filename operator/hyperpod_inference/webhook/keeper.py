"""Keeps the webhook's certificate: in the Secret, in the serving context, and trusted by the API server.

Every replica does this, leader or not, since every replica serves. They agree through the Secret: a write
that is not based on the newest version fails and is thought over again. A Secret that another made
(cert-manager, or a person) is served from and never written.
"""

import asyncio
import base64
import binascii
import logging
import ssl
from collections.abc import Callable
from datetime import datetime

from hyperpod_inference.api import names
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.errors import AlreadyExists, ApiError, Conflict, NotFound
from hyperpod_inference.kube.reflector import Reflector
from hyperpod_inference.kube.resources import SECRETS, VALIDATING_WEBHOOK_CONFIGURATIONS, Body
from hyperpod_inference.kube.store import Store
from hyperpod_inference.webhook.certificates import BadMaterial, Material, expiry, issued, renewed
from hyperpod_inference.webhook.published import Publisher
from hyperpod_inference.webhook.tls import ServingContext

logger = logging.getLogger(__name__)

CHECK_SECONDS = 300.0
"""Between two looks at what nobody tells us of: the clock, and the caBundle fields."""
RETRY_SECONDS = 10.0


class Keeper:
    """`run()` for as long as the webhook serves; `serving.context` is the server's."""

    def __init__(self, client: Client, namespace: str, now: Callable[[], datetime]) -> None:
        self._client, self._namespace, self._now = client, namespace, now
        self._hosts = hosts(namespace)
        self._publisher = Publisher(client, namespace)
        self._known: Material | None = None
        self._changed = asyncio.Event()
        self._store = Store()
        self.serving = ServingContext()
        self.reflector = Reflector(
            client,
            SECRETS,
            namespace=namespace,
            field_selector=f"metadata.name={names.WEBHOOK_SECRET}",
            store=self._store,
            on_change=lambda kind, old, new: self._changed.set(),
        )

    async def run(self) -> None:
        """Keep everything current for ever. What fails is logged and tried again."""
        await self.reflector.synced()
        while True:
            self._changed.clear()
            try:
                await self.look()
                pause = CHECK_SECONDS
            except (ApiError, BadMaterial, ssl.SSLError) as error:
                logger.warning("the webhook's certificate: %s; trying again", error)
                pause = RETRY_SECONDS
            try:
                async with asyncio.timeout(pause):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Do once all that is due: issue or renew, serve, publish.

        Raises:
            BadMaterial: the Secret is somebody else's and cannot be served from.
            ApiError: the API server refused something, or cannot be reached.
        """
        material = await self._current()
        if material is None:
            return
        if self.serving.load(material):
            logger.info("serving a certificate that is valid until %s", expiry(material.certificate))
        if material.authority_key:
            self._known = material
        await self._publisher.publish(material.authorities)

    async def _current(self) -> Material | None:
        """What to serve; None while it is not decided, because another is about to write it."""
        secret = self._store.get(self._namespace, names.WEBHOOK_SECRET)
        if secret is None:
            if await self._is_left_to_cert_manager():
                logger.info("waiting for cert-manager to write Secret %s", names.WEBHOOK_SECRET)
                return None
            return await self._written(self._known or issued(self._hosts, self._now()), None)
        if not is_ours(secret):
            return Material.of(_decoded(secret))
        try:
            material = Material.of(_decoded(secret))
        except BadMaterial as error:
            logger.warning("Secret %s: %s; written anew", names.WEBHOOK_SECRET, error)
            return await self._written(self._known or issued(self._hosts, self._now()), secret)
        due = renewed(material, self._hosts, self._now())
        return material if due == material else await self._written(due, secret)

    async def _written(self, material: Material, former: Body | None) -> Material | None:
        body = secret_of(material, self._namespace)
        try:
            if former is None:
                await self._client.create(SECRETS, body)
            else:
                body["metadata"]["resourceVersion"] = former["metadata"]["resourceVersion"]
                await self._client.replace(SECRETS, body)
        except (AlreadyExists, Conflict, NotFound):
            return None  # another was faster: its version is on the way to the store, and wakes us
        return material

    async def _is_left_to_cert_manager(self) -> bool:
        try:
            found = await self._client.get(VALIDATING_WEBHOOK_CONFIGURATIONS, names.VALIDATING_WEBHOOK)
        except NotFound:
            return False
        return names.CERT_MANAGER_INJECT in (found["metadata"].get("annotations") or {})


def hosts(namespace: str) -> list[str]:
    """The names under which the API server calls the webhook."""
    service = f"{names.WEBHOOK_SERVICE}.{namespace}.svc"
    return [service, f"{service}.cluster.local"]


def is_ours(secret: Body) -> bool:
    """Whether the operator issued what the Secret holds."""
    labels = secret["metadata"].get("labels") or {}
    return bool(labels.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY)


def secret_of(material: Material, namespace: str) -> Body:
    """The Secret that holds `material`."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": names.WEBHOOK_SECRET,
            "namespace": namespace,
            "labels": {names.LABEL_MANAGED_BY: names.MANAGED_BY},
        },
        "type": "kubernetes.io/tls",
        "data": {key: base64.b64encode(value).decode() for key, value in material.data().items()},
    }


def _decoded(secret: Body) -> dict[str, bytes]:
    try:
        return {key: base64.b64decode(value) for key, value in (secret.get("data") or {}).items()}
    except binascii.Error as error:
        raise BadMaterial(f"is not base64: {error}") from None
