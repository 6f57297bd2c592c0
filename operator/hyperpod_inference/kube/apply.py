"""Makes the cluster hold what was rendered: server-side apply in order, removal of what is not wanted.

Nothing here reads, changes and writes back an object, so fields of other managers survive. What to remove is
found among the live objects that belong to the owner, never from memory, so a crash loses nothing.
"""

import contextlib
import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.errors import ApiError, Conflict, NotFound
from hyperpod_inference.kube.resources import DEPLOYMENTS, Body, Resource, resource_for
from hyperpod_inference.kube.store import Key, key_of

logger = logging.getLogger(__name__)

Identity = tuple[Resource, Key]


@dataclass(frozen=True, slots=True)
class ApplyFailure:
    """One object that could not be applied or removed, and why; `verb` is 'apply' or 'delete'."""

    verb: str
    kind: str
    name: str
    error: ApiError


class Applier:
    """Applies manifests under one field manager, and spares the requests that would change nothing.

    For each object it remembers what was applied and how the object looked right after; while both are still
    so, nothing is to be done; the very same objects are not even compared. A successor of this process
    remembers nothing, so what was applied is noted on the object, in the annotation `note`: a crash after
    every write would otherwise never get past the first.
    """

    def __init__(self, client: Client, field_manager: str, note: str) -> None:
        self._client, self._manager, self._note = client, field_manager, note
        self._settled: dict[Identity, tuple[str, str]] = {}
        self._same: dict[Identity, tuple[Body, Body]] = {}

    def pending(self, manifests: Iterable[Body], live: Mapping[Identity, Body]) -> list[Body]:
        """The manifests that must be applied, given the cached objects."""
        return [each for each in manifests if not self._is_settled(each, live.get(identity_of(each)))]

    def _is_settled(self, manifest: Body, live: Body | None) -> bool:
        if live is None:
            return False
        identity = identity_of(manifest)
        same = self._same.get(identity)
        if same is not None and same[0] is manifest and same[1] is live:
            return True
        now, known = (_digest(manifest), _look(manifest, live)), self._settled.get(identity)
        if known is None:
            noted = (live["metadata"].get("annotations") or {}).get(self._note)
            if noted == now[0] and covers(live, manifest):
                known = self._settled[identity] = now
        if known == now:
            self._same[identity] = (manifest, live)
        return known == now

    async def apply(self, manifest: Body, live: Body | None) -> Body:
        """Apply one manifest, given the cached object; returns the object as it is now.

        Raises:
            ApiError: the API server refused.
        """
        wanted, metadata = _digest(manifest), manifest["metadata"]
        self._same.pop(identity_of(manifest), None)
        if live is None:
            await self._refuse_foreign(manifest)
        elif leaves_replicas_out(manifest):
            await self._hand_over_replicas(manifest)
        annotations = (metadata.get("annotations") or {}) | {self._note: wanted}
        noted = manifest | {"metadata": metadata | {"annotations": annotations}}
        applied = await self._client.apply(noted, self._manager)
        self._settled[identity_of(manifest)] = (wanted, _look(manifest, applied))
        return applied

    async def apply_all(
        self, manifests: Iterable[Body], live: Mapping[Identity, Body]
    ) -> tuple[list[Body], list[ApplyFailure]]:
        """Apply in order, given the cached objects; returns what it applied as it is now, and what failed.

        The first failure ends it, since later objects may need the earlier ones.
        """
        applied: list[Body] = []
        for manifest in manifests:
            try:
                applied.append(await self.apply(manifest, live.get(identity_of(manifest))))
            except ApiError as error:
                failure = ApplyFailure("apply", manifest["kind"], manifest["metadata"]["name"], error)
                return applied, [failure]
        return applied, []

    async def remove(self, objects: Iterable[Body]) -> list[ApplyFailure]:
        """Delete these live objects, each only if it still is exactly the one seen."""
        failures = []
        for obj in objects:
            for known in (self._settled, self._same):
                known.pop(identity_of(obj), None)
            if obj["metadata"].get("deletionTimestamp"):
                continue
            try:
                await self._delete(identity_of(obj)[0], obj["metadata"])
            except ApiError as error:
                failures.append(ApplyFailure("delete", obj["kind"], obj["metadata"]["name"], error))
        return failures

    async def _delete(self, resource: Resource, metadata: Mapping[str, Any]) -> None:
        logger.info("deleting %s %s", resource.kind, metadata["name"])
        with contextlib.suppress(NotFound):  # the cache is behind: it is gone, as wanted
            await self._client.delete(
                resource,
                metadata["name"],
                metadata.get("namespace"),
                uid=metadata["uid"],
                resource_version=metadata["resourceVersion"],
            )

    async def _refuse_foreign(self, manifest: Body) -> None:
        """An object of that name that is not in the cache may be somebody else's: leave it be."""
        resource, (namespace, name) = identity_of(manifest)
        try:
            found = await self._client.get(resource, name, namespace)
        except NotFound:
            return
        if not belongs(found["metadata"], manifest["metadata"]):
            raise Conflict(
                409,
                "NotOurs",
                f"{resource.kind} {name} exists and was not made by this operator; "
                "rename this resource, or delete that object",
                request=f"APPLY {resource.path(namespace, name)}",
            )

    async def _hand_over_replicas(self, manifest: Body) -> None:
        """Before leaving `spec.replicas` to a scaler, make sure that somebody keeps its value.

        A field that only this manager applied falls back to its default, one replica, when it is left out.
        """
        metadata = manifest["metadata"]
        live = await self._client.get(DEPLOYMENTS, metadata["name"], metadata["namespace"])
        if not any(_owns_replicas(entry, self._manager) for entry in live["metadata"]["managedFields"]):
            return
        same = {key: manifest[key] for key in ("apiVersion", "kind")}
        same["metadata"] = {key: metadata[key] for key in ("name", "namespace")}
        same["spec"] = {"replicas": live["spec"]["replicas"]}
        await self._client.apply(same, f"{self._manager}-scaler")


