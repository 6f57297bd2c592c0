"""From a custom resource to the objects that make it run: a pure function, without clock, I/O or randomness.

    render(endpoint, settings, facts) -> Rendered(manifests, not_built)

One module per concern (identity, placement, model_source, prefetch, model_cache, kv_cache, container,
sidecars, workload, networking, ingress, router, disaggregation, scaling, registration); this one orders their
results.
`controllers` applies them, `cli.render` prints them, and the golden tests keep them.
"""

from collections.abc import Iterable, Mapping

from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.parse import InvalidResource
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render import gated, model_cache, registration, uploader
from hyperpod_inference.render.checks import problems
from hyperpod_inference.render.disaggregation import disaggregated, role_name, role_scalers
from hyperpod_inference.render.facts import Facts, Rendered
from hyperpod_inference.render.gateway import gateway_name
from hyperpod_inference.render.identity import Manifest
from hyperpod_inference.render.ingress import ingress
from hyperpod_inference.render.kv_cache import kv_cache
from hyperpod_inference.render.model_source import ModelSource, model_source
from hyperpod_inference.render.networking import role_services, routing_service, service
from hyperpod_inference.render.not_built import not_built
from hyperpod_inference.render.router import router, router_scaler
from hyperpod_inference.render.routing import router_name
from hyperpod_inference.render.scaling import scaled_object
from hyperpod_inference.render.workload import deployment
from hyperpod_inference.status.parts import Arrangement, Dependency, NotBuilt, Part

__all__ = ["Arrangement", "Dependency", "Facts", "NotBuilt", "Part", "Rendered", "deployments", "render"]

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
    of_model = role_scalers if endpoint.spec.pd_spec else scaled_object
    scalers = (*of_model(endpoint, settings), *router_scaler(endpoint, settings))
    keda = names.CRD_SCALED_OBJECTS not in facts.absent_crds
    balancer = ingress(endpoint, settings, facts)
    routed = router(endpoint, settings, facts)
    warming = model_cache.node_cache(endpoint, source)
    registered = registration.registration(endpoint, settings, facts)
    manifests = (
        # A volume before its claim, with other objects between: the binder looks for the volume when it sees
        # the claim, and one that it has not seen yet it looks for again only at its next resync.
        *source.volume,
        *gated.service_account(endpoint),
        service(endpoint),
        *routing_service(endpoint),
        *source.claim,
        *role_services(endpoint),
        balancer,
        *(
            disaggregated(endpoint, settings, source, facts)
            or (deployment(endpoint, settings, source, facts),)
        ),
        *routed,
        *(scalers if keda else ()),
        *warming,
        *registered,
    )
    return Rendered(
        manifests=manifests,
        parts=_parts(
            {
                Part.ROUTER: routed,
                Part.LOAD_BALANCER: (balancer,),
                Part.MODEL_CACHE: warming,
                Part.ENDPOINT_REGISTRATION: registered,
            }
        )
        | {(names.KIND_GATEWAY, gateway_name(endpoint) or ""): Part.GATEWAY},
        not_built=not_built(endpoint, settings),
        dependencies=(_keda(present=keda),) if scalers else (),
        arrangements=(
            *kv_cache(endpoint).arrangements,
            *model_cache.arrangements(endpoint),
            *uploader.arrangements(endpoint, settings),
            *registration.arrangements(endpoint, settings, facts),
        ),
    )


def _workload(
    endpoint: InferenceEndpointConfig, settings: OperatorSettings, source: ModelSource, facts: Facts
) -> tuple[Manifest, ...]:
    """One Deployment, or one for each role."""
    if endpoint.spec.pd_spec is not None:
        return disaggregated(endpoint, settings, source, facts)
    return (deployment(endpoint, settings, source, facts),)


def _parts(made: Mapping[Part, Iterable[Manifest]]) -> dict[tuple[str, str], Part]:
    return {
        (each["kind"], each["metadata"]["name"]): part for part, objects in made.items() for each in objects
    }


def deployments(endpoint: InferenceEndpointConfig, settings: OperatorSettings) -> tuple[tuple[str, str], ...]:
    """(namespace, name) of the Deployments that an endpoint may have: those that a scaler may own."""
    metadata = endpoint.metadata
    return (
        (metadata.namespace, names.deployment_name(metadata.name)),
        *((metadata.namespace, role_name(endpoint, role)) for role in (names.PREFILL, names.DECODE)),
        (settings.namespace, router_name(endpoint)),
    )


def _keda(*, present: bool) -> Dependency:
    return Dependency(
        crd=names.CRD_SCALED_OBJECTS,
        part=Part.AUTOSCALING,
        present=present,
        advice="Install KEDA; the replicas stay at the number they have until then.",
    )
