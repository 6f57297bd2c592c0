"""How clients inside the cluster reach the replicas: two Services over the same pods.

One carries the endpoint's name and the port that people expect; the other one the name and port that
manifests written for AWS's operator call. Both name the container's port, not its number, so a new number
moves pod by pod with the rollout.
"""

from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.render.container import port_name
from hyperpod_inference.render.identity import Manifest, bounded, namespaced, selector

SERVICE_NAME_LIMIT = 63


def service(endpoint: InferenceEndpointConfig) -> Manifest:
    """The endpoint's own Service: NAME.NAMESPACE.svc, port 80. Of two roles, decode can answer alone."""
    role = names.DECODE if endpoint.spec.pd_spec else None
    return _cluster_ip(endpoint, endpoint.metadata.name, names.SERVICE_PORT, role)


def role_services(endpoint: InferenceEndpointConfig) -> tuple[Manifest, ...]:
    """The Services by which a router finds the pods of each role; none without pdSpec."""
    roles = (names.PREFILL, names.DECODE) if endpoint.spec.pd_spec else ()
    return tuple(
        _cluster_ip(endpoint, role_service_name(endpoint, role), names.SERVICE_PORT, role) for role in roles
    )


def role_service_name(endpoint: InferenceEndpointConfig, role: str) -> str:
    """The Service of a role."""
    return bounded(names.disaggregated_name(role, endpoint.metadata.name), SERVICE_NAME_LIMIT)


def routing_service(endpoint: InferenceEndpointConfig) -> tuple[Manifest, ...]:
    """The Service that callers of AWS's operator know. Port 443, yet plain HTTP, like there.

    A routed endpoint has it in the operator's namespace, before its router.
    """
    if endpoint.spec.routed:
        return ()
    return (_cluster_ip(endpoint, routing_service_name(endpoint), names.ROUTING_SERVICE_PORT),)


def routing_service_name(endpoint: InferenceEndpointConfig) -> str:
    """That Service of an endpoint without a router."""
    return bounded(endpoint.metadata.name, SERVICE_NAME_LIMIT, "-routing-service")


def _cluster_ip(endpoint: InferenceEndpointConfig, name: str, port: int, role: str | None = None) -> Manifest:
    only = {names.LABEL_DPD_ROLE: role} if role else {}
    target = port_name(endpoint.spec.worker)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": namespaced(endpoint, name),
        "spec": {
            "type": "ClusterIP",
            "selector": selector(endpoint) | only,
            "ports": [{"name": target, "port": port, "targetPort": target, "protocol": "TCP"}],
        },
    }
