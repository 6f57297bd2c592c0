"""The end of an endpoint: what belongs to it goes in order, in the cluster and in AWS, then it is let go."""

import contextlib
import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.api.parse import InvalidResource, parse
from hyperpod_inference.cloud.errors import CloudError, NoCredentials, told
from hyperpod_inference.controllers import removal
from hyperpod_inference.controllers.caches import owner_selector
from hyperpod_inference.controllers.certificates import Certificates
from hyperpod_inference.controllers.controller import Result
from hyperpod_inference.controllers.finalizers import confirm, set_finalizer
from hyperpod_inference.controllers.gateway_link import GatewayLink
from hyperpod_inference.controllers.observing import certificate_made
from hyperpod_inference.controllers.records import Records
from hyperpod_inference.controllers.reporting import Reporter
from hyperpod_inference.kube.apply import Applier, ApplyFailure
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.errors import Invalid, NotFound
from hyperpod_inference.kube.resources import Body, Resource
from hyperpod_inference.kube.store import Key, key_of
from hyperpod_inference.status.dns import record_of

logger = logging.getLogger(__name__)

POLL = 5.0
"""Seconds between two looks at a deletion that waits; most often an event comes first."""


@dataclass(frozen=True, kw_only=True)
class Deletion:
    """Removes the endpoints of one kind.

    role: ARN of the role under which AWS is asked, for what is said of a refusal.
    released: uids of endpoints whose finalizer was taken off; the cache may show them a little longer.
    """

    client: Client
    resource: Resource
    applier: Applier
    reporter: Reporter
    certificates: Certificates | None
    records: Records | None
    role: str
    released: dict[Key, str] = field(default_factory=dict)

    async def __call__(self, body: Body) -> Result:
        """Go on with one deletion.

        Raises:
            ApiError: something could not be removed; the status, if it could be written, says what.
            CloudError: AWS did not do it; the status says why.
        """
        holding = body["metadata"].get("finalizers") or []
        mine = names.FINALIZER in holding and self.released.get(key_of(body)) != body["metadata"]["uid"]
        if not mine and names.FINALIZER in holding:
            return Result()
        done, failures = await self._remove_children(body) if mine else (True, [])
        if mine:
            await self._leave_gateway(body)
        if failures or not done or holding != [names.FINALIZER]:
            await self.reporter.tell_deletion(body, failures)
        for failure in failures:
            raise failure.error
        if not done:
            return Result(requeue_after=POLL)
        if mine:
            await self._remove_from_aws(body)
        try:
            await set_finalizer(self.client, self.resource, body, present=False)
        except Invalid as refusal:
            await self.reporter.statuses.tell(
                body, "All that belonged to it is gone, but it cannot be let go", refusal
            )
            raise
        except NotFound:
            pass  # gone already, as wanted
        self.released[key_of(body)] = body["metadata"]["uid"]
        return Result()

    async def _remove_children(self, body: Body) -> tuple[bool, list[ApplyFailure]]:
        """Remove phase by phase; says whether all that there is to wait for is gone."""
        await confirm(self.client, self.resource, body)
        namespace = body["metadata"]["namespace"]
        routing, workload, rest = removal.phases(await self._live_children(body), namespace)
        deleted_at = datetime.fromisoformat(body["metadata"]["deletionTimestamp"])
        for phase in (routing, workload):
            failures = await self.applier.remove(phase)
            if failures or removal.holds_up(phase, deleted_at, self.reporter.now()):
                return False, failures
        return True, await self.applier.remove(rest)

    async def _live_children(self, body: Body) -> list[Body]:
        """From the API server: an object made a moment ago may not be cached yet."""
        found: list[Body] = []
        selector = owner_selector(*key_of(body), self.resource.kind)
        for resource in self.reporter.caches.children:
            with contextlib.suppress(NotFound):  # a kind that nobody installed
                found += (await self.client.list(resource, label_selector=selector)).items
        return [obj for obj in found if removal.is_ours(obj, body)]

    async def _leave_gateway(self, body: Body) -> None:
        namespace, name = key_of(body)
        gateway = (self.reporter.previous(body).get("inferenceGateway") or {}).get("name")
        if gateway:
            await GatewayLink(self.client).leave(namespace, gateway, name)

    async def _remove_from_aws(self, body: Body) -> None:
        """Remove what was made in AWS; the load balancer, which used it, is gone.

        An AWS that cannot be reached holds up a deletion for as long as something is known to be there.

        Raises:
            CloudError: AWS did not do it; the status says why.
        """
        resource: Any = None
        with contextlib.suppress(InvalidResource):
            resource = parse(body, tolerant=True)
        previous = self.reporter.previous(body)
        try:
            if self.records is not None:
                await self.records.remove(resource, key_of(body), previous)
            if self.certificates is not None:
                await self.certificates.remove(resource, previous)
        except CloudError as error:
            waited = self.reporter.now() - datetime.fromisoformat(body["metadata"]["deletionTimestamp"])
            nothing_known = certificate_made(previous) is None and not record_of(previous).ours
            if nothing_known and (isinstance(error, NoCredentials) or waited > removal.PATIENCE):
                logger.info("%s %s/%s: nothing to remove from AWS: %s", body["kind"], *key_of(body), error)
                return
            await self.reporter.tell_deletion(body, [], told(error, self.role))
            raise
