"""From a custom resource to the objects that make it run: a pure function, without clock, I/O or randomness.

    render(endpoint, settings, facts) -> Rendered(manifests, not_built)

One module per concern (identity, placement, model_source, prefetch, kv_cache, container, sidecars,
workload, networking, scaling); this one puts their results in the order in which they are applied.
`controllers` applies them, `cli.render` prints them, and the golden tests keep them.
"""

from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.parse import InvalidResource
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render.checks import problems
from hyperpod_inference.render.facts import Facts, Rendered
from hyperpod_inference.render.kv_cache import kv_cache
from hyperpod_inference.render.model_source import model_source
from hyperpod_inference.render.networking import routing_service, service
from hyperpod_inference.render.not_built import not_built
from hyperpod_inference.render.scaling import scaled_object
from hyperpod_inference.render.workload import deployment
from hyperpod_inference.status.parts import Arrangement, Dependency, NotBuilt, Part

__all__ = ["Arrangement", "Dependency", "Facts", "NotBuilt", "Part", "Rendered", "render"]

_NO_FACTS = Facts()


def render(
    endpoint: InferenceEndpointConfig, settings: OperatorSettings, facts: Facts = _NO_FACTS
) -> Rendered:
    """The objects of an endpoint in apply order, and the requested parts that are not among them.

    Raises InvalidResource with every problem when the endpoint cannot be rendered.
    """
    found = problems(endpoint, settings, facts)
    if found:
        raise InvalidResource(found)
    source = model_source(endpoint)
    scaler = scaled_object(endpoint, settings)
    keda = names.CRD_SCALED_OBJECTS not in facts.absent_crds
    manifests = (
        # A volume before its claim, with other objects between: the binder looks for the volume when it sees
        # the claim, and one that it has not seen yet it looks for again only at its next resync.
        *source.volume,
        service(endpoint),
        routing_service(endpoint),
        *source.claim,
        deployment(endpoint, settings, source, facts),
        *(scaler if keda else ()),
    )
    return Rendered(
        manifests=manifests,
        not_built=not_built(endpoint, settings),
        dependencies=(_keda(present=keda),) if scaler else (),
        arrangements=kv_cache(endpoint).arrangements,
    )


def _keda(*, present: bool) -> Dependency:
    return Dependency(
        crd=names.CRD_SCALED_OBJECTS,
        part=Part.AUTOSCALING,
        present=present,
        advice="Install KEDA; the replicas stay at the number they have until then.",
    )
