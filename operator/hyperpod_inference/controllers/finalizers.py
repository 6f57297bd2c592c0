"""Before anything is written for a resource: is what was seen of it the newest, and is it held?"""

from hyperpod_inference.api import names
from hyperpod_inference.controllers import removal
from hyperpod_inference.kube.client import MERGE_PATCH, Client
from hyperpod_inference.kube.errors import Conflict
from hyperpod_inference.kube.resources import Body, Resource


async def confirm(client: Client, resource: Resource, body: Body) -> Body:
    """Ask the API server, before writing, whether the cached resource is the newest; returns the live one.

    A cache may be minutes behind: what an old spec asks for must neither be applied nor removed. The
    read of a single object is never stale.

    Raises:
        Conflict: the cache is behind.
    """
    live = await client.get(resource, body["metadata"]["name"], body["metadata"]["namespace"])
    if removal.changed(body, live):
        raise Conflict(409, "Behind", "the cache is behind; it is tried again when it is not")
    return live


def finalizers(body: Body, *, present: bool) -> list[str]:
    """Those of a resource, with the operator's or without."""
    others = [each for each in body["metadata"].get("finalizers") or [] if each != names.FINALIZER]
    return [*others, names.FINALIZER] if present else others


async def set_finalizer(client: Client, resource: Resource, body: Body, *, present: bool) -> Body:
    """Put the operator's finalizer on a resource, or take it off; returns the resource as it is then."""
    metadata, wanted = body["metadata"], finalizers(body, present=present)
    if sorted(wanted) == sorted(metadata.get("finalizers") or []):
        return body
    version = metadata["resourceVersion"]  # the list is written as a whole: only over what was seen
    patch = {"metadata": {"finalizers": wanted, "uid": metadata["uid"], "resourceVersion": version}}
    return await client.patch(resource, metadata["name"], metadata["namespace"], patch, MERGE_PATCH)
