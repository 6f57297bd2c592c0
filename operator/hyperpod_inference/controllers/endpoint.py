"""Endpoints: observe, render, apply, judge. One run of `EndpointReconciler` per change.

What there is to decide is decided in `render` and `status`, which are pure; this is the shell around them.
Both kinds are served by it: an InferenceEndpointConfig is an endpoint, a JumpStartModel becomes one with the
hub's document of its model (`understand`).
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import cast

from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.parse import AnyResource, InvalidResource, parse
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.cloud.errors import CloudError, is_passing, told
from hyperpod_inference.controllers import handover, removal
from hyperpod_inference.controllers.caches import Caches
from hyperpod_inference.controllers.certificates import RETRY, Certificates, Kept
from hyperpod_inference.controllers.controller import Result
from hyperpod_inference.controllers.deletion import Deletion
from hyperpod_inference.controllers.finalizers import confirm, set_finalizer
from hyperpod_inference.controllers.gateway_link import GatewayLink
from hyperpod_inference.controllers.kinds import ENDPOINTS
from hyperpod_inference.controllers.latest import Latest
from hyperpod_inference.controllers.networks import OwnNetwork
from hyperpod_inference.controllers.observing import NOTHING, certificate_made
from hyperpod_inference.controllers.records import KeptRecord, Records
from hyperpod_inference.controllers.reporting import Reporter
from hyperpod_inference.controllers.upgrade import with_running_images
from hyperpod_inference.kube.apply import Applier, ApplyFailure, identity_of
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.resources import INGRESSES, Body, Resource
from hyperpod_inference.kube.store import Key, key_of
from hyperpod_inference.render import Facts, Rendered, deployments, render
from hyperpod_inference.render.gateway import gateway_name
from hyperpod_inference.status import due, judge
from hyperpod_inference.status.load_balancer import host_of

logger = logging.getLogger(__name__)

DEPENDENCY_RETRY = 20.0
"""Seconds between two looks at an endpoint that waits for somebody else's kind to be installed."""
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
    reporter: Reporter
    absent_crds: Callable[[], frozenset[str]] = frozenset
    parsed: Latest[AnyResource] = field(default_factory=Latest)
    rendered: Latest[Rendered] = field(default_factory=Latest)

    @cached_property
    def deletion(self) -> Deletion:
        """How endpoints of this kind end."""
        return Deletion(
            client=self.client,
            resource=self.resource,
            applier=self.applier,
            reporter=self.reporter,
            certificates=self.certificates,
            records=self.records,
            role=self.settings.execution_role_arn,
        )

    async def __call__(self, key: Key) -> Result:
        """Reconcile one endpoint.

        Raises:
            ApiError: something could not be written; the status, if it could be, says what.
            CloudError: AWS did not say what there is to serve; the status says so.
        """
        body = self.caches.endpoints.get(*key)
        if body is None:
            uid = self.deletion.released.pop(key, "")
            self.parsed.forget(key)
            self.rendered.forget(key)
            self.reporter.statuses.forget(uid)
            if self.certificates is not None:
                self.certificates.forget(uid)
            if self.records is not None:
                self.records.forget(uid)
            return Result()
        if body["metadata"].get("deletionTimestamp"):
            return await self.deletion(body)
        try:
            resource = self.parsed(key, partial(parse, tolerant=True), body)
            endpoint = await self.understand(resource, self.caches.deployment_of(*key))
        except InvalidResource as invalid:
            await self.reporter.refuse(body, invalid)
            return Result(requeue_after=self.look_again)
        except CloudError as error:
            await self.reporter.tell_unresolved(body, told(error, self.settings.execution_role_arn))
            raise
        return await self._build(body, endpoint)

    async def _build(self, body: Body, endpoint: InferenceEndpointConfig) -> Result:
        kept = Kept(certificate=certificate_made(self.reporter.previous(body)))
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
        observed = self.reporter.observe(
            body, rendered, problems=problems, applied=applied, failures=failures
        )
        named = KeptRecord(record=observed.record)
        if not problems and not failures and self.records is not None:
            named = await self.records.keep(endpoint, host_of(observed.ingress), self.reporter.previous(body))
        observed = replace(
            observed,
            certificate=kept.certificate,
            record=named.record,
            gateway_name=gateway_name(endpoint),
            gateway=gateway,
        )
        status = judge(endpoint, observed, self.reporter.now())
        await self.reporter.report(body, status)
        for failure in failures:
            failure.error.progress = bool(applied)
            raise failure.error
        if kept.error is not None:
            raise kept.error
        if named.error is not None:
            raise named.error
        if unknown is not None and is_passing(unknown):
            raise unknown
        unsettled = unknown is not None or bool(facts.network and facts.network.lacking)
        again = self.reporter.now() + RETRY if unsettled else None
        moments = [
            each for each in (due(endpoint, status), kept.until, named.until, again) if each is not None
        ]
        wait = max((min(moments) - self.reporter.now()).total_seconds(), 0) + 1 if moments else RESYNC
        complete = all(each.present for each in rendered.dependencies)
        return Result(requeue_after=min(wait, RESYNC if complete else DEPENDENCY_RETRY))

    async def _certified(
        self, body: Body, endpoint: InferenceEndpointConfig, certificates: Certificates
    ) -> tuple[Body, Kept]:
        """The certificate, and the resource with the finalizer, without which nothing is made in AWS."""
        finalizers = body["metadata"].get("finalizers") or ()
        if names.FINALIZER not in finalizers and certificates.asks_aws(endpoint):
            await confirm(self.client, self.resource, body)
            body = await set_finalizer(self.client, self.resource, body, present=True)
        return body, await certificates.keep(endpoint, self.reporter.previous(body))

    async def _facts(self, body: Body, endpoint: InferenceEndpointConfig) -> tuple[Facts, CloudError | None]:
        """What there is to know beside the certificate, and why AWS did not tell all of it."""
        children = [*self.caches.children_of(*key_of(body))]
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
        return await GatewayLink(self.client).keep(endpoint, self.reporter.previous(body))

    async def _apply(self, body: Body, rendered: Rendered) -> tuple[list[Body], list[ApplyFailure]]:
        """Apply everything, then remove what is no longer asked for; a failure before that spares the old."""
        live = list(self.caches.children_of(*key_of(body)))
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
            leftover = removal.unwanted(live, manifests, body, self.caches.all_pods_of(*key_of(body)))
        pending = self.applier.pending(manifests, by_identity)
        held = names.FINALIZER in (body["metadata"].get("finalizers") or ())
        if held and not pending and not leftover:
            return [], []
        await confirm(self.client, self.resource, body)
        await set_finalizer(self.client, self.resource, body, present=True)
        applied, failures = await self.applier.apply_all(pending, by_identity)
        return applied, failures or await self.applier.remove(leftover)
