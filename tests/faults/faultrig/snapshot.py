"""What a cluster holds for one endpoint, without what differs from run to run. The oracle compares these."""

import copy
import json
import re
from typing import Any

from hyperpod_inference.controllers.caches import CHILD_KINDS, OPTIONAL_KINDS, owner_selector
from hyperpod_inference.controllers.kinds import ENDPOINTS
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.kube.resources import DEPLOYMENTS, Body

NAMESPACE = "faults"
FOREIGN = "example.com/kept"
"""An annotation that somebody else puts on children."""
_VOLATILE = {"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "clusterIP"}
_VOLATILE |= {"clusterIPs", "deployment.kubernetes.io/revision", "deletionGracePeriodSeconds"}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_HASH = re.compile(r"(/spec-hash\": \")[0-9a-f]{16}")
_ARN = re.compile(r"certificate/[0-9a-f-]{36}")
_MARK = re.compile(r"(-model-|model-volume\": \")[0-9a-f]{8}")


async def children(client: Client, name: str) -> list[Body]:
    """The children that are there to stay: an object that is being deleted only waits for its finalizers."""
    found: list[Body] = []
    for resource in (*CHILD_KINDS, *OPTIONAL_KINDS):
        try:
            listed = await client.list(resource, label_selector=owner_selector(NAMESPACE, name))
        except NotFound:  # nobody installed the kind
            continue
        found += [each for each in listed.items if not each["metadata"].get("deletionTimestamp")]
    return found


async def endpoint(client: Client, name: str) -> Body | None:
    """The resource itself, None when it is gone."""
    try:
        return await client.get(ENDPOINTS, name, NAMESPACE)
    except NotFound:
        return None


async def snapshot(client: Client, name: str, wanted: dict[str, Any] | None = None) -> dict[str, Any]:
    """{'Kind/name': object} of the children, and the endpoint's finalizers and status, all normalised.

    wanted: the children, which are many requests, are looked at only once the endpoint is as it is there.
    """
    body = await endpoint(client, name)
    said = None if body is None else await _said(client, body, name)
    if wanted is not None and said != wanted["endpoint"]:
        return {"children": wanted["children"], "endpoint": said}
    if body is None:
        # Children with an owner are the garbage collector's from here on.
        held = {_label(each, name): {} for each in await children(client, name) if not _owned(each)}
        return {"children": held, "endpoint": None}
    owned = {_label(each, name): _plain(each, name) for each in await children(client, name)}
    return {"children": owned, "endpoint": said}


async def _said(client: Client, body: Body, name: str) -> Any:
    status = body.get("status") or {}
    # The Deployment's status differs between undisturbed runs, in its times, counts and reasons; that it is
    # mirrored does not, so only where the mirror differs from the live one is told.
    if (mirror := status.get("deploymentStatus", {}).get("status")) is not None:
        deployment = await _deployment(client, name)
        status["deploymentStatus"]["status"] = differences(_status(deployment), _status({"status": mirror}))
    return _plain({"finalizers": body["metadata"].get("finalizers"), "status": status}, name)


def _status(deployment: Body) -> dict[str, Any]:
    """A Deployment's status, its conditions by type."""
    status = dict(deployment.get("status") or {})
    return status | {"conditions": {each["type"]: each for each in status.get("conditions", ())}}


async def _deployment(client: Client, name: str) -> Body:
    try:
        return await client.get(DEPLOYMENTS, name, NAMESPACE)
    except NotFound:
        return {}


def identities(objects: list[Body], name: str) -> dict[str, str]:
    """'Kind/name' to uid."""
    return {_label(each, name): each["metadata"]["uid"] for each in objects}


def _owned(obj: Body) -> bool:
    return bool(obj["metadata"].get("ownerReferences"))


def _label(obj: Body, name: str) -> str:
    return _words(f"{obj['kind']}/{obj['metadata']['name']}", name)


def _plain(obj: Any, name: str) -> Any:
    obj = copy.deepcopy(obj)
    if "kind" in obj:
        obj.pop("status", None)  # of other controllers; what matters of it is in the endpoint's status
    return json.loads(_words(json.dumps(_without(obj), sort_keys=True), name))


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without(each) for key, each in value.items() if key not in _VOLATILE}
    return [_without(each) for each in value] if isinstance(value, list) else value


def _words(text: str, name: str) -> str:
    """The text with names and times replaced by what they are."""
    text = re.sub(rf"{name}-[0-9a-f]{{8}}-[0-9a-f]{{8}}", "REVISION", _ARN.sub("certificate/ID", text))
    text = re.sub(rf"{name}-[0-9a-f]{{7,10}}(-[a-z0-9]{{5}})?", "POD", text)
    text = _HASH.sub(r"\1HASH", text)
    return _MARK.sub(r"\1MARK", _TIME.sub("TIME", text.replace(name, "NAME")))


def differences(wanted: Any, got: Any, path: str = "") -> list[str]:
    """Where two snapshots differ, one line each."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        lines = []
        for key in sorted({*wanted, *got}):
            lines += differences(wanted.get(key), got.get(key), f"{path}.{key}")
        return lines
    return [] if wanted == got else [f"{path}: wanted {wanted!r}, got {got!r}"]
