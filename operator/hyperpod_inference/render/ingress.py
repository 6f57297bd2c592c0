"""The Ingress of an endpoint, from which the AWS Load Balancer Controller makes an internal ALB.

Without a certificate the ALB listens on port 80. It has one where the user named one, or the operator was
told a bucket to publish one in; offline only the user's is known.
"""

import json

from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render.capture import place_of
from hyperpod_inference.render.container import DEFAULT_HEALTH_PATH
from hyperpod_inference.render.facts import Facts
from hyperpod_inference.render.identity import OBJECT_NAME_LIMIT, Manifest, bounded, namespaced, of_router
from hyperpod_inference.render.networking import routing_service_name
from hyperpod_inference.render.routing import router_service_name

IDLE_SECONDS = 60
SSL_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
ALGORITHM = "least_outstanding_requests"


def ingress(endpoint: InferenceEndpointConfig, settings: OperatorSettings, facts: Facts) -> Manifest:
    """The Ingress, beside the Service that it leads to: with a router, in the operator's namespace."""
    routed, metadata = endpoint.spec.routed, endpoint.metadata
    name = bounded(names.ingress_name(metadata.name, metadata.namespace, routed=routed), OBJECT_NAME_LIMIT)
    own = of_router(endpoint, name, settings.namespace) if routed else namespaced(endpoint, name)
    service = router_service_name(endpoint) if routed else routing_service_name(endpoint)
    backend = {"service": {"name": service, "port": {"number": names.ROUTING_SERVICE_PORT}}}
    path = {"path": path_of(endpoint), "pathType": "Prefix", "backend": backend}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": own | {"annotations": _annotations(endpoint, settings, facts)},
        "spec": {"ingressClassName": names.INGRESS_CLASS, "rules": [{"http": {"paths": [path]}}]},
    }


def path_of(endpoint: InferenceEndpointConfig) -> str:
    """`spec.invocationEndpoint` with exactly one leading slash."""
    return "/" + endpoint.spec.invocation_endpoint.lstrip("/")


def certificate_of(endpoint: InferenceEndpointConfig, facts: Facts) -> str:
    """The ARN of the certificate that clients are to see, '' without one."""
    custom = endpoint.spec.tls_config.custom_certificate_config if endpoint.spec.tls_config else None
    return custom.acm_arn if custom else facts.certificate_arn


def _annotations(
    endpoint: InferenceEndpointConfig, settings: OperatorSettings, facts: Facts
) -> dict[str, str]:
    certificate = certificate_of(endpoint, facts)
    listen = [{"HTTPS": 443}] if certificate else [{"HTTP": 80}]
    secured = {"certificate-arn": certificate, "ssl-policy": SSL_POLICY} if certificate else {}
    given = {
        "scheme": "internal",
        "target-type": "ip",
        "listen-ports": json.dumps(listen, separators=(",", ":")),
        "backend-protocol": "HTTP",
        **_health(endpoint),
        "target-group-attributes": f"load_balancing.algorithm.type={_algorithm(endpoint)}",
        "load-balancer-attributes": ",".join(_attributes(endpoint, settings)),
        "tags": ",".join(f"{key}={value}" for key, value in _tags(endpoint).items()),
        **secured,
    }
    return {f"{names.ALB_PREFIX}/{key}": value for key, value in given.items()}


def _health(endpoint: InferenceEndpointConfig) -> dict[str, str]:
    """The model's own path; a router tells for itself, so that one slow model does not take it out."""
    if endpoint.spec.routed:
        return {"healthcheck-port": str(names.ROUTER_ADMIN_PORT), "healthcheck-path": names.ROUTER_READY_PATH}
    balancer = endpoint.spec.load_balancer
    return {"healthcheck-path": balancer.health_check_path if balancer else DEFAULT_HEALTH_PATH}


def _algorithm(endpoint: InferenceEndpointConfig) -> str:
    balancer = endpoint.spec.load_balancer
    return balancer.routing_algorithm if balancer else ALGORITHM


def _attributes(endpoint: InferenceEndpointConfig, settings: OperatorSettings) -> list[str]:
    balancer = endpoint.spec.load_balancer
    idle = (balancer.idle_timeout_seconds if balancer else None) or IDLE_SECONDS
    return [f"idle_timeout.timeout_seconds={idle}", *_access_logs(endpoint, settings)]


def _access_logs(endpoint: InferenceEndpointConfig, settings: OperatorSettings) -> list[str]:
    """Data capture's second tier, where it is asked for and there is a bucket."""
    capture = endpoint.spec.data_capture
    place = place_of(endpoint, settings, "alb")
    if capture is None or not (capture.load_balancer and capture.load_balancer.enabled) or place is None:
        return []
    bucket, prefix = place
    return [
        "access_logs.s3.enabled=true",
        f"access_logs.s3.bucket={bucket}",
        f"access_logs.s3.prefix={prefix}",
    ]


def _tags(endpoint: InferenceEndpointConfig) -> dict[str, str]:
    """The user's tags, and the one that AWS's policies look for."""
    return {each.name: each.value for each in endpoint.spec.tags or ()} | dict([names.TAG_CREATED_BY])
