"""What a cluster holds for one endpoint, without what differs from run to run. The oracle compares these."""

import copy
import json
import re
from typing import Any

from hyperpod_inference.controllers.caches import CHILD_KINDS, owner_selector
from hyperpod_inference.controllers.kinds import ENDPOINTS
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.kube.resources import Body

NAMESPACE = "faults"
FOREIGN = "example.com/kept"
"""An annotation that somebody else puts on children."""
_VOLATILE = {"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "clusterIP"}
_VOLATILE |= {"clusterIPs", "deployment.kubernetes.io/revision", "deletionGracePeriodSeconds"}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_MARK = re.compile(r"(-model-|model-volume\": \")[0-9a-f]{8}")


async def children(client: Client, name: str) -> list[Body]:
    """The children that are there to stay: an object that is being deleted only waits for its finalizers."""
    found: list[Body] = []
    for resource in CHILD_KINDS:
        listed = await client.list(resource, label_selector=owner_selector(NAMESPACE, name))
        found += [each for each in listed.items if not each["metadata"].get("deletionTimestamp")]
    return found


async def endpoint(client: Client, name: str) -> Body | None:
    """The resource itself, None when it is gone."""
    try:
        return await client.get(ENDPOINTS, name, NAMESPACE)
    except NotFound:
        return None


async def snapshot(client: Client, name: str) -> dict[str, Any]:
    """{'Kind/name': object} of the children, and the endpoint's finalizers and status, all normalised."""
    body = await endpoint(client, name)
    if body is None:
        # Children with an owner are the garbage collector's from here on.
        held = {_label(each, name): {} for each in await children(client, name) if not _owned(each)}
        return {"children": held, "endpoint": None}
    owned = {_label(each, name): _plain(each, name) for each in await children(client, name)}
    status = body.get("status") or {}
    # The Deployment's generation counts edits, and the reason of its Progressing condition depends on when
    # its own controller looked. Neither is the operator's; both differ between undisturbed runs.
    if mirror := status.get("deploymentStatus", {}).get("status"):
        mirror.pop("observedGeneration", None)
        mirror["conditions"] = {each["type"]: each["status"] for each in mirror.get("conditions", ())}
    said = {"finalizers": body["metadata"].get("finalizers"), "status": status}
    return {"children": owned, "endpoint": _plain(said, name)}


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
    text = re.sub(rf"{name}-[0-9a-f]{{7,10}}(-[a-z0-9]{{5}})?", "POD", text)
    return _MARK.sub(r"\1MARK", _TIME.sub("TIME", text.replace(name, "NAME")))


def differences(wanted: Any, got: Any, path: str = "") -> list[str]:
    """Where two snapshots differ, one line each."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        lines = []
        for key in sorted({*wanted, *got}):
            lines += differences(wanted.get(key), got.get(key), f"{path}.{key}")
        return lines
    return [] if wanted == got else [f"{path}: wanted {wanted!r}, got {got!r}"]
