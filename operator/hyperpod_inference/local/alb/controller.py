"""Follows the Ingresses of class `alb`, and makes, changes and removes their load balancers.

As the real controller does, it tells of each on the Ingress: its name in the status, and Events for what went
wrong. It takes no finalizer: a load balancer here ends with its Ingress or with this process.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Any, Literal

from hyperpod_inference.kube.client import MERGE_PATCH, Client
from hyperpod_inference.kube.errors import ApiError, NotFound
from hyperpod_inference.kube.events import EventRecorder
from hyperpod_inference.kube.reflector import Reflector
from hyperpod_inference.kube.resources import ENDPOINT_SLICES, INGRESSES, SERVICES
from hyperpod_inference.kube.store import Store
from hyperpod_inference.local.agent.endpoints import Address, service_of
from hyperpod_inference.local.alb.annotations import BuildError
from hyperpod_inference.local.alb.elb import DeployError
from hyperpod_inference.local.alb.fleet import Fleet
from hyperpod_inference.local.alb.wanted import Backend, Wanted, is_ours, targets, wanted_of

logger = logging.getLogger(__name__)

Body = Mapping[str, Any]
RETRY = 5.0
"""Seconds until what failed is tried again: a certificate, a bucket or a Service may be there then."""
BUILD_FAILED, DEPLOY_FAILED = "FailedBuildModel", "FailedDeployModel"
RECONCILED, REMARK = "SuccessfullyReconciled", "IgnoredAnnotation"


class Controller:
    """Keeps the fleet as the Ingresses want it."""

    def __init__(self, client: Client, fleet: Fleet) -> None:
        self._client, self._fleet = client, fleet
        self._recorder = EventRecorder(client, "ingress")
        self._ingresses, self._services = Store(), Store()
        self._slices = Store({"service": service_of})
        self._changed = asyncio.Event()
        self._told: dict[tuple[str, str], str] = {}
        self._reflectors = [
            Reflector(client, resource, store=store, on_change=self._on_change)
            for resource, store in (
                (INGRESSES, self._ingresses),
                (SERVICES, self._services),
                (ENDPOINT_SLICES, self._slices),
            )
        ]

    async def run(self) -> None:
        """Follow until cancelled."""
        watching = [asyncio.create_task(each.run()) for each in self._reflectors]
        try:
            await asyncio.gather(*(each.synced() for each in self._reflectors))
            while True:
                self._changed.clear()
                failed = await self._reconcile()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(RETRY if failed else None):
                        await self._changed.wait()
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)

    def _on_change(self, event: str, old: Body | None, new: Body | None) -> None:
        self._changed.set()

    async def _reconcile(self) -> bool:
        """Look at every Ingress once; True when something is to be tried again."""
        ours = {each["metadata"]["uid"]: each for each in self._ingresses.list() if is_ours(each)}
        for uid in self._fleet.uids() - ours.keys():
            await self._fleet.remove(uid)
        self._told = {about: said for about, said in self._told.items() if about[0] in ours}
        failed = False
        for ingress in ours.values():
            failed |= not await self._keep(ingress)
        return failed

    async def _keep(self, ingress: Body) -> bool:
        try:
            wanted = wanted_of(ingress)
            found = {each: self._targets(wanted, each) for each in wanted.backends}
            changed = await self._fleet.have(wanted, found)
            for remark in wanted.settings.remarks:
                await self._tell(ingress, "Warning", REMARK, remark)
            await self._publish(ingress, self._fleet.dns_name(wanted.uid))
        except BuildError as error:
            await self._tell(ingress, "Warning", BUILD_FAILED, f"Failed build model due to {error}")
            return False
        except DeployError as error:
            await self._tell(ingress, "Warning", DEPLOY_FAILED, f"Failed deploy model due to {error}")
            return False
        except ApiError as error:
            logger.warning("%s/%s: %s", wanted.namespace, wanted.ingress, error)
            return isinstance(error, NotFound)  # it is gone, which its watch tells too
        if changed:
            await self._tell(ingress, "Normal", RECONCILED, "Successfully reconciled")
            self._told = {about: said for about, said in self._told.items() if about[0] != wanted.uid}
        return True

    def _targets(self, wanted: Wanted, backend: Backend) -> tuple[Address, ...]:
        namespace, name = wanted.namespace, backend.service
        slices = self._slices.by_index("service", f"{namespace}/{name}")
        return targets(namespace, backend, self._services.get(namespace, name), slices)

    async def _publish(self, ingress: Body, name: str) -> None:
        """Name the load balancer in the Ingress's status."""
        wanted = {"ingress": [{"hostname": name}]}
        if (ingress.get("status") or {}).get("loadBalancer") == wanted:
            return
        metadata, status = ingress["metadata"], {"status": {"loadBalancer": wanted}}
        place = (metadata["name"], metadata["namespace"])
        await self._client.patch(INGRESSES, *place, status, MERGE_PATCH, subresource="status")

    async def _tell(
        self, ingress: Body, kind: Literal["Normal", "Warning"], reason: str, message: str
    ) -> None:
        """An Event, once for as long as the news is the same."""
        about = (ingress["metadata"]["uid"], message if reason == REMARK else reason)
        if self._told.get(about) == message:
            return
        self._told[about] = message
        logger.info("%s/%s: %s", ingress["metadata"]["namespace"], ingress["metadata"]["name"], message)
        await self._recorder.record(ingress, kind, reason, message)
