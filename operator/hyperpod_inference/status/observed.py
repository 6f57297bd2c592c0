"""What was seen of an endpoint: everything `judge` reads, as one frozen value of plain API objects.

`controllers` fills it from its caches. Objects are JSON bodies as the API server returns them; a projection
that keeps metadata, spec and status is enough.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from hyperpod_inference.status.dns import Record
from hyperpod_inference.status.parts import Arrangement, Dependency, NotBuilt, Part
from hyperpod_inference.status.tls import Certificate

Body = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ApplyError:
    """What the API server refused, in its own words.

    name: '' when the kind as a whole cannot be listed or watched. status: of HTTP, 0 when no answer came.
    reason: Kubernetes' ('Forbidden'), or 'NotOurs' for an object that somebody else made. part: what the
    object belongs to beside the model's own workload and source.
    """

    kind: str
    name: str
    message: str
    status: int = 422
    reason: str = ""
    part: Part | None = None


@dataclass(frozen=True, kw_only=True)
class Observed:
    """The world of one endpoint at one moment.

    deployment, pods: of the model. roles: its Deployments with pdSpec, by "prefill" and "decode". router: the
    Deployment of the router before it. gateway_name: of the InferenceGatewayConfig that is asked for.
    registration: the SageMakerEndpointRegistration. node_cache, node_cache_pods: the DaemonSet that warms
    nodes, and its pods. events: core/v1 Events about all these pods, in any order. instance_type_of_node:
    node name to instance type. ingress_classes: names of those that exist. certificate: of the load balancer;
    record: in DNS; None where there is none. problems: why the spec was refused, one sentence each, with the
    path of the field in front ("spec.replicas: got ..."). previous_status: the status as last written;
    transition times come from it.
    """

    deployment: Body | None = None
    roles: Mapping[str, Body] = field(default_factory=lambda: MappingProxyType({}))
    router: Body | None = None
    router_service: Body | None = None
    router_pods: tuple[Body, ...] = ()
    gateway_name: str | None = None
    gateway: Body | None = None
    registration: Body | None = None
    ingress: Body | None = None
    ingress_classes: frozenset[str] = frozenset()
    pods: tuple[Body, ...] = ()
    services: tuple[Body, ...] = ()
    claims: tuple[Body, ...] = ()
    scaled_object: Body | None = None
    node_cache: Body | None = None
    node_cache_pods: tuple[Body, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    events: tuple[Body, ...] = ()
    instance_type_of_node: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    not_built: tuple[NotBuilt, ...] = ()
    arrangements: tuple[Arrangement, ...] = ()
    certificate: Certificate | None = None
    record: Record | None = None
    problems: tuple[str, ...] = ()
    apply_errors: tuple[ApplyError, ...] = ()
    previous_status: Body | None = None
