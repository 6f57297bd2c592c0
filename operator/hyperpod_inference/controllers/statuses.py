"""Writing a resource's status: once, and only when it changed.

Used by every reconciler. A cache lags behind our own writes; so the writer remembers what it wrote last and
hands that out as the previous status until the cache has caught up.
"""

from collections.abc import Mapping
from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.kube.resources import Body
from hyperpod_inference.kube.store import version_of

Status = Mapping[str, Any]


class StatusWriter:
    """Writes to `/status` by server-side apply, under the operator's field manager."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._written: dict[str, Body] = {}

    def previous(self, body: Body) -> Status:
        """The newest known status of a cached resource, {} when it has none."""
        written = self._written.get(body["metadata"]["uid"])
        if written is not None and version_of(written) <= version_of(body):
            del self._written[body["metadata"]["uid"]]
            written = None
        return (written or body).get("status") or {}

    async def write(self, body: Body, status: Status) -> bool:
        """Write unless it is what is there already; says whether it wrote.

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
        try:
            written = await self._client.apply(manifest, names.FIELD_MANAGER, subresource="status")
        except NotFound:
            return False
        self._written[metadata["uid"]] = {
            "metadata": {"resourceVersion": written["metadata"]["resourceVersion"]},
            "status": written.get("status"),
        }
        return True

    def forget(self, uid: str) -> None:
        """The resource is gone."""
        self._written.pop(uid, None)
