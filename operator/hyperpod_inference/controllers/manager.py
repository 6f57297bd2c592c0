"""The operator's composition root: builds every part, starts them in order, and stops them in order.

Caches fill and health answers before this process leads; workers start when it does. SIGTERM lets running
reconciles end, then gives the lease away, so that a successor starts at once.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.controllers import caches as seen
from hyperpod_inference.controllers.authority import AuthorityKeeper
from hyperpod_inference.controllers.aws import aws_of
from hyperpod_inference.controllers.caches import CHILD_KINDS, CHILD_SELECTOR, OPTIONAL_KINDS, Caches
from hyperpod_inference.controllers.certificates import Certificates
from hyperpod_inference.controllers.controller import Controller, Mapper, each_of, itself
from hyperpod_inference.controllers.endpoint import EndpointReconciler, as_it_is
from hyperpod_inference.controllers.jumpstart import LOOK_AGAIN, FromHub
from hyperpod_inference.controllers.kinds import ENDPOINTS, JUMPSTART_MODELS, UNBUILT
from hyperpod_inference.controllers.node_labels import NodeLabeller, nodes_of
from hyperpod_inference.controllers.records import Records
from hyperpod_inference.controllers.serving import exposition, health, serving
from hyperpod_inference.controllers.statuses import StatusWriter
from hyperpod_inference.controllers.unbuilt import UnbuiltReconciler
from hyperpod_inference.kube import resources
from hyperpod_inference.kube.apply import Applier
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.config import ClusterConfig
from hyperpod_inference.kube.errors import Forbidden, NotFound
from hyperpod_inference.kube.events import EventRecorder
from hyperpod_inference.kube.lease import DEFAULT_TIMES, Elector, LeaseTimes
from hyperpod_inference.kube.metrics import Metrics
from hyperpod_inference.kube.reflector import OnChange, Reflector
from hyperpod_inference.kube.resources import Resource
from hyperpod_inference.kube.store import Store
from hyperpod_inference.status.observed import ApplyError
from hyperpod_inference.webhook.keeper import Keeper
from hyperpod_inference.webhook.server import application as webhook

logger = logging.getLogger(__name__)

USER_AGENT = f"hyperpod-inference/{names.VERSION}"
DRAIN_SECONDS = 5.0
"""How long running reconciles may take to end after SIGTERM; with the rest of the way down, under 10 s."""
SYNC_PATIENCE = 30.0
"""Seconds to wait for a cache that will not fill before going on without it."""
POD_WARNINGS: Mapping[str, Any] = {
    "field_selector": "involvedObject.kind=Pod,type=Warning",
    "strip": seen.slim_event,
}
OURS: Mapping[str, Any] = {"label_selector": CHILD_SELECTOR}
"""Only what the operator made."""


class Operator:
    """All parts of one operator process, wired to each other; nothing runs yet."""

    def __init__(self, client: Client, settings: OperatorSettings, metrics: Metrics) -> None:
        self._client, self._settings, self._metrics = client, settings, metrics
        self._caches = caches = Caches()
        self._recorder = EventRecorder(client, names.OPERATOR_NAME)
        self._statuses = StatusWriter(client, self._recorder)
        self._applier = Applier(client, names.FIELD_MANAGER, names.ANNOTATION_SPEC_HASH)
        authority, aws = AuthorityKeeper(client, settings.namespace, _now), aws_of(settings.region)
        self._certificates = Certificates(settings=settings, authority=authority, now=_now, aws=aws)
        self._records = Records(settings=settings, now=_now, aws=aws)
        self._models = caches.of(names.KIND_JUMPSTART)
        self.endpoints = self._deploying(ENDPOINTS, caches)
        self.jumpstart_models = self._deploying(JUMPSTART_MODELS, self._models)
        self.nodes = Controller("node", NodeLabeller(client=client, caches=caches), metrics, workers=1)
        self.controllers = [self.endpoints, self.jumpstart_models, self.nodes]
        self.essential = [
            Reflector(client, ENDPOINTS, store=caches.endpoints, on_change=self.endpoints.on_change()),
            *(self._follow(kind, caches.children[kind], _owner, **OURS) for kind in CHILD_KINDS),
            self._follow(resources.PODS, caches.pods, _owner, nodes_of, **OURS, strip=seen.slim_pod),
        ]
        self.optional = [self._follow(kind, caches.children[kind], _owner, **OURS) for kind in OPTIONAL_KINDS]
        self.scalers = self._follow(
            resources.HORIZONTAL_POD_AUTOSCALERS,
            caches.scalers,
            lambda seen_by: seen_by.endpoints_of_scaler,
            strip=seen.slim_scaler,
        )
        # Caches that make verdicts better; without them the operator still works.
        self.helpful = [
            *self.optional,
            self.scalers,
            Reflector(
                client,
                JUMPSTART_MODELS,
                store=self._models.endpoints,
                on_change=self.jumpstart_models.on_change(),
            ),
            # One more or less changes what every endpoint says of its load balancer.
            self._follow(
                resources.INGRESS_CLASSES, caches.ingress_classes, lambda seen_by: seen_by.every_endpoint
            ),
            self._follow(
                resources.NODES, caches.nodes, _nobody, itself, strip=seen.slim_node, metadata_only=True
            ),
            self._follow(
                resources.EVENTS, caches.events, lambda seen_by: seen_by.endpoints_of_event, **POD_WARNINGS
            ),
            *(self._unbuilt(resource) for resource in UNBUILT),
        ]

    def _follow(
        self,
        resource: Resource,
        store: Store,
        mapper_of: Callable[[Caches], Mapper],
        nodes: Mapper = seen.nobody,
        **options: Any,
    ) -> Reflector:
        """Keep a store, and queue the endpoints of each kind, and the nodes, that a change concerns."""
        on_change = each_of(*self._telling(mapper_of), self.nodes.on_change(nodes))
        return Reflector(self._client, resource, store=store, on_change=on_change, **options)

    def _telling(self, mapper_of: Callable[[Caches], Mapper]) -> Iterable[OnChange]:
        """Callbacks that queue the endpoints of each kind."""
        yield self.endpoints.on_change(mapper_of(self._caches))
        yield self.jumpstart_models.on_change(mapper_of(self._models))

    def unsynced(self) -> list[str]:
        """The essential caches that have not been filled yet."""
        return [each.resource.plural for each in self.essential if not each.is_synced()]

    async def lead(self, stop: asyncio.Event) -> None:
        """Work as the leader until `stop`, then let running reconciles end."""
        stopping: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
        await self._wait_for_caches(stopping)
        self._metrics.leader.labels(names.OPERATOR_LEASE).set(1)
        working: asyncio.Future[Any] = asyncio.gather(*(each.run() for each in self.controllers))
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for controller in self.controllers:
                controller.queue.shutdown()
            await asyncio.wait_for(working, DRAIN_SECONDS)
        except TimeoutError:
            logger.warning("reconciles did not end within %.0f s; they were interrupted", DRAIN_SECONDS)
        finally:
            self._metrics.leader.labels(names.OPERATOR_LEASE).set(0)
            stopping.cancel()
            working.cancel()

    async def _wait_for_caches(self, stopping: "asyncio.Future[Any]") -> None:
        """Wait for the essential caches, but not for ever: one forbidden kind must not stop the rest."""
        # Whoever does not know of a scaler would set the replicas back to the spec's number.
        tried = (each.tried() for each in (*self.optional, self.scalers))
        filled = asyncio.gather(*(each.synced() for each in self.essential), *tried)
        ended = {filled, stopping}
        done, _ = await asyncio.wait(ended, timeout=SYNC_PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        filled.cancel()
        if not done:
            logger.warning("working without a complete view of: %s", ", ".join(self.unsynced()))

    def _deploying(self, resource: Resource, caches: Caches) -> Controller:
        from_hub = resource is JUMPSTART_MODELS
        reconciler = EndpointReconciler(
            client=self._client,
            caches=caches,
            settings=self._settings,
            resource=resource,
            understand=FromHub(settings=self._settings) if from_hub else as_it_is,
            certificates=self._certificates,
            records=self._records,
            look_again=LOOK_AGAIN if from_hub else None,
            applier=self._applier,
            statuses=self._statuses,
            recorder=self._recorder,
            now=_now,
            blind=self._blind,
            absent_crds=self._absent_crds,
        )
        return Controller(resource.kind.lower(), reconciler, self._metrics)

    def _blind(self) -> Iterable[ApplyError]:
        """The kinds that RBAC hides from us: said on every endpoint, since its status may be wrong."""
        for each in self.essential:
            if isinstance(each.error, Forbidden):
                message, status, reason = each.error.message, each.error.status, each.error.reason
                kind = each.resource.kind
                yield ApplyError(kind=kind, name="", message=message, status=status, reason=reason)

    def _absent_crds(self) -> frozenset[str]:
        """The definitions of other people's kinds that the API server does not know."""
        absent = (each.resource for each in self.optional if isinstance(each.error, NotFound))
        return frozenset(OPTIONAL_KINDS[resource] for resource in absent)

    def _unbuilt(self, resource: Resource) -> Reflector:
        is_gateway = resource.kind == names.KIND_GATEWAY
        store = self._caches.gateways if is_gateway else Store()
        reconcile = UnbuiltReconciler(resource.kind, store, self._statuses, self._recorder, _now)
        controller = Controller(resource.kind.lower(), reconcile, self._metrics, workers=1)
        self.controllers.append(controller)
        linked = self._telling(lambda seen_by: seen_by.endpoints_of_gateway if is_gateway else seen.nobody)
        on_change = each_of(controller.on_change(), *linked)
        return Reflector(self._client, resource, store=store, on_change=on_change)


