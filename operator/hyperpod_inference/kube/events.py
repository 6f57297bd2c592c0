"""Kubernetes Events about an object, few and useful: repeats raise a count instead of filling the namespace.

An Event's name is derived from what it says, so the same news after a restart finds the Event already there.
Failing to write one is logged and nothing else: events never hold up a reconcile.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from hyperpod_inference.kube.client import MERGE_PATCH, Client
from hyperpod_inference.kube.errors import AlreadyExists, ApiError
from hyperpod_inference.kube.resources import EVENTS, Body

logger = logging.getLogger(__name__)

SIMILAR_LIMIT = 10
"""Different messages of one reason about one object within the window; more are combined into one Event."""
SIMILAR_WINDOW = timedelta(minutes=10)
MESSAGE_LIMIT = 1024
REQUEST_TIMEOUT = 5.0


class EventRecorder:
    """Writes Events in the name of one component."""

    def __init__(
        self, client: Client, component: str, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._client, self._component, self._now = client, component, now
        self._said: dict[tuple[str, str, str], datetime] = {}

    async def record(
        self, about: Mapping[str, Any], kind: Literal["Normal", "Warning"], reason: str, message: str
    ) -> None:
        """Tell that `reason` (CamelCase) happened to the object `about`."""
        if self._is_flood(about["metadata"].get("uid", ""), reason, message):
            event = self._event(about, kind, reason, f"(combined from similar events): {message}", same_as="")
        else:
            event = self._event(about, kind, reason, message, same_as=message)
        try:
            await self._write(event)
        except ApiError as error:
            logger.warning("event %s about %s not written: %s", reason, about["metadata"]["name"], error)

    async def _write(self, event: Body) -> None:
        namespace, name = event["metadata"]["namespace"], event["metadata"]["name"]
        collection = EVENTS.path(namespace)
        try:
            await self._client.request("POST", collection, body=event, timeout=REQUEST_TIMEOUT)
        except AlreadyExists:
            known = await self._client.get(EVENTS, name, namespace)
            again = {
                "count": (known.get("count") or 1) + 1,
                "lastTimestamp": event["lastTimestamp"],
                "message": event["message"],
            }
            await self._client.patch(EVENTS, name, namespace, again, MERGE_PATCH)

    def _is_flood(self, uid: str, reason: str, message: str) -> bool:
        now, said = self._now(), (uid, reason, message)
        self._said = {each: at for each, at in self._said.items() if now - at < SIMILAR_WINDOW}
        similar = sum(each[:2] == said[:2] for each in self._said)
        if said not in self._said and similar >= SIMILAR_LIMIT:
            return True
        self._said[said] = now
        return False

    def _event(self, about: Mapping[str, Any], kind: str, reason: str, message: str, same_as: str) -> Body:
        metadata = about["metadata"]
        namespace = metadata.get("namespace") or "default"
        says = "\0".join((metadata.get("uid", ""), kind, reason, same_as))
        digest = hashlib.sha256(says.encode()).hexdigest()[:16]
        now = self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{metadata['name'][:230]}.{digest}", "namespace": namespace},
            "involvedObject": {
                "apiVersion": about["apiVersion"],
                "kind": about["kind"],
                "name": metadata["name"],
                "namespace": metadata.get("namespace"),
                "uid": metadata.get("uid"),
                "resourceVersion": metadata.get("resourceVersion"),
            },
            "type": kind,
            "reason": reason,
            "message": message[:MESSAGE_LIMIT],
            "count": 1,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "source": {"component": self._component},
            "reportingComponent": self._component,
            "reportingInstance": self._component,
        }
