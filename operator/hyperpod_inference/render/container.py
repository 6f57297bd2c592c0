"""The model container: what the user's `spec.worker` says, completed where Kubernetes needs more.

It is the first container of the pod and carries the resource's name: clients read logs without asking for a
container, and get the first one.
"""

from collections.abc import Mapping
from typing import Any

from hyperpod_inference.api.endpoint import EndpointSpec, InferenceEndpointConfig, Worker
from hyperpod_inference.api.pod_rules import SHM_PATH, SHM_VOLUME
from hyperpod_inference.render.identity import Manifest, without_empty
from hyperpod_inference.render.placement import is_extended
from hyperpod_inference.render.plain import plain

DEFAULT_HEALTH_PATH = "/ping"
# Seconds between "stop" and the end of traffic: endpoints and load balancers take a moment to forget a pod.
DRAIN_SECONDS = 15
# Of the containers that the operator adds; images of model servers expect more than this.
RESTRICTED: Mapping[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "runAsGroup": 65532,
}


def model_container(endpoint: InferenceEndpointConfig, model_mount: Manifest) -> Manifest:
    """The container that serves the model; `model_mount` is where its weights come from."""
    worker = endpoint.spec.worker
    shared_memory = {"name": SHM_VOLUME, "mountPath": SHM_PATH}
    return {
        "name": endpoint.metadata.name,
        "image": worker.image,
        **without_empty(
            {
                "command": plain(worker.command),
                "args": plain(worker.args),
                "workingDir": worker.working_dir,
                "env": plain(worker.environment_variables),
                "resources": resources(plain(worker.resources)),
            }
        ),
        "ports": [{"name": port_name(worker), "containerPort": port_number(worker), "protocol": "TCP"}],
        "volumeMounts": [model_mount, shared_memory],
        **probes(endpoint.spec),
        "lifecycle": {"preStop": {"exec": {"command": ["/bin/sh", "-c", f"sleep {DRAIN_SECONDS}"]}}},
        # The last lines of the log become the container's last words, which the endpoint's status repeats.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {"allowPrivilegeEscalation": False},
    }


def port_name(worker: Worker) -> str:
    """The name of the invocation port: http or grpc."""
    return worker.model_invocation_port.name


def port_number(worker: Worker) -> int:
    """The invocation port inside the pod."""
    return worker.model_invocation_port.container_port


def resources(given: Mapping[str, Any]) -> Manifest:
    """Requests and limits, with devices on both sides.

    A device cannot be overcommitted: the API server refuses a request without an equal limit. Users write
    it on one side, so the other one is filled in; what is written on both sides is left as it is.
    """
    requests = dict(given.get("requests") or {})
    limits = dict(given.get("limits") or {})
    for one, other in ((requests, limits), (limits, requests)):
        for name, amount in one.items():
            if is_extended(name):
                other.setdefault(name, amount)
    return without_empty({"requests": requests, "limits": limits})


def probes(spec: EndpointSpec) -> Manifest:
    """The user's probes as written. Without a readiness probe, the documented default; others have none."""
    given: Manifest = plain(spec.worker.probes) if spec.worker.probes else {}
    return {"readinessProbe": default_readiness(spec), **given}


def default_readiness(spec: EndpointSpec) -> Manifest:
    """Ready when the server answers the load balancer's path; a gRPC server when it listens."""
    timing = {"periodSeconds": 10, "failureThreshold": 3}
    if port_name(spec.worker) == "grpc":
        return {"tcpSocket": {"port": port_number(spec.worker)}, **timing}
    path = spec.load_balancer.health_check_path if spec.load_balancer else DEFAULT_HEALTH_PATH
    return {"httpGet": {"path": path, "port": port_number(spec.worker)}, **timing}
