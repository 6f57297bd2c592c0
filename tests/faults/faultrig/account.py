"""AWS for the rows that are about it: the double in the test's process, and what it holds for an endpoint.

The load balancers' controller is a few lines here: it gives each Ingress an address.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from moto.acm.models import acm_backends
from moto.s3.models import s3_backends
from moto.sagemaker.models import sagemaker_backends

from hyperpod_inference.cloud.session import Session
from hyperpod_inference.kube.client import MERGE_PATCH, Client
from hyperpod_inference.kube.errors import ApiError
from hyperpod_inference.kube.resources import INGRESSES
from hyperpod_inference.local.alb.account import furnish
from hyperpod_inference.local.alb.names import BUCKET, CLUSTER, ENDPOINT_IMAGE, ROLE
from hyperpod_inference.local.aws import ACCOUNT, REGION
from hyperpod_inference.local.aws.double import AwsDouble
from hyperpod_inference.local.aws.sagemaker.endpoints import settle

HASTE = {
    "hyperpod_inference.cloud.session.ATTEMPTS": 1,
    "hyperpod_inference.controllers.controller.CLOUD_PAUSE": 0.1,
    "hyperpod_inference.controllers.deletion.POLL": 0.3,
    "hyperpod_inference.controllers.registrations.POLL": 0.3,
}
"""What is seconds in production, so that a row takes seconds and not minutes."""
MINUTE = 8
"""Failed tries in production's minute: botocore's five attempts take 7.5 s on average, the pause is 1 s."""

Inventory = dict[str, Any]


class Account:
    """The account of one test: empty but for the bucket and the EKS cluster."""

    def __init__(self, double: AwsDouble) -> None:
        self.double, self.faults = double, double.faults
        self.calls: list[str] = []
        self.most: dict[str, int] = {}
        self.faults.heard = self._hear
        self.empty()

    def empty(self) -> None:
        """As it was at first."""
        self.double.reset()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.double.environment().items():
                patch.setenv(name, value)
            furnish(Session(REGION))

    def environ(self) -> dict[str, str]:
        """Of an operator that has this account."""
        named = {
            "EKS_CLUSTER_NAME": CLUSTER,
            "EXECUTION_ROLE_ARN": ROLE,
            "SAGEMAKER_ENDPOINT_IMAGE": ENDPOINT_IMAGE,
        }
        return {**self.double.environment(), **named}

    def begin(self) -> None:
        """Count from here on."""
        self.calls.clear()
        self.most.clear()

    def inventory(self, name: str) -> Inventory:
        """All that there is, with an endpoint's name as NAME; without a call that a fault could strike."""
        settle(self.double.world)
        sagemaker: Any = sagemaker_backends[ACCOUNT][REGION]
        objects = s3_backends[ACCOUNT]["aws"].buckets[BUCKET].keys
        return {
            "endpoints": sorted(each.replace(name, "NAME") for each in sagemaker.endpoints),
            "configurations": len(sagemaker.endpoint_configs),
            "models": len(sagemaker._models),
            "certificates": len(acm_backends[ACCOUNT][REGION]._certificates),
            "objects": sorted(each.replace(name, "NAME") for each in objects),
        }

    def _hear(self, action: str) -> None:
        self.calls.append(action)
        sagemaker: Any = sagemaker_backends[ACCOUNT][REGION]
        now = {
            "endpoints": len(sagemaker.endpoints),
            "certificates": len(acm_backends[ACCOUNT][REGION]._certificates),
        }
        self.most = {kind: max(count, self.most.get(kind, 0)) for kind, count in now.items()}


EMPTY: Inventory = {"endpoints": [], "configurations": 0, "models": 0, "certificates": 0, "objects": []}


@contextlib.asynccontextmanager
async def load_balancers(client: Client) -> AsyncIterator[None]:
    """Gives each Ingress of the cluster an address as it comes."""
    over = asyncio.Event()
    working = asyncio.create_task(_balance(client, over))
    try:
        yield
    finally:
        over.set()  # not cancelled: a request that is broken off leaves its connection to nobody
        await working


async def _balance(client: Client, over: asyncio.Event) -> None:
    while not over.is_set():
        with contextlib.suppress(ApiError):
            for ingress in (await client.list(INGRESSES)).items:
                if not (ingress.get("status") or {}).get("loadBalancer", {}).get("ingress"):
                    name, namespace = ingress["metadata"]["name"], ingress["metadata"]["namespace"]
                    address = {"hostname": f"internal-{name}-1.{REGION}.elb.amazonaws.com"}
                    status = {"status": {"loadBalancer": {"ingress": [address]}}}
                    await client.patch(INGRESSES, name, namespace, status, MERGE_PATCH, subresource="status")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), 0.2)
