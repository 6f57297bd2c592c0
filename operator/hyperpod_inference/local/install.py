"""Install a list of manifests into a cluster, in order, and wait until what they start is there.

`hyperpod_charts` makes the manifests; this is the shell that applies them to the local cluster, for
`hyperpod-inference local up` and the demo. It uses the operator's own client, so it needs no kubectl.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from hyperpod_inference.api.conditions import find
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.kube.resources import API_SERVICES, CRDS, DEPLOYMENTS
from hyperpod_inference.local.errors import LocalError
from hyperpod_inference.status.rollout import Rollout

FIELD_MANAGER = "hyperpod-inference-local"
Manifest = Mapping[str, Any]


class NotReadyError(LocalError):
    """Something did not get ready in time; the message says what, and what it said last."""


async def install(client: Client, manifests: Iterable[Manifest], *, within: float = 120.0) -> int:
    """Apply `manifests` in order; return how many. CRDs are waited for, since later objects need them.

    within: seconds for each wait.
    """
    count = 0
    for manifest in manifests:
        await client.apply(dict(manifest), FIELD_MANAGER)
        count += 1
        if manifest["kind"] == "CustomResourceDefinition":
            await _established(client, manifest["metadata"]["name"], within)
    return count


async def deployment_available(client: Client, namespace: str, name: str, *, within: float = 120.0) -> None:
    """Wait until the Deployment has an available replica, and none of an older version.

    NotReadyError says which condition is missing.
    """

    async def available() -> str | None:
        deployment = await client.get(DEPLOYMENTS, name, namespace)
        rollout = Rollout.of(deployment)
        old = rollout.total - rollout.updated
        if rollout.current and not old and rollout.available:
            return None
        told = deployment.get("status", {}).get("conditions", [])
        messages = [c["message"] for c in told if c["status"] != "True"]
        return "; ".join(messages) or f"{rollout.available} replicas are available, {old} are old ones"

    await wait_for(f"deployment {namespace}/{name}", available, within)


async def api_served(client: Client, name: str, *, within: float = 120.0) -> None:
    """Wait until the API server gets answers from the program behind this APIService."""

    async def available() -> str | None:
        service = await client.get(API_SERVICES, name)
        told = find(service.get("status", {}).get("conditions", ()), "Available") or {}
        return None if told.get("status") == "True" else str(told.get("message") or "it says nothing yet")

    await wait_for(f"APIService {name}", available, within)


async def _established(client: Client, name: str, within: float) -> None:
    async def established() -> str | None:
        crd = await client.get(CRDS, name)
        conditions = {c["type"]: c["status"] for c in crd.get("status", {}).get("conditions") or ()}
        return None if conditions.get("Established") == "True" else f"conditions are {conditions}"

    await wait_for(f"CRD {name}", established, within)


async def wait_for(
    what: str, missing: Callable[[], Awaitable[str | None]], within: float, *, poll: float = 0.25
) -> None:
    """Poll `missing` until it answers None. It answers what is still missing otherwise.

    within, poll: seconds. Raises NotReadyError with the last answer.
    """
    deadline = time.monotonic() + within
    while True:
        try:
            said = await missing()
        except NotFound as gone:
            said = str(gone)
        if said is None:
            return
        if time.monotonic() > deadline:
            raise NotReadyError(f"{what} was not ready after {within:.0f} s: {said}")
        await asyncio.sleep(poll)