def _owner(caches: Caches) -> Mapper:
    return caches.owner_keys


def _nobody(caches: Caches) -> Mapper:
    return seen.nobody


async def run(
    settings: OperatorSettings,
    config: ClusterConfig,
    *,
    stop: asyncio.Event,
    leader_elect: bool = True,
    bind_address: str = "127.0.0.1",
    times: LeaseTimes = DEFAULT_TIMES,
) -> None:
    """Run the operator until `stop` is set.

    Raises:
        LeadershipLost: the lease was lost; the process must end, so that it starts afresh as a follower.
        CannotListen: a port is taken.
    """
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        # The lease and the webhook have a client which may write while this process does not lead.
        common_client = await stack.enter_async_context(Client(config, USER_AGENT, on_answer=metrics.counted))
        elector = Elector(
            common_client, settings.namespace, names.OPERATOR_LEASE, _identity(settings), times=times
        )
        fence = {"may_write": elector.still_leader} if leader_elect else {}
        client = Client(config, USER_AGENT, on_answer=metrics.counted, **fence)
        operator = Operator(await stack.enter_async_context(client), settings, metrics)
        keeper = Keeper(common_client, settings.namespace, _now) if settings.enable_webhooks else None
        for application, port in (
            (health(lambda: _complaint(operator, keeper)), settings.health_port),
            (exposition(metrics), settings.metrics_port),
        ):
            await stack.enter_async_context(serving(application, bind_address, port))
        if keeper is not None:
            tls = keeper.serving.context
            await stack.enter_async_context(serving(webhook(), bind_address, settings.webhook_port, tls))
        await _run(operator, elector if leader_elect else None, keeper, stop)


