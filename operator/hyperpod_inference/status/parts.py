"""The parts of an endpoint, each with the condition that reports on it, and the word for a part not built.

`render` says which requested parts this version does not build, `judge` turns each into a condition. A part
that is not built never keeps an endpoint from being Ready: its own condition says what is missing.
"""

from dataclasses import dataclass
from enum import Enum

from hyperpod_inference.api import conditions


class Part(Enum):
    """One part of an endpoint; the value is the type of its condition."""

    MODEL_SOURCE = conditions.MODEL_SOURCE_READY
    WORKLOAD = conditions.WORKLOAD_READY
    LOAD_BALANCER = "LoadBalancerReady"
    TLS = conditions.TLS_READY
    AUTOSCALING = conditions.AUTOSCALING_READY
    ENDPOINT_REGISTRATION = conditions.ENDPOINT_REGISTERED
    DNS = conditions.DNS_READY
    ROUTER = conditions.ROUTER_READY
    KV_CACHE = conditions.KV_CACHE_READY
    METRICS = "MetricsReady"
    REQUEST_LIMITS = "RequestLimitsReady"
    DATA_CAPTURE = "DataCaptureReady"
    DISAGGREGATION = "DisaggregationReady"
    MODEL_CACHE = "ModelCacheReady"
    GATEWAY = "GatewayReady"


NEVER_HOLDS = frozenset(
    {
        Part.LOAD_BALANCER,
        Part.TLS,
        Part.DNS,
        Part.MODEL_CACHE,
        Part.GATEWAY,
        Part.ENDPOINT_REGISTRATION,
    }
)
"""Parts that an endpoint can serve without, so that they never keep it from Ready."""


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """A kind of somebody else's that the endpoint needs.

    crd: its CustomResourceDefinition, e.g. "scaledobjects.keda.sh". part: what needs it. present: whether the
    API server serves it. advice: a sentence on how to get it.
    """

    crd: str
    part: Part
    present: bool
    advice: str


@dataclass(frozen=True, kw_only=True)
class Arrangement:
    """What was decided for a part that has no object of its own: settings inside the model's pods.

    field: where the spec asks for it. works: False when it could not be arranged. message: sentences that
    stand alone: what was set, what was left to the user's own settings, and the next step if any.
    """

    part: Part
    field: str
    works: bool
    reason: str
    message: str


@dataclass(frozen=True, kw_only=True)
class NotBuilt:
    """A part that the spec asks for and this version does not build.

    field: where the spec asks for it, e.g. "spec.loadBalancer". message: a sentence that stands alone: what
    is not there, and what a person can do instead.
    """

    part: Part
    field: str
    message: str
