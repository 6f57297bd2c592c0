"""Writing a resource's status: once, and only when it changed.

Used by every reconciler. A cache lags behind our own writes; so the writer remembers what it wrote last and
hands that out as the previous status until the cache has caught up.

A stored resource may break its schema (it is older than the definition, or etcd was edited). The API server
then takes no server-side apply, and often no patch either; what it refuses is told as an Event instead.
"""

import logging
from collections.abc import Mapping
from typing import Any

from hyperpod_inference.api import conditions, names
from hyperpod_inference.kube.client import JSON_PATCH, Client
from hyperpod_inference.kube.errors import Invalid, NotFound, ServerError
from hyperpod_inference.kube.events import EventRecorder
from hyperpod_inference.kube.resources import Body, resource_for
from hyperpod_inference.kube.store import version_of

logger = logging.getLogger(__name__)

Status = Mapping[str, Any]

UNTYPED = "failed to create typed live object"
"""What the API server answers, with a 500, to an apply on an object that breaks its structural schema."""


class StatusWriter:
    """Writes to `/status` by server-side apply, under the operator's field manager."""

    def __init__(self, client: Client, recorder: EventRecorder) -> None:
        self._client, self._recorder = client, recorder
        self._written: dict[str, Body] = {}
        self._told: dict[str, int] = {}

    def previous(self, body: Body) -> Status:
        """The newest known status of a cached resource, {} when it has none."""
        written = self._written.get(body["metadata"]["uid"])
        if written is not None and version_of(written) <= version_of(body):
            del self._written[body["metadata"]["uid"]]
            written = None
        return (written or body).get("status") or {}

    async def write(self, body: Body, status: Status) -> bool:
        """Write unless it is what is there already; says whether it wrote.

        A resource so broken that it takes no status gets an Event instead, once for each generation.

        Raises:
            ApiError: the API server refused; a resource that is gone is no error.
        """
        if status == self.previous(body):
            return False
        metadata = {key: body["metadata"][key] for key in ("name", "namespace", "uid")}
        manifest = {key: body[key] for key in ("apiVersion", "kind")} | {
            "metadata": metadata,
            "status": status,
        }
        written: Body | None
        try:
            written = await self._client.apply(manifest, names.FIELD_MANAGER, subresource="status")
        except NotFound:
            return False
        except ServerError as error:
            if UNTYPED not in error.message:
                raise
            written = await self._patched(body, status)
        if written is None:
            return False
        self._written[metadata["uid"]] = {
            "metadata": {"resourceVersion": written["metadata"]["resourceVersion"]},
            "status": written.get("status"),
        }
        return True

    async def _patched(self, body: Body, status: Status) -> Body | None:
        """Another way, which is open where no validation rule reads the broken field; else tell.

        The version keeps the patch from meeting another resource of the name.
        """
        metadata = body["metadata"]
        version = metadata["resourceVersion"]
        patch = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
            {"op": "add", "path": "/status", "value": status},
        ]
        name, namespace = metadata["name"], metadata["namespace"]
        try:
            return await self._client.patch(resource_for(body), name, namespace, patch, JSON_PATCH, "status")
        except NotFound:
            return None
        except Invalid as refusal:
            await self.tell(body, f"{_gist(status)} This cannot be put into the status", refusal)
            return None

    async def tell(self, body: Body, what: str, refusal: Invalid) -> None:
        """An Event on a resource that the API server lets nobody change, once for each generation."""
        metadata = body["metadata"]
        if self._told.get(metadata["uid"]) == metadata.get("generation"):
            return
        message = f"{what}: the stored resource breaks its definition. Correct it, or delete it."
        logger.warning("%s %s/%s: %s", body["kind"], metadata["namespace"], metadata["name"], refusal)
        await self._recorder.record(
            body, "Warning", conditions.INVALID_SPEC, f"{message} The API server says: {refusal.message}"
        )
        self._told[metadata["uid"]] = metadata.get("generation", 0)

    def forget(self, uid: str) -> None:
        """The resource is gone."""
        self._written.pop(uid, None)
        self._told.pop(uid, None)


def _gist(status: Status) -> str:
    """What the status says first of all."""
    accepted = conditions.find(status.get("conditions") or (), conditions.ACCEPTED)
    return str(accepted["message"]) if accepted is not None else ""
