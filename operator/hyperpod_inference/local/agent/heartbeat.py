"""Registers the nodes and keeps them alive: a Lease every ten seconds, the status every few minutes.

A node whose Lease is not renewed for 40 seconds is tainted and its pods are evicted, so a failure here is
retried soon and never ends the loop.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from hyperpod_inference.kube.client import MERGE_PATCH, STRATEGIC_MERGE_PATCH, Client
from hyperpod_inference.kube.errors import AlreadyExists, ApiError, NotFound
from hyperpod_inference.kube.resources import LEASES, NODES
from hyperpod_inference.local.agent.containers import timestamp
from hyperpod_inference.local.nodes import LocalNode

logger = logging.getLogger(__name__)

LEASE_NAMESPACE = "kube-node-lease"
LEASE_SECONDS = 40
RENEW_EVERY = 10.0
STATUS_EVERY = 300.0
_RETRY = 1.0


async def register(client: Client, node: LocalNode, now: Callable[[], datetime]) -> None:
    """Create the Node, or bring the labels of an existing one up to date, and report it ready."""
    body = node.body()
    try:
        await client.create(NODES, body)
    except AlreadyExists:
        await client.patch(NODES, node.name, None, {"metadata": body["metadata"]}, MERGE_PATCH)
    await report(client, node, now)
    await renew(client, node, now)


async def report(client: Client, node: LocalNode, now: Callable[[], datetime]) -> None:
    """Write the node's status; a condition that still holds keeps its transition time."""
    known = await client.get(NODES, node.name)
    conditions = (known.get("status") or {}).get("conditions") or ()
    since = next(
        (
            each["lastTransitionTime"]
            for each in conditions
            if each["type"] == "Ready" and each["status"] == "True"
        ),
        timestamp(now()),
    )
    body = {"status": node.status(now(), since)}
    await client.patch(NODES, node.name, None, body, STRATEGIC_MERGE_PATCH, subresource="status")


async def renew(client: Client, node: LocalNode, now: Callable[[], datetime]) -> None:
    """Renew the node's Lease, creating it if need be."""
    spec = {
        "holderIdentity": node.name,
        "leaseDurationSeconds": LEASE_SECONDS,
        "renewTime": now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    try:
        await client.patch(LEASES, node.name, LEASE_NAMESPACE, {"spec": spec}, MERGE_PATCH)
    except NotFound:
        owner = await client.get(NODES, node.name)
        metadata: dict[str, Any] = {"name": node.name, "namespace": LEASE_NAMESPACE}
        metadata["ownerReferences"] = [
            {"apiVersion": "v1", "kind": "Node", "name": node.name, "uid": owner["metadata"]["uid"]}
        ]
        await client.create(LEASES, {"metadata": metadata, "spec": spec})


async def keep_alive(client: Client, nodes: Iterable[LocalNode], now: Callable[[], datetime]) -> None:
    """Renew and report until cancelled; a node that someone deleted comes back."""
    await asyncio.gather(*(_keep(client, node, now) for node in nodes))


async def _keep(client: Client, node: LocalNode, now: Callable[[], datetime]) -> None:
    loop = asyncio.get_running_loop()
    reported = loop.time()
    while True:
        pause = RENEW_EVERY
        try:
            await renew(client, node, now)
            if loop.time() - reported >= STATUS_EVERY:
                await report(client, node, now)
                reported = loop.time()
        except NotFound:
            await _again(client, node, now)
        except ApiError as error:
            logger.warning("node %s: not renewed, trying again: %s", node.name, error)
            pause = error.retry_after or _RETRY
        await asyncio.sleep(pause)


async def _again(client: Client, node: LocalNode, now: Callable[[], datetime]) -> None:
    try:
        await register(client, node, now)
    except ApiError as error:
        logger.warning("node %s: not registered: %s", node.name, error)
