"""Endpoints: observe, render, apply, judge. One run of `EndpointReconciler` per change.

What there is to decide is decided in `render` and `status`, which are pure; this is the shell around them.
Both kinds are served by it: an InferenceEndpointConfig is an endpoint, a JumpStartModel becomes one with the
hub's document of its model (`understand`).
"""

import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, cast

from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.meta import ObjectMeta
from hyperpod_inference.api.parse import AnyResource, InvalidResource, parse
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.cloud.errors import CloudError, NoCredentials, is_passing, told
from hyperpod_inference.controllers import handover, removal
from hyperpod_inference.controllers.caches import Caches, owner_selector
from hyperpod_inference.controllers.certificates import RETRY, Certificates, Kept
from hyperpod_inference.controllers.controller import Result
from hyperpod_inference.controllers.gateway_link import GatewayLink
from hyperpod_inference.controllers.kinds import ENDPOINTS
from hyperpod_inference.controllers.latest import Latest
from hyperpod_inference.controllers.networks import OwnNetwork
from hyperpod_inference.controllers.observing import NOTHING, certificate_made, observe
from hyperpod_inference.controllers.records import KeptRecord, Records
from hyperpod_inference.controllers.statuses import Status, StatusWriter
from hyperpod_inference.controllers.upgrade import with_running_images
from hyperpod_inference.kube.apply import Applier, ApplyFailure, identity_of
from hyperpod_inference.kube.client import MERGE_PATCH, Client
from hyperpod_inference.kube.errors import Conflict, Invalid, NotFound
from hyperpod_inference.kube.events import EventRecorder
from hyperpod_inference.kube.resources import INGRESSES, Body, Resource
from hyperpod_inference.kube.store import Key
from hyperpod_inference.render import Facts, Rendered, deployments, render
from hyperpod_inference.render.gateway import gateway_name
from hyperpod_inference.status import ApplyError, Observed, deleting, due, events, judge, refused, unresolved
from hyperpod_inference.status.dns import record_of
from hyperpod_inference.status.load_balancer import host_of

logger = logging.getLogger(__name__)

DEPENDENCY_RETRY = 20.0
"""Seconds between two looks at an endpoint that waits for somebody else's kind to be installed."""
DELETION_POLL = 5.0
"""Seconds between two looks at a deletion that waits; most often an event comes first."""
RESYNC = 36_000.0
"""Seconds between two looks at an endpoint without any change; controller-runtime's ten hours."""

Understand = Callable[[AnyResource, Body | None], Awaitable[InferenceEndpointConfig]]
"""From a parsed resource, and the Deployment that serves it so far, to the endpoint that it is."""


async def as_it_is(resource: AnyResource, running: Body | None) -> InferenceEndpointConfig:
    """An InferenceEndpointConfig says all by itself."""
    return cast(InferenceEndpointConfig, resource)


