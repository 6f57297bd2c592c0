"""From one set of Deployments to another (`replicas` to `pdSpec` and back): the old serve until the new do.

A Deployment hands over from pod to pod by itself, but not to a Deployment of another name. Until the new ones
are complete, nothing that the endpoint no longer asks for is removed, and its Services find the pods that
they found before. Pure decisions, for `endpoint`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from hyperpod_inference.controllers.removal import is_ours
from hyperpod_inference.kube.apply import Identity, identity_of
from hyperpod_inference.kube.resources import DEPLOYMENTS, SERVICES, Body
from hyperpod_inference.status.rollout import Rollout


def goes_on(live: Mapping[Identity, Body], manifests: Iterable[Body], endpoint: Body) -> bool:
    """Whether model pods that serve belong to a Deployment that goes, and those that stay are not ready."""
    wanted = {identity_of(each) for each in manifests if each["kind"] == DEPLOYMENTS.kind}
    namespace = endpoint["metadata"]["namespace"]
    old = [
        obj
        for identity, obj in live.items()
        if obj["kind"] == DEPLOYMENTS.kind
        and obj["metadata"]["namespace"] == namespace
        and identity not in wanted
        and is_ours(obj, endpoint)
    ]
    return any(Rollout.of(obj).ready for obj in old) and not all(
        identity in live and Rollout.of(live[identity]).complete for identity in wanted
    )


def with_live_selector(manifest: Body, live: Body | None) -> Body:
    """A Service that finds the pods that it found before."""
    if live is None or manifest["kind"] != SERVICES.kind:
        return manifest
    spec: dict[str, Any] = manifest["spec"]
    return manifest | {"spec": spec | {"selector": live["spec"].get("selector") or spec["selector"]}}
