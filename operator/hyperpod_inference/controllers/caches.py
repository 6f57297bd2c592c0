"""What the operator sees of the cluster: one store per kind, its filter, and how children are found.

Children are watched by label, cached without what nobody reads, and mapped to their endpoint by the labels
that `render` gives them; ownerReferences do not reach cluster-scoped objects or other namespaces. Endpoints
of several kinds share the stores of their children; each kind sees its own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Self

from hyperpod_inference.api import names
from hyperpod_inference.controllers.kinds import REGISTRATIONS
from hyperpod_inference.kube.resources import (
    DAEMON_SETS,
    DEPLOYMENTS,
    INGRESSES,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    POD_DISRUPTION_BUDGETS,
    SCALED_OBJECTS,
    SERVICE_ACCOUNTS,
    SERVICES,
    Body,
    Resource,
)
from hyperpod_inference.kube.store import Key, Store, key_of
from hyperpod_inference.render.identity import LABEL_VALUE_LIMIT, bounded

CHILD_SELECTOR = f"{names.LABEL_DEPLOYING_SERVICE}={names.DEPLOYING_SERVICE}"
CHILD_KINDS = (
    DEPLOYMENTS,
    DAEMON_SETS,
    SERVICES,
    SERVICE_ACCOUNTS,
    POD_DISRUPTION_BUDGETS,
    INGRESSES,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    REGISTRATIONS,
)
"""What an endpoint may own on every cluster."""
OPTIONAL_KINDS = {SCALED_OBJECTS: names.CRD_SCALED_OBJECTS}
"""What it may own where others installed the kind; each with the name of its CustomResourceDefinition."""
OWNER_LABELS = (names.LABEL_OWNER_KIND, names.LABEL_OWNER_NAMESPACE, names.LABEL_OWNER_NAME)
OWNER, POD, TARGET, NODE = "owner", "pod", "target", "node"

WARMTH = (names.LABEL_WEIGHTS_CACHE_PREFIX, names.LABEL_IMAGE_CACHE_PREFIX)
"""Prefixes of the labels of nodes that hold something ahead of time."""


def owners(obj: Body) -> list[str]:
    """Indexer: the kind, namespace and name of the endpoint that an object belongs to."""
    labels = obj["metadata"].get("labels") or {}
    found = [labels.get(key) for key in OWNER_LABELS]
    return ["/".join(str(each) for each in found)] if all(found) else []


def nobody(obj: Body) -> list[Key]:
    """Mapper of what is only looked up: its changes concern no endpoint."""
    return []


def owner_selector(namespace: str, name: str, kind: str = names.KIND_ENDPOINT) -> str:
    """The label selector for the children of one endpoint, wherever they live."""
    values = (kind, namespace, bounded(name, LABEL_VALUE_LIMIT))
    return ",".join(f"{key}={value}" for key, value in zip(OWNER_LABELS, values, strict=True))


def scaler_targets(scaler: Body) -> list[str]:
    """Indexer of HorizontalPodAutoscalers: 'namespace/name' of the Deployment each one scales."""
    target = scaler["spec"]["scaleTargetRef"]
    return [f"{scaler['metadata']['namespace']}/{target['name']}"] if target["kind"] == "Deployment" else []


def is_of_node_cache(pod: Body) -> bool:
    """Whether the pod serves nothing but keeps a node warm."""
    return (pod["metadata"].get("labels") or {}).get(names.LABEL_COMPONENT) == names.COMPONENT_NODE_CACHE


def node_of(pod: Body) -> list[str]:
    """Indexer: the node of a pod that keeps one warm."""
    node = pod["spec"].get("nodeName")
    return [node] if node and is_of_node_cache(pod) else []


def event_pods(event: Body) -> list[str]:
    """Indexer of Events: the uid of the pod that each is about."""
    return [event["involvedObject"].get("uid") or ""]


@dataclass(frozen=True)
class Caches:
    """The stores that the reconciler of one kind of endpoint reads."""

    kind: str = names.KIND_ENDPOINT
    endpoints: Store = field(default_factory=Store)
    pods: Store = field(default_factory=lambda: Store({OWNER: owners, NODE: node_of}))
    gateways: Store = field(default_factory=Store)
    ingress_classes: Store = field(default_factory=Store)
    nodes: Store = field(default_factory=Store)
    events: Store = field(default_factory=lambda: Store({POD: event_pods}))
    scalers: Store = field(default_factory=lambda: Store({TARGET: scaler_targets}))
    children: dict[Resource, Store] = field(
        default_factory=lambda: {
            resource: Store({OWNER: owners}) for resource in (*CHILD_KINDS, *OPTIONAL_KINDS)
        }
    )

    def of(self, kind: str) -> Self:
        """The same stores for endpoints of another kind."""
        return replace(self, kind=kind, endpoints=Store())

    def owner_keys(self, obj: Body) -> list[Key]:
        """Mapper: the key of the endpoint of this kind that an object belongs to."""
        found = (each.split("/") for each in owners(obj))
        return [(namespace, name) for kind, namespace, name in found if kind == self.kind]

    def _owner(self, namespace: str, name: str) -> str:
        """The index value for the children of one endpoint."""
        return f"{self.kind}/{namespace}/{bounded(name, LABEL_VALUE_LIMIT)}"

    def children_of(self, namespace: str, name: str) -> Iterator[Body]:
        """Every cached object that belongs to an endpoint."""
        for store in self.children.values():
            yield from store.by_index(OWNER, self._owner(namespace, name))

    def deployment_of(self, namespace: str, name: str) -> Body | None:
        """The model's own Deployment, if it is there and the endpoint's."""
        found = self.children[DEPLOYMENTS].get(namespace, names.deployment_name(name))
        return found if found is not None and self.owner_keys(found) == [(namespace, name)] else None

    def scaled(self, deployments: Iterable[Key]) -> frozenset[str]:
        """Which of these Deployments belong to a scaler, as 'namespace/name'.

        From the moment a ScaledObject exists: its autoscaler may come, and set a number, any moment.
        """
        scaled_objects = self.children[SCALED_OBJECTS]
        return frozenset(
            target
            for namespace, name in deployments
            if self.scalers.by_index(TARGET, target := f"{namespace}/{name}")
            or scaled_objects.get(namespace, names.scaled_object_name(name))
        )

    def pods_of(self, namespace: str, name: str) -> list[Body]:
        """The model's pods of an endpoint."""
        return [pod for pod in self.all_pods_of(namespace, name) if not is_of_node_cache(pod)]

    def node_cache_pods_of(self, namespace: str, name: str) -> list[Body]:
        """The pods that warm nodes for an endpoint."""
        return [pod for pod in self.all_pods_of(namespace, name) if is_of_node_cache(pod)]

    def all_pods_of(self, namespace: str, name: str) -> list[Body]:
        """Every pod of an endpoint."""
        return self.pods.by_index(OWNER, self._owner(namespace, name))

    def events_of(self, pods: list[Body]) -> list[Body]:
        """The warnings about these pods."""
        return [event for pod in pods for event in self.events.by_index(POD, pod["metadata"]["uid"])]

    def endpoints_of_event(self, event: Body) -> list[Key]:
        """Mapper: an event about a pod concerns the pod's endpoint."""
        about = event["involvedObject"]
        pod = self.pods.get(about.get("namespace"), about.get("name", ""))
        return self.owner_keys(pod) if pod is not None else []

    def endpoints_of_scaler(self, scaler: Body) -> list[Key]:
        """Mapper: a scaler of a Deployment concerns the Deployment's endpoint."""
        target = scaler["spec"]["scaleTargetRef"]["name"]
        deployment = self.children[DEPLOYMENTS].get(scaler["metadata"]["namespace"], target)
        return self.owner_keys(deployment) if deployment is not None else []

    def endpoints_of_gateway(self, gateway: Body) -> list[Key]:
        """Mapper: a gateway concerns the endpoints of its namespace that are linked to it, or may be."""
        namespace, name = key_of(gateway)
        linked = (
            (key_of(body), _gateway_link(body))
            for body in self.endpoints.list()
            if body["metadata"]["namespace"] == namespace
        )
        return [key for key, link in linked if link.get("enabled") and link.get("name") in (None, "", name)]

    def every_endpoint(self, obj: Body) -> Iterable[Key]:
        """Mapper of what concerns them all."""
        return self.endpoints.keys()

    def names_of_ingress_classes(self) -> frozenset[str]:
        """The IngressClasses that exist: who makes load balancers."""
        return frozenset(each["metadata"]["name"] for each in self.ingress_classes.list())

    def instance_types(self) -> dict[str, str]:
        """Node name to instance type."""
        nodes = [node["metadata"] for node in self.nodes.list()]
        key = names.NODE_INSTANCE_TYPE
        return {node["name"]: node["labels"][key] for node in nodes if key in node["labels"]}


def _gateway_link(endpoint: Body) -> Body:
    """The spec's block; nothing where a broken resource holds something else."""
    spec = endpoint.get("spec")
    link = spec.get("inferenceGateway") if isinstance(spec, dict) else None
    return link if isinstance(link, dict) else {}


def slim_node(node: Body) -> Body:
    """Strip a node to its name, instance type and warmth: it has many labels, and others write them."""
    given = node["metadata"].get("labels") or {}
    kept = {key: given[key] for key in given if key.startswith(WARMTH) or key == names.NODE_INSTANCE_TYPE}
    return node | {"metadata": node["metadata"] | {"labels": kept}}