async def _run(
    operator: Operator, elector: Elector | None, keeper: Keeper | None, stop: asyncio.Event
) -> None:
    running = [each.run() for each in (*operator.essential, *operator.helpful)]
    if keeper is not None:
        running += [keeper.reflector.run(), keeper.run()]
    reflecting = [asyncio.ensure_future(each) for each in running]
    work = operator.lead(stop) if elector is None else elector.run(lambda: operator.lead(stop))
    leading, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({leading, stopping, *reflecting}, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set() and (elector is None or elector.still_leader()):
            await leading  # drains, and gives the lease away
        for task in (leading, *reflecting):
            if task.done():
                task.result()
    finally:
        await _end(leading, stopping, *reflecting)


async def _end(*tasks: "asyncio.Future[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=1.0)


def _complaint(operator: Operator, keeper: Keeper | None) -> str | None:
    if missing := operator.unsynced():
        return f"waiting for the first list of {', '.join(missing)}"
    if keeper is not None and not keeper.serving.is_loaded:
        return f"the webhook has no certificate yet: waiting for Secret {names.WEBHOOK_SECRET}"
    return None


def _identity(settings: OperatorSettings) -> str:
    """Unique to this process: a restarted container keeps its pod's name."""
    return f"{settings.pod_name or names.OPERATOR_NAME}_{uuid.uuid4()}"


def _now() -> datetime:
    return datetime.now(UTC)
