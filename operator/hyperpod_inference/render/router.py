"""The router in front of an endpoint's replicas: Deployment, Service, disruption budget and scaler.

They live in the operator's namespace, as with AWS's operator, under the one ServiceAccount that may watch
EndpointSlices; a pod in a user's namespace gets no rights of its own. So they name no owner: labels find
them, the finalizer removes them.
"""

from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render.container import DRAIN_SECONDS, port_name
from hyperpod_inference.render.facts import Facts
from hyperpod_inference.render.identity import Manifest, labels, of_router
from hyperpod_inference.render.networking import role_service_name
from hyperpod_inference.render.routing import router_name, router_service_name
from hyperpod_inference.render.scaling import scaler_of
from hyperpod_inference.render.tracing import tracing

REPLICAS = 2
"""While nothing scales it: one may go at any time."""
SESSION_KEY = "SESSION_KEY"
"""The worker's variable, as documented, that names the header or body field of `session` routing."""
REQUEST_SECONDS = 3600
# The longest that requests in work may take to end after the drain: the router's own limit.
GRACE_SECONDS = DRAIN_SECONDS + 300 + 15
# Little for small endpoints; the limit bounds the prefix index and thousands of open streams.
RESOURCES = {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}
_TRAFFIC, _ADMIN = "http", names.ROUTER_ADMIN_PORT_NAME


def router(
    endpoint: InferenceEndpointConfig, settings: OperatorSettings, facts: Facts
) -> tuple[Manifest, ...]:
    """The router's objects in apply order, without its scaler; none for an endpoint that is not routed."""
    if not endpoint.spec.routed:
        return ()
    return (
        _service(endpoint, settings),
        _budget(endpoint, settings),
        _deployment(endpoint, settings, facts),
    )


def router_scaler(endpoint: InferenceEndpointConfig, settings: OperatorSettings) -> tuple[Manifest, ...]:
    """The router's ScaledObject, if it has a trigger that measures something."""
    routing, name = endpoint.spec.intelligent_routing_spec, router_name(endpoint)
    if routing is None or not endpoint.spec.routed:
        return ()
    metadata = of_router(endpoint, names.scaled_object_name(name), settings.namespace)
    return scaler_of(name, routing.auto_scaling_spec, metadata, settings.region)


def _selector(endpoint: InferenceEndpointConfig) -> dict[str, str]:
    return {names.LABEL_APP: router_name(endpoint), names.LABEL_COMPONENT: names.COMPONENT_ROUTER}


def _service(endpoint: InferenceEndpointConfig, settings: OperatorSettings) -> Manifest:
    """The address that callers of AWS's operator know. Port 443, yet plain HTTP, like there."""
    port = {"name": _TRAFFIC, "port": names.ROUTING_SERVICE_PORT, "targetPort": _TRAFFIC, "protocol": "TCP"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": of_router(endpoint, router_service_name(endpoint), settings.namespace),
        "spec": {"type": "ClusterIP", "selector": _selector(endpoint), "ports": [port]},
    }


def _budget(endpoint: InferenceEndpointConfig, settings: OperatorSettings) -> Manifest:
    """One pod at a time; a lone replica may leave, so that no drain of a node hangs."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": of_router(endpoint, router_name(endpoint), settings.namespace),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": _selector(endpoint)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def _deployment(endpoint: InferenceEndpointConfig, settings: OperatorSettings, facts: Facts) -> Manifest:
    name = router_name(endpoint)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": of_router(endpoint, name, settings.namespace),
        "spec": {
            **facts.replicas(settings.namespace, name, REPLICAS),
            "revisionHistoryLimit": 3,
            "selector": {"matchLabels": _selector(endpoint)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {
                "metadata": {"labels": labels(endpoint) | _selector(endpoint)},
                "spec": _pod(endpoint, settings),
            },
        },
    }


def _pod(endpoint: InferenceEndpointConfig, settings: OperatorSettings) -> Manifest:
    return {
        "serviceAccountName": names.ROUTER_SERVICE_ACCOUNT,
        "containers": [_container(endpoint, settings)],
        "nodeSelector": {"kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux"},
        "topologySpreadConstraints": [
            _spread(names.NODE_ZONE, _selector(endpoint)),
            _spread(names.NODE_HOSTNAME, _selector(endpoint)),
        ],
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def _container(endpoint: InferenceEndpointConfig, settings: OperatorSettings) -> Manifest:
    return {
        "name": names.ROUTER_CONTAINER,
        "image": settings.router_image,
        "args": ["serve", *_options(endpoint)],
        "env": [*_environment(endpoint), *tracing(endpoint, settings)],
        "ports": [
            {"name": _TRAFFIC, "containerPort": names.ROUTER_PORT, "protocol": "TCP"},
            {"name": _ADMIN, "containerPort": names.ROUTER_ADMIN_PORT, "protocol": "TCP"},
        ],
        "resources": RESOURCES,
        "startupProbe": _probe("/healthz", period=1, failures=60),
        "livenessProbe": _probe("/healthz", period=10, failures=3),
        "readinessProbe": _probe("/readyz", period=5, failures=2),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _options(endpoint: InferenceEndpointConfig) -> list[str]:
    chosen = endpoint.spec.routing_strategy
    return [
        *_services(endpoint),
        f"--strategy={chosen}",
        # As long as with the model servers: load balancers take a moment to forget a pod.
        f"--drain-delay={DRAIN_SECONDS}",
        f"--request-seconds={REQUEST_SECONDS}",
        *([f"--kv-events-port={names.KV_EVENTS_PORT}"] if chosen == "kvaware" else []),
    ]


def _services(endpoint: InferenceEndpointConfig) -> list[str]:
    """The Services whose ready endpoints it follows."""
    metadata, pd = endpoint.metadata, endpoint.spec.pd_spec
    port = port_name(endpoint.spec.worker)
    if pd is None:
        return [f"--service={metadata.namespace}/{metadata.name}:{port}"]
    service = {role: role_service_name(endpoint, role) for role in (names.PREFILL, names.DECODE)}
    return [
        *(f"--{role}-service={metadata.namespace}/{name}:{port}" for role, name in service.items()),
        f"--routing-threshold={pd.routing_threshold}",
    ]


def _environment(endpoint: InferenceEndpointConfig) -> list[Manifest]:
    """Where to listen, and the session key, which users set on the worker."""
    given = {each.name: each.value for each in endpoint.spec.worker.environment_variables or ()}
    pod_ip = {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    key = given.get(SESSION_KEY)
    return [pod_ip, *([{"name": SESSION_KEY, "value": key}] if key else [])]


def _probe(path: str, *, period: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": _ADMIN},
        "periodSeconds": period,
        "failureThreshold": failures,
    }


def _spread(key: str, selector: dict[str, str]) -> Manifest:
    return {
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": selector},
    }
