"""Asks the API server what would become of an object, without writing it; for `planning`.

The server itself answers, so its defaults, its admission rules and the fields of other managers are all in.
"""

import json
from collections.abc import Mapping
from typing import Any, cast

from hyperpod_inference.api import names
from hyperpod_inference.controllers.kinds import ENDPOINTS
from hyperpod_inference.kube.apply import belongs, leaves_replicas_out
from hyperpod_inference.kube.client import APPLY_PATCH, MERGE_PATCH, Client
from hyperpod_inference.kube.errors import Conflict, Forbidden, Invalid, NotFound
from hyperpod_inference.kube.resources import Body
from hyperpod_inference.render.plan.objects import ObjectPlan, compared, refused

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
APPLIED_BY = "kubectl"
DRY_RUN = {"dryRun": "All"}
FOREIGN = (
    "an object of this name exists that was not made for this endpoint; rename the endpoint, or delete it"
)


async def admitted(client: Client, wanted: Body, live: Body | None) -> Body:
    """How an endpoint would be stored, were it sent as `kubectl apply` does; raises what that would raise."""
    metadata = wanted["metadata"]
    if live is None:
        path = ENDPOINTS.path(metadata["namespace"])
        return await client.request("POST", path, params=DRY_RUN, body=wanted)
    path = ENDPOINTS.path(metadata["namespace"], metadata["name"])
    last = (live["metadata"].get("annotations") or {}).get(LAST_APPLIED)
    if last is not None:
        patch = merge_patch(json.loads(last), wanted)
        return await client.request("PATCH", path, params=DRY_RUN, body=patch, content_type=MERGE_PATCH)
    return await _applied(client, path, wanted, applied_by(live))


async def child(client: Client, manifest: Body) -> tuple[ObjectPlan, Body]:
    """The plan of an object that the operator would apply, and how the object would look."""
    metadata = manifest["metadata"]
    resource = await client.resource_of(manifest)
    try:
        live = await client.get(resource, metadata["name"], metadata.get("namespace"))
    except NotFound:
        live = None
    if live is not None and not belongs(live["metadata"], metadata):
        return refused(manifest, FOREIGN), manifest
    path = resource.path(metadata.get("namespace"), metadata["name"])
    try:
        would_be = await _applied(client, path, _with_scaled_replicas(manifest, live), names.FIELD_MANAGER)
    except (Invalid, Forbidden, Conflict) as error:
        return refused(manifest, error.message), manifest
    return compared(without_note(live) if live else None, without_note(would_be)), would_be


def merge_patch(last: Mapping[str, Any], wanted: Mapping[str, Any]) -> Body:
    """What client-side apply sends: the file, and null for what was in the file before and is not now."""
    patch: Body = {key: None for key in last if key not in wanted}
    for key, value in wanted.items():
        before = last.get(key)
        both = isinstance(value, Mapping) and isinstance(before, Mapping)
        patch[key] = merge_patch(cast(Body, before), value) if both else value
    return patch


def applied_by(live: Body) -> str:
    """The field manager under which a person applied the endpoint; kubectl's when nobody did."""
    entries = live["metadata"].get("managedFields") or ()
    applied = [each for each in entries if each["operation"] == "Apply" and not each.get("subresource")]
    people = (each["manager"] for each in applied if not each["manager"].startswith(names.FIELD_MANAGER))
    return next(people, APPLIED_BY)


def without_notes(body: Body) -> Body:
    """An endpoint without what the operator and kubectl note on it."""
    metadata = {key: value for key, value in body["metadata"].items() if key != "finalizers"}
    annotations = metadata.pop("annotations", None) or {}
    metadata["annotations"] = {key: value for key, value in annotations.items() if key != LAST_APPLIED}
    return body | {"metadata": metadata}


def without_note(obj: Body) -> Body:
    """A child without the operator's note of what it applied, which changes with everything else."""
    annotations = obj["metadata"].get("annotations") or {}
    kept = {key: value for key, value in annotations.items() if key != names.ANNOTATION_SPEC_HASH}
    return obj | {"metadata": obj["metadata"] | {"annotations": kept}}


async def _applied(client: Client, path: str, body: Body, manager: str) -> Body:
    params = DRY_RUN | {"fieldManager": manager, "force": "true"}
    return await client.request("PATCH", path, params=params, body=body, content_type=APPLY_PATCH)


def _with_scaled_replicas(manifest: Body, live: Body | None) -> Body:
    """The operator hands a scaler's replicas over as they are; a dry run of that needs the number."""
    if live is None or not leaves_replicas_out(manifest):
        return manifest
    return manifest | {"spec": manifest["spec"] | {"replicas": live["spec"]["replicas"]}}