@dataclass(frozen=True, kw_only=True)
class EndpointReconciler:
    """Makes the cluster hold what one endpoint asks for, and says on the endpoint how that went.

    resource: the kind that is reconciled; `caches` are those of this kind.
    understand: makes the endpoint; raises InvalidResource, or CloudError when AWS did not say.
    certificates, records: make those of load balancers in ACM and in DNS; None: none are made.
    network: of the cluster, for endpoints that are registered with SageMaker; None: it is not known.
    look_again: seconds after which a refused spec is looked at anew, None where only its change can help.
    absent_crds: names of the definitions that others have not installed, asked for at each run.
    blind: errors about kinds that the operator may not even see, asked for at each run.
    released: uids of endpoints whose finalizer was taken off; the cache may show them a little longer.
    """

    client: Client
    caches: Caches
    settings: OperatorSettings
    resource: Resource = ENDPOINTS
    understand: Understand = as_it_is
    certificates: Certificates | None = None
    records: Records | None = None
    network: OwnNetwork | None = None
    look_again: float | None = None
    applier: Applier
    statuses: StatusWriter
    recorder: EventRecorder
    now: Callable[[], datetime]
    blind: Callable[[], Iterable[ApplyError]] = tuple
    absent_crds: Callable[[], frozenset[str]] = frozenset
    released: dict[Key, str] = field(default_factory=dict)
    parsed: Latest[AnyResource] = field(default_factory=Latest)
    rendered: Latest[Rendered] = field(default_factory=Latest)

    async def __call__(self, key: Key) -> Result:
        """Reconcile one endpoint.

        Raises:
            ApiError: something could not be written; the status, if it could be, says what.
            CloudError: AWS did not say what there is to serve; the status says so.
        """
        body = self.caches.endpoints.get(*key)
        if body is None:
            uid = self.released.pop(key, "")
            self.parsed.forget(key)
            self.rendered.forget(key)
            self.statuses.forget(uid)
            if self.certificates is not None:
                self.certificates.forget(uid)
            if self.records is not None:
                self.records.forget(uid)
            return Result()
        if body["metadata"].get("deletionTimestamp"):
            return await self._finalize(body)
        try:
            resource = self.parsed(key, partial(parse, tolerant=True), body)
            endpoint = await self.understand(resource, self.caches.deployment_of(*key))
        except InvalidResource as invalid:
            return await self._refuse(body, invalid)
        except CloudError as error:
            await self._tell_unresolved(body, error)
            raise
        return await self._build(body, endpoint)

    async def _build(self, body: Body, endpoint: InferenceEndpointConfig) -> Result:
        kept = Kept(certificate=certificate_made(self.statuses.previous(body)))
        facts, unknown = await self._facts(body, endpoint)
        rendered, problems = self._render(endpoint, facts, kept)
        if not problems and self.certificates is not None:
            body, kept = await self._certified(body, endpoint, self.certificates)
            rendered, problems = self._render(endpoint, facts, kept)
        applied: list[Body] = []
        failures: list[ApplyFailure] = []
        gateway: Body | None = None
        if not problems:
            applied, failures = await self._apply(body, rendered)
            gateway, refused_link = await self._link(endpoint, body)
            failures = [*failures, *refused_link]
        observed = self._observe(body, rendered, problems=problems, applied=applied, failures=failures)
        named = KeptRecord(record=observed.record)
        if not problems and not failures and self.records is not None:
            named = await self.records.keep(endpoint, host_of(observed.ingress), self.statuses.previous(body))
        observed = replace(
            observed,
            certificate=kept.certificate,
            record=named.record,
            gateway_name=gateway_name(endpoint),
            gateway=gateway,
        )
        status = judge(endpoint, observed, self.now())
        await self._report(body, status)
        for failure in failures:
            failure.error.progress = bool(applied)
            raise failure.error
        if kept.error is not None:
            raise kept.error
        if named.error is not None:
            raise named.error
        if unknown is not None and is_passing(unknown):
            raise unknown
        again = self.now() + RETRY if unknown is not None else None
        moments = [
            each for each in (due(endpoint, status), kept.until, named.until, again) if each is not None
        ]
        wait = max((min(moments) - self.now()).total_seconds(), 0) + 1 if moments else RESYNC
        complete = all(each.present for each in rendered.dependencies)
        return Result(requeue_after=min(wait, RESYNC if complete else DEPENDENCY_RETRY))

    async def _certified(
        self, body: Body, endpoint: InferenceEndpointConfig, certificates: Certificates
    ) -> tuple[Body, Kept]:
        """The certificate, and the resource with the finalizer, without which nothing is made in AWS."""
        finalizers = body["metadata"].get("finalizers") or ()
        if names.FINALIZER not in finalizers and certificates.asks_aws(endpoint):
            await self._confirm(body)
            body = await self._set_finalizer(body, present=True)
        return body, await certificates.keep(endpoint, self.statuses.previous(body))

    async def _facts(self, body: Body, endpoint: InferenceEndpointConfig) -> tuple[Facts, CloudError | None]:
        """What there is to know beside the certificate, and why AWS did not tell all of it."""
        children = [*self.caches.children_of(*_key(body))]
        mine = {obj["kind"]: obj for obj in children if removal.is_ours(obj, body)}
        facts = Facts(
            scaled_deployments=self.caches.scaled(deployments(endpoint, self.settings)),
            absent_crds=self.absent_crds(),
            load_balancer=host_of(mine.get(INGRESSES.kind)),
            registered=mine.get(names.KIND_REGISTRATION, {}).get("spec") or {},
        )
        if not endpoint.spec.endpoint_name or self.network is None:
            return facts, None
        try:
            return replace(facts, network=await self.network.current()), None
        except CloudError as error:
            why = told(error, self.settings.execution_role_arn)
            return replace(facts, network_problem=why), error

    def _render(
        self, endpoint: InferenceEndpointConfig, facts: Facts, kept: Kept
    ) -> tuple[Rendered, tuple[str, ...]]:
        if kept.certificate is not None:
            certificate = kept.certificate
            facts = replace(
                facts,
                certificate_arn=certificate.arn,
                certificate_bucket=certificate.bucket,
                certificate_keys=certificate.keys,
            )
        try:
            key = endpoint.metadata.namespace, endpoint.metadata.name
            return self.rendered(key, render, endpoint, self.settings, facts), ()
        except InvalidResource as invalid:
            return NOTHING, tuple(str(problem) for problem in invalid.problems)

    async def _link(
        self, endpoint: InferenceEndpointConfig, body: Body
    ) -> tuple[Body | None, list[ApplyFailure]]:
        """Keep the entry in the gateway; the finalizer is there, since nobody else takes it out again."""
        return await GatewayLink(self.client).keep(endpoint, self.statuses.previous(body))

    async def _apply(self, body: Body, rendered: Rendered) -> tuple[list[Body], list[ApplyFailure]]:
        """Apply everything, then remove what is no longer asked for; a failure before that spares the old."""
        live = list(self.caches.children_of(*_key(body)))
        by_identity = {identity_of(obj): obj for obj in live}
        manifests = [
            with_running_images(each, by_identity.get(identity_of(each))) for each in rendered.in_apply_order
        ]
        if handover.goes_on(by_identity, manifests, body):
            manifests = [
                handover.with_live_selector(each, by_identity.get(identity_of(each))) for each in manifests
            ]
            leftover = []
        else:
            leftover = removal.unwanted(live, manifests, body, self.caches.all_pods_of(*_key(body)))
        pending = self.applier.pending(manifests, by_identity)
        held = names.FINALIZER in (body["metadata"].get("finalizers") or ())
        if held and not pending and not leftover:
            return [], []
        await self._confirm(body)
        await self._set_finalizer(body, present=True)
        applied, failures = await self.applier.apply_all(pending, by_identity)
        return applied, failures or await self.applier.remove(leftover)

    async def _confirm(self, body: Body) -> None:
        """Ask the API server, before writing, whether the cached endpoint is the newest.

        A cache may be minutes behind: what an old spec asks for must neither be applied nor removed. The
        read of a single object is never stale.
        """
        live = await self.client.get(self.resource, body["metadata"]["name"], body["metadata"]["namespace"])
        if removal.changed(body, live):
            raise Conflict(409, "Behind", "the cache is behind; it is tried again when it is not")

    def _observe(self, body: Body, rendered: Rendered = NOTHING, **seen: Any) -> Observed:
        previous = self.statuses.previous(body)
        return observe(self.caches, _key(body), previous, rendered, blind=self.blind(), **seen)

    async def _refuse(self, body: Body, invalid: InvalidResource) -> Result:
        """A resource that does not parse: say which field, and leave alone what runs."""
        problems = tuple(str(problem) for problem in invalid.problems)
        observed = self._observe(body, problems=problems)
        await self._report(body, refused(_metadata(body), observed, self.now()))
        return Result(requeue_after=self.look_again)

    async def _tell_unresolved(self, body: Body, error: CloudError) -> None:
        """AWS did not say what there is to serve: say why, and leave alone what runs."""
        observed = self._observe(body)
        why = told(error, self.settings.execution_role_arn)
        await self._report(body, unresolved(_metadata(body), observed, why, self.now()))

    async def _report(self, body: Body, status: Status) -> None:
        previous = self.statuses.previous(body)
        if await self.statuses.write(body, status):
            for event in events(previous, status):
                await self.recorder.record(body, event.type, event.reason, event.message)

    async def _finalize(self, body: Body) -> Result:
        """Remove what belongs to the endpoint, in order, then let it go."""
        finalizers = body["metadata"].get("finalizers") or []
        mine = names.FINALIZER in finalizers and self.released.get(_key(body)) != body["metadata"]["uid"]
        if not mine and names.FINALIZER in finalizers:
            return Result()
        done, failures = await self._remove_children(body) if mine else (True, [])
        if mine:
            await self._leave_gateway(body)
        if failures or not done or finalizers != [names.FINALIZER]:
            await self._report_deletion(body, failures)
        for failure in failures:
            raise failure.error
        if not done:
            return Result(requeue_after=DELETION_POLL)
        if mine:
            await self._remove_from_aws(body)
        try:
            await self._set_finalizer(body, present=False)
        except Invalid as refusal:
            await self.statuses.tell(
                body, "All that belonged to it is gone, but it cannot be let go", refusal
            )
            raise
        except NotFound:
            pass  # gone already, as wanted
        self.released[_key(body)] = body["metadata"]["uid"]
        return Result()

    async def _remove_children(self, body: Body) -> tuple[bool, list[ApplyFailure]]:
        """Remove phase by phase; says whether all that there is to wait for is gone."""
        await self._confirm(body)
        namespace = body["metadata"]["namespace"]
        routing, workload, rest = removal.phases(await self._live_children(body), namespace)
        deleted_at = datetime.fromisoformat(body["metadata"]["deletionTimestamp"])
        for phase in (routing, workload):
            failures = await self.applier.remove(phase)
            if failures or removal.holds_up(phase, deleted_at, self.now()):
                return False, failures
        return True, await self.applier.remove(rest)

    async def _live_children(self, body: Body) -> list[Body]:
        """From the API server: an object made a moment ago may not be cached yet."""
        found: list[Body] = []
        selector = owner_selector(*_key(body), self.resource.kind)
        for resource in self.caches.children:
            with contextlib.suppress(NotFound):  # a kind that nobody installed
                found += (await self.client.list(resource, label_selector=selector)).items
        return [obj for obj in found if removal.is_ours(obj, body)]

    async def _leave_gateway(self, body: Body) -> None:
        namespace, name = _key(body)
        gateway = (self.statuses.previous(body).get("inferenceGateway") or {}).get("name")
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
        previous = self.statuses.previous(body)
        try:
            if self.records is not None:
                await self.records.remove(resource, _key(body), previous)
            if self.certificates is not None:
                await self.certificates.remove(resource, previous)
        except CloudError as error:
            waited = self.now() - datetime.fromisoformat(body["metadata"]["deletionTimestamp"])
            nothing_known = certificate_made(previous) is None and not record_of(previous).ours
            if nothing_known and (isinstance(error, NoCredentials) or waited > removal.PATIENCE):
                logger.info("%s %s/%s: nothing to remove from AWS: %s", body["kind"], *_key(body), error)
                return
            await self._report_deletion(body, [], told(error, self.settings.execution_role_arn))
            raise

    async def _report_deletion(self, body: Body, failures: list[ApplyFailure], why: str = "") -> None:
        observed = self._observe(body, failures=failures)
        await self._report(body, deleting(_metadata(body), observed, self.now(), why))

    async def _set_finalizer(self, body: Body, *, present: bool) -> Body:
        """Returns the resource as it is then."""
        metadata = body["metadata"]
        others = [each for each in metadata.get("finalizers") or [] if each != names.FINALIZER]
        wanted = [*others, names.FINALIZER] if present else others
        if sorted(wanted) == sorted(metadata.get("finalizers") or []):
            return body
        version = metadata["resourceVersion"]  # the list is written as a whole: only over what was seen
        patch = {"metadata": {"finalizers": wanted, "uid": metadata["uid"], "resourceVersion": version}}
        return await self.client.patch(
            self.resource, metadata["name"], metadata["namespace"], patch, MERGE_PATCH
        )


def _key(body: Body) -> Key:
    return body["metadata"]["namespace"], body["metadata"]["name"]


def _metadata(body: Body) -> ObjectMeta:
    return ObjectMeta.model_validate(body["metadata"], extra="ignore")
