"""The model container and the additions to its pod."""

from typing import Annotated

from pydantic import Field

from hyperpod_inference.api import names
from hyperpod_inference.api.base import ByName, Items, Rule, Value, schema
from hyperpod_inference.api.kubernetes.common import ContainerResources, EnvVar
from hyperpod_inference.api.kubernetes.containers import Container, Probe
from hyperpod_inference.api.kubernetes.volumes import Volume
from hyperpod_inference.api.pod_rules import MOUNT_RULES
from hyperpod_inference.api.versions import SINCE_V1

DnsName = Annotated[
    str,
    Field(max_length=253, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"),
]


class KubernetesSpec(Value):
    """Additions to the model's pods."""

    init_containers: Items[Container] | None = None
    """Containers (core/v1) that run after the operator's own and before the model."""
    scheduler_name: DnsName | None = None
    """Scheduler of the pods."""
    service_account_name: DnsName | None = None
    """Service account of the pods."""
    volumes: Items[Volume] | None = None
    """Volumes (core/v1) of the pods."""


class InvocationPort(Value):
    """Port of the model server."""

    container_port: Annotated[int, Field(ge=1, le=65535), schema(format="int32")]
    """Port number."""
    name: Annotated[str, Field(pattern=r"^http$|^grpc$")] = "http"
    """Protocol: http or grpc."""


class ModelVolumeMount(Value):
    """Where the model appears in the container."""

    mount_path: str = names.MODEL_MOUNT_PATH
    """Directory in the container."""
    name: str
    """Name of the volume."""

    rules = MOUNT_RULES


class Probes(Value):
    """Health checks of the model container (core/v1)."""

    liveness_probe: Probe | None = None
    """Restarts the container when it fails (core/v1)."""
    readiness_probe: Probe | None = None
    """Holds traffic back while it fails (core/v1)."""
    startup_probe: Probe | None = None
    """Holds the other probes back until it succeeds (core/v1)."""


class RequestLimits(Value):
    """How much one pod takes at once; enforced by the proxy, so metrics must be enabled."""

    max_concurrent_requests: Annotated[int, Field(ge=1), schema(format="int32")] | None = None
    """Requests in work at once."""
    max_queue_size: Annotated[int, Field(ge=0), schema(format="int32")] | None = None
    """Requests that may wait, for 60 seconds at most."""
    overflow_status_code: Annotated[int, Field(ge=400, le=599), schema(format="int32")] = 429
    """HTTP status of a refused request."""


class Worker(Value):
    """The model container."""

    args: Annotated[Items[str] | None, SINCE_V1] = None
    """Arguments of the command."""
    command: Annotated[Items[str] | None, SINCE_V1] = None
    """Command; the image's own when absent."""
    environment_variables: ByName[EnvVar] | None = None
    """Environment (core/v1)."""
    image: str
    """Image of the model server."""
    model_invocation_port: InvocationPort
    """Port of the model server."""
    model_volume_mount: ModelVolumeMount
    """Where the model appears in the container."""
    probes: Annotated[Probes | None, SINCE_V1] = None
    """Health checks; a readiness probe is made when absent."""
    request_limits: Annotated[RequestLimits | None, SINCE_V1] = None
    """How much one pod takes at once."""
    resources: ContainerResources
    """Requests and limits (core/v1)."""
    working_dir: Annotated[str | None, SINCE_V1] = None
    """Working directory; the image's own when absent."""

    rules = (
        Rule(
            cel="self.image != ''",
            message="the image is empty: name the image of the model server",
            field="image",
            holds=lambda worker: worker.image != "",
        ),
    )
