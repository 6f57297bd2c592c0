"""The containers beside the model: what they add to a finished pod template.

    with_sidecars(template, endpoint, settings) -> template

Every Deployment that runs model servers passes its template through here, whatever else it is for. The model
stays the first container. The proxy takes over the name of the model's port, so that Services, which know
only the name, follow pod by pod when the proxy comes or goes.

A stopping pod ends from the outside in: the proxy says "not ready", goes on for a while, closes its door and
lets requests in work end; the model waits for that in its preStop hook before it is stopped itself.
"""

from collections.abc import Mapping
from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.api.beside import limited, measured, proxied
from hyperpod_inference.api.endpoint import EndpointSpec, InferenceEndpointConfig
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render import collector, uploader
from hyperpod_inference.render.container import DRAIN_SECONDS, RESTRICTED, port_name, port_number
from hyperpod_inference.render.identity import Manifest
from hyperpod_inference.render.model_labels import environment, model_labels
from hyperpod_inference.render.plain import plain
from hyperpod_inference.render.tracing import tracing
from hyperpod_inference.render.uploader import destination

MODEL_PORT_NAME = "model"  # ours: what the model's port is called while the proxy has its name
RUN_PATH = "/run/hyperpod-inference"
DRAINING_FILE = f"{RUN_PATH}/draining"
LEFT_TO_MODEL_SECONDS = 10
"""Of the grace period, for the model to end after its last request."""
PROXY_RESOURCES: Mapping[str, Any] = {
    "requests": {"cpu": "100m", "memory": "128Mi"},
    "limits": {"memory": "1Gi"},  # request bodies are held whole; no limit of CPU: it would add latency
}


def with_sidecars(
    template: Manifest, endpoint: InferenceEndpointConfig, settings: OperatorSettings, resource_name: str = ""
) -> Manifest:
    """The pod template with what the endpoint's metrics, limits and capture need; unchanged without them.

    `resource_name` names the replicas in metrics, where it is not the endpoint's own name.
    """
    if not (measured(endpoint.spec) or proxied(endpoint.spec)):
        return template
    labels = model_labels(endpoint, settings, resource_name or endpoint.metadata.name)
    model, *others = template["spec"]["containers"]
    added, volumes, annotations = [], [], {}
    if proxied(endpoint.spec):
        grace = template["spec"]["terminationGracePeriodSeconds"]
        model, added = _behind_proxy(model), [proxy(endpoint, settings, environment(labels), grace)]
        volumes.append({"name": names.RUN_VOLUME, "emptyDir": {"sizeLimit": "1Mi"}})
    if measured(endpoint.spec):
        added.append(collector.container(endpoint, settings, environment(labels)))
        volumes.append(collector.volume())
        annotations = collector.annotations(endpoint, labels)
    if destination(endpoint, settings):
        added.append(uploader.uploader(endpoint, settings, environment(labels)))
        volumes.append(uploader.volume())
    metadata = template["metadata"]
    pod = {
        "containers": [model, *others, *added],
        "volumes": [*template["spec"].get("volumes", ()), *volumes],
    }
    return template | {
        "metadata": metadata | {"annotations": metadata.get("annotations", {}) | annotations},
        "spec": template["spec"] | pod,
    }


def proxy(
    endpoint: InferenceEndpointConfig, settings: OperatorSettings, env: list[Manifest], grace: int
) -> Manifest:
    """The proxy: port 8081 in front of the model, metrics and probes on 9113."""
    spec = endpoint.spec
    path = "/" + spec.invocation_endpoint.lstrip("/")
    capture = uploader.capture_arguments(endpoint, settings)
    return {
        "name": names.SIDECAR_CONTAINER,
        "image": settings.sidecar_image,
        "args": [
            "sidecar",
            f"--upstream=$(POD_IP):{port_number(spec.worker)}",
            f"--path={path}",
            f"--drain-delay={DRAIN_SECONDS}",
            f"--drain-seconds={grace - DRAIN_SECONDS - LEFT_TO_MODEL_SECONDS}",
            f"--draining-file={DRAINING_FILE}",
            *_limits(spec),
            *capture,
        ],
        "env": [*env, *tracing(endpoint, settings)],
        "ports": [
            {"name": port_name(spec.worker), "containerPort": names.SIDECAR_PORT, "protocol": "TCP"},
            {
                "name": names.SIDECAR_METRICS_PORT_NAME,
                "containerPort": names.SIDECAR_METRICS_PORT,
                "protocol": "TCP",
            },
        ],
        "volumeMounts": [
            {"name": names.RUN_VOLUME, "mountPath": RUN_PATH},
            *([plain(uploader.MOUNT)] if capture else []),
        ],
        "startupProbe": _probe("/healthz", period=2, failures=60),
        "readinessProbe": _probe("/readyz", period=5, failures=3),
        "livenessProbe": _probe("/healthz", period=10, failures=6),
        "resources": plain(spec.metrics_sidecar_resources) or plain(PROXY_RESOURCES),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": plain(RESTRICTED),
    }


def _limits(spec: EndpointSpec) -> list[str]:
    limits = limited(spec)
    if limits is None:
        return []
    return [
        f"--max-concurrent-requests={limits.max_concurrent_requests}",
        f"--max-queue-size={limits.max_queue_size or 0}",
        f"--overflow-status-code={limits.overflow_status_code}",
    ]


def _behind_proxy(model: Manifest) -> Manifest:
    """The model's container when the proxy stands before it."""
    (port,) = model["ports"]
    probes = {key: _numbered(value, port) for key, value in model.items() if key.endswith("Probe")}
    wait = f"sleep {DRAIN_SECONDS}; while [ -e {DRAINING_FILE} ]; do sleep 1; done"
    mount = {"name": names.RUN_VOLUME, "mountPath": RUN_PATH, "readOnly": True}
    return (
        model
        | probes
        | {
            "ports": [port | {"name": MODEL_PORT_NAME}],
            "volumeMounts": [*model.get("volumeMounts", ()), mount],
            "lifecycle": {"preStop": {"exec": {"command": ["/bin/sh", "-c", wait]}}},
        }
    )


def _numbered(probe: Manifest, port: Manifest) -> Manifest:
    """The probe by the port's number where it was by the name that the proxy takes."""
    return {
        key: value | {"port": port["containerPort"]}
        if isinstance(value, dict) and value.get("port") == port["name"]
        else value
        for key, value in probe.items()
    }


def _probe(path: str, *, period: int, failures: int) -> Manifest:
    get = {"path": path, "port": names.SIDECAR_METRICS_PORT_NAME}
    return {"httpGet": get, "periodSeconds": period, "timeoutSeconds": 5, "failureThreshold": failures}