def identity_of(obj: Mapping[str, Any]) -> Identity:
    """What makes two manifests the same object."""
    return resource_for(obj), key_of(obj)


def leaves_replicas_out(manifest: Mapping[str, Any]) -> bool:
    """Whether a Deployment's replicas belong to somebody else."""
    return manifest["kind"] == DEPLOYMENTS.kind and "replicas" not in manifest["spec"]


def belongs(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a live object was made for the same owner as a manifest; both by their metadata."""
    owners = [
        {reference["uid"] for reference in each.get("ownerReferences") or []} for each in (found, wanted)
    ]
    same_labels = (wanted.get("labels") or {}).items() <= (found.get("labels") or {}).items()
    return same_labels or bool(owners[0] & owners[1])


def _owns_replicas(entry: Mapping[str, Any], manager: str) -> bool:
    fields = entry.get("fieldsV1") or {}
    return entry.get("manager") == manager and "f:replicas" in (fields.get("f:spec") or {})


def covers(live: Any, wanted: Any) -> bool:
    """Whether an object holds all that a manifest says; a value that the server puts otherwise is missing."""
    if not wanted and live is None:
        return True  # the server leaves out what is empty
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(covers(live.get(key), wanted[key]) for key in wanted)
    if isinstance(wanted, list | tuple):
        return isinstance(live, list) and len(live) == len(wanted) and all(map(covers, live, wanted))
    return bool(live == wanted) or str(live) == str(wanted)


def _look(manifest: Mapping[str, Any], live: Mapping[str, Any]) -> str:
    """A digest of everything about `live` that `manifest` may have to repair; not its status."""
    body = {key: value for key, value in live.items() if key not in ("metadata", "status")}
    metadata = live["metadata"]
    for part in ("labels", "annotations"):
        asked = manifest["metadata"].get(part) or {}
        body[f"metadata.{part}"] = {key: (metadata.get(part) or {}).get(key) for key in asked}
    body["uid"], body["owners"] = metadata.get("uid"), metadata.get("ownerReferences")
    return _digest(body)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
