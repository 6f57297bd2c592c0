"""What one operator process consists of: caches, reconcilers and the reflectors that feed them, wired up.

`manager` starts and stops it.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.controllers import caches as seen
from hyperpod_inference.controllers import shapes
from hyperpod_inference.controllers.authority import AuthorityKeeper
from hyperpod_inference.controllers.aws import aws_of, cloudwatch_of
from hyperpod_inference.controllers.caches import CHILD_KINDS, CHILD_SELECTOR, OPTIONAL_KINDS, Caches
from hyperpod_inference.controllers.certificates import Certificates
from hyperpod_inference.controllers.cloudwatch import CloudWatchPush
from hyperpod_inference.controllers.cold_starts import ColdStarts
from hyperpod_inference.controllers.controller import Controller, Mapper, each_of, itself
from hyperpod_inference.controllers.endpoint import EndpointReconciler, as_it_is
from hyperpod_inference.controllers.endpoint_metrics import EndpointMetrics
from hyperpod_inference.controllers.jumpstart import LOOK_AGAIN, FromHub
from hyperpod_inference.controllers.kinds import ENDPOINTS, JUMPSTART_MODELS, REGISTRATIONS, UNBUILT
from hyperpod_inference.controllers.networks import OwnNetwork
from hyperpod_inference.controllers.node_labels import NodeLabeller, nodes_of
from hyperpod_inference.controllers.records import Records
from hyperpod_inference.controllers.registrations import RegistrationReconciler
from hyperpod_inference.controllers.reporting import Reporter
from hyperpod_inference.controllers.statuses import StatusWriter
from hyperpod_inference.controllers.unbuilt import UnbuiltReconciler
from hyperpod_inference.kube import resources
from hyperpod_inference.kube.apply import Applier
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.errors import Forbidden, NotFound
from hyperpod_inference.kube.events import EventRecorder
from hyperpod_inference.kube.metrics import Metrics
from hyperpod_inference.kube.reflector import OnChange, Reflector
from hyperpod_inference.kube.resources import Resource
from hyperpod_inference.kube.store import Store
from hyperpod_inference.status.observed import ApplyError

POD_WARNINGS: Mapping[str, Any] = {
    "field_selector": "involvedObject.kind=Pod,type=Warning",
    "shape": shapes.Event,
}
OURS: Mapping[str, Any] = {"label_selector": CHILD_SELECTOR}
"""Only what the operator made."""


class Operator:
    """All parts of one operator process, wired to each other; nothing runs yet."""

    def __init__(self, client: Client, settings: OperatorSettings, metrics: Metrics) -> None:
        self._client, self._settings, self.metrics = client, settings, metrics
        self._caches = caches = Caches()
        self._recorder = EventRecorder(client, names.OPERATOR_NAME)
        self._statuses = StatusWriter(client, self._recorder)
        self._applier = Applier(client, names.FIELD_MANAGER, names.ANNOTATION_SPEC_HASH)
        authority, aws = AuthorityKeeper(client, settings.namespace, now), aws_of(settings.region)
        self._certificates = Certificates(settings=settings, authority=authority, now=now, aws=aws)
        self._records = Records(settings=settings, now=now, aws=aws)
        self._network = OwnNetwork(settings=settings, aws=aws)
        self._models = caches.of(names.KIND_JUMPSTART)
        self.leading = False
        kinds = (caches, self._models)
        starts = ColdStarts(kinds, lambda: self.leading)
        metrics.registry.register(EndpointMetrics(kinds, lambda: self.leading))
        metrics.registry.register(starts)
        push = CloudWatchPush(metrics.registry, settings, cloudwatch_of(settings.region), now)
        self.cloudwatch = push if settings.enable_cloudwatch_metrics else None
        self.endpoints = self._deploying(ENDPOINTS, caches)
        self.jumpstart_models = self._deploying(JUMPSTART_MODELS, self._models)
        self.nodes = Controller("node", NodeLabeller(client=client, caches=caches), metrics, workers=1)
        registered = RegistrationReconciler(
            client=client,
            store=caches.children[REGISTRATIONS],
            settings=settings,
            statuses=self._statuses,
            recorder=self._recorder,
            aws=aws,
            now=now,
        )
        self.registrations = Controller(names.KIND_REGISTRATION.lower(), registered, metrics, workers=2)
        self.controllers = [self.endpoints, self.jumpstart_models, self.registrations, self.nodes]
        self.essential = [
            Reflector(client, ENDPOINTS, store=caches.endpoints, on_change=self.endpoints.on_change()),
            *(
                self._follow(kind, caches.children[kind], _owner, **OURS)
                for kind in CHILD_KINDS
                if kind != REGISTRATIONS
            ),
            self._registrations(),
            self._follow(
                resources.PODS, caches.pods, _owner, nodes_of, starts.on_change, **OURS, shape=shapes.Pod
            ),
        ]
        self.optional = [self._follow(kind, caches.children[kind], _owner, **OURS) for kind in OPTIONAL_KINDS]
        self.scalers = self._follow(
            resources.HORIZONTAL_POD_AUTOSCALERS,
            caches.scalers,
            lambda seen_by: seen_by.endpoints_of_scaler,
            shape=shapes.Scaler,
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
                resources.NODES,
                caches.nodes,
                _nobody,
                itself,
                metadata_only=True,
                shape=shapes.Node,
                strip=seen.slim_node,
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
        *told: OnChange,
        **options: Any,
    ) -> Reflector:
        """Keep a store, and queue the endpoints of each kind, and the nodes, that a change concerns.

        told: who else hears of it.
        """
        on_change = each_of(*self._telling(mapper_of), self.nodes.on_change(nodes), *told)
        return Reflector(self._client, resource, store=store, on_change=on_change, **options)

    def _telling(self, mapper_of: Callable[[Caches], Mapper]) -> Iterable[OnChange]:
        """Callbacks that queue the endpoints of each kind."""
        yield self.endpoints.on_change(mapper_of(self._caches))
        yield self.jumpstart_models.on_change(mapper_of(self._models))

    def unsynced(self) -> list[str]:
        """The essential caches that have not been filled yet."""
        return [each.resource.plural for each in self.essential if not each.is_synced()]

    def _deploying(self, resource: Resource, caches: Caches) -> Controller:
        from_hub = resource is JUMPSTART_MODELS
        reporter = Reporter(
            caches=caches, statuses=self._statuses, recorder=self._recorder, now=now, blind=self._blind
        )
        reconciler = EndpointReconciler(
            client=self._client,
            caches=caches,
            settings=self._settings,
            resource=resource,
            understand=FromHub(settings=self._settings) if from_hub else as_it_is,
            certificates=self._certificates,
            records=self._records,
            network=self._network,
            look_again=LOOK_AGAIN if from_hub else None,
            applier=self._applier,
            reporter=reporter,
            absent_crds=self._absent_crds,
        )
        return Controller(resource.kind.lower(), reconciler, self.metrics)

    def _registrations(self) -> Reflector:
        """All of them, also those that no endpoint made."""
        on_change = each_of(self.registrations.on_change(), *self._telling(_owner))
        store = self._caches.children[REGISTRATIONS]
        return Reflector(self._client, REGISTRATIONS, store=store, on_change=on_change)

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
        reconcile = UnbuiltReconciler(resource.kind, store, self._statuses, self._recorder, now)
        controller = Controller(resource.kind.lower(), reconcile, self.metrics, workers=1)
        self.controllers.append(controller)
        linked = self._telling(lambda seen_by: seen_by.endpoints_of_gateway if is_gateway else seen.nobody)
        on_change = each_of(controller.on_change(), *linked)
        return Reflector(self._client, resource, store=store, on_change=on_change)


def _owner(caches: Caches) -> Mapper:
    return caches.owner_keys


def _nobody(caches: Caches) -> Mapper:
    return seen.nobody


def now() -> datetime:
    """The clock of everything here."""
    return datetime.now(UTC)
