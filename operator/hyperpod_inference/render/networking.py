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
    """The endpoint's own Service: NAME.NAMESPACE.svc, port 80."""
    return _cluster_ip(endpoint, endpoint.metadata.name, names.SERVICE_PORT)


def routing_service(endpoint: InferenceEndpointConfig) -> Manifest:
    """The Service that callers of AWS's operator know. Port 443, yet plain HTTP, like there."""
    name = bounded(endpoint.metadata.name, SERVICE_NAME_LIMIT, "-routing-service")
    return _cluster_ip(endpoint, name, names.ROUTING_SERVICE_PORT)


def _cluster_ip(endpoint: InferenceEndpointConfig, name: str, port: int) -> Manifest:
    target = port_name(endpoint.spec.worker)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": namespaced(endpoint, name),
        "spec": {
            "type": "ClusterIP",
            "selector": selector(endpoint),
            "ports": [{"name": target, "port": port, "targetPort": target, "protocol": "TCP"}],
        },
    }
