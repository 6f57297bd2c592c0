"""A container of a pod, its probes and its security context."""

from typing import Annotated

from pydantic import Field

from hyperpod_inference.api.base import Atomic, ByName, Int32, Int64, IntOrString, Items, Value, schema
from hyperpod_inference.api.kubernetes.common import EnvFromSource, EnvVar, ResourceRequirements


class ExecAction(Value):
    """A command in the container; success is exit status 0."""

    command: Atomic[str] | None = None
    """Program and arguments, no shell."""


class GRPCAction(Value):
    """A gRPC health check."""

    port: Int32
    """Port of the service."""
    service: str = ""
    """Name sent along."""


class HTTPHeader(Value):
    """A header to send."""

    name: str
    """Its name."""
    value: str
    """Its value."""


class HTTPGetAction(Value):
    """A GET request; success is a status from 200 to 399."""

    host: str | None = None
    """Host; the pod's IP by default."""
    http_headers: Atomic[HTTPHeader] | None = None
    """Headers to send."""
    path: str | None = None
    """Path to get."""
    port: IntOrString
    """Port or its name."""
    scheme: str | None = None
    """HTTP or HTTPS."""


class TCPSocketAction(Value):
    """A TCP connection."""

    host: str | None = None
    """Host; the pod's IP by default."""
    port: IntOrString
    """Port or its name."""


class SleepAction(Value):
    """A pause before the container is stopped."""

    seconds: Int64
    """How long."""


class Probe(Value):
    """A health check of a container, made by the kubelet."""

    exec: ExecAction | None = None
    """Run a command."""
    failure_threshold: Int32 | None = None
    """Failures in a row that count."""
    grpc: GRPCAction | None = None
    """Ask a gRPC service."""
    http_get: HTTPGetAction | None = None
    """Get a URL."""
    initial_delay_seconds: Int32 | None = None
    """Wait before the first."""
    period_seconds: Int32 | None = None
    """Time between two."""
    success_threshold: Int32 | None = None
    """Successes in a row that count."""
    tcp_socket: TCPSocketAction | None = None
    """Open a connection."""
    termination_grace_period_seconds: Int64 | None = None
    """Time to end after a failure."""
    timeout_seconds: Int32 | None = None
    """Time for an answer."""


class LifecycleHandler(Value):
    """What to do at one moment of a container's life."""

    exec: ExecAction | None = None
    """Run a command."""
    http_get: HTTPGetAction | None = None
    """Get a URL."""
    sleep: SleepAction | None = None
    """Wait."""
    tcp_socket: TCPSocketAction | None = None
    """Not used any more."""


class Lifecycle(Value):
    """What to do after a container starts and before it stops."""

    post_start: LifecycleHandler | None = None
    """After the start."""
    pre_stop: LifecycleHandler | None = None
    """Before the end."""
    stop_signal: str | None = None
    """Signal that ends it."""


class ContainerPort(Value):
    """A port that a container listens on."""

    container_port: Int32
    """The port."""
    host_ip: Annotated[str | None, Field(alias="hostIP")] = None
    """Address of the node."""
    host_port: Int32 | None = None
    """Port of the node."""
    name: str | None = None
    """Name for Services."""
    protocol: str = "TCP"
    """TCP, UDP or SCTP."""


class ResizePolicy(Value):
    """Whether a change of one resource restarts the container."""

    resource_name: str
    """cpu or memory."""
    restart_policy: str
    """NotRequired or RestartContainer."""


class ExitCodes(Value):
    """Exit statuses that a restart rule is about."""

    operator: str
    """In or NotIn."""
    values: Annotated[Items[Int32] | None, schema(x_kubernetes_list_type="set")] = None
    """Exit statuses."""


class RestartRule(Value):
    """What to do on certain exit statuses."""

    action: str
    """What to do: Restart."""
    exit_codes: ExitCodes | None = None
    """On which statuses."""


class Profile(Value):
    """An AppArmor or seccomp profile."""

    localhost_profile: str | None = None
    """File on the node."""
    type: str
    """RuntimeDefault, Localhost or Unconfined."""


class Capabilities(Value):
    """Linux capabilities to add and to drop."""

    add: Atomic[str] | None = None
    """To add."""
    drop: Atomic[str] | None = None
    """To drop."""


class SELinuxOptions(Value):
    """An SELinux label."""

    level: str | None = None
    """Level."""
    role: str | None = None
    """Role."""
    type: str | None = None
    """Type."""
    user: str | None = None
    """User."""


class WindowsOptions(Value):
    """Settings of a Windows container."""

    gmsa_credential_spec: str | None = None
    """GMSA credential spec."""
    gmsa_credential_spec_name: str | None = None
    """Name of it."""
    host_process: bool | None = None
    """Whether it runs on the host."""
    run_as_user_name: str | None = None
    """User."""


class SecurityContext(Value):
    """A container's privileges."""

    allow_privilege_escalation: bool | None = None
    """Whether it may gain privileges."""
    app_armor_profile: Profile | None = None
    """AppArmor profile."""
    capabilities: Capabilities | None = None
    """Linux capabilities."""
    privileged: bool | None = None
    """Whether it is root on the node."""
    proc_mount: str | None = None
    """Kind of /proc."""
    read_only_root_filesystem: bool | None = None
    """Whether its root is read-only."""
    run_as_group: Int64 | None = None
    """Group id."""
    run_as_non_root: bool | None = None
    """Refuse to run as root."""
    run_as_user: Int64 | None = None
    """User id."""
    se_linux_options: SELinuxOptions | None = None
    """SELinux label."""
    seccomp_profile: Profile | None = None
    """Seccomp profile."""
    windows_options: WindowsOptions | None = None
    """Windows settings."""


class VolumeDevice(Value):
    """A block device in a container."""

    device_path: str
    """Path in the container."""
    name: str
    """Claim of the pod."""


class VolumeMount(Value):
    """A volume in a container's file system."""

    mount_path: str
    """Path in the container."""
    mount_propagation: str | None = None
    """How mounts are shared with the node."""
    name: str
    """The volume."""
    read_only: bool | None = None
    """Mount it read-only."""
    recursive_read_only: str | None = None
    """Read-only below too."""
    sub_path: str | None = None
    """Directory in the volume."""
    sub_path_expr: str | None = None
    """The same with $(VARIABLES)."""


def _merged_by(*keys: str) -> object:
    return schema(x_kubernetes_list_type="map", x_kubernetes_list_map_keys=list(keys))


class Container(Value):
    """A container of a pod."""

    args: Atomic[str] | None = None
    """Arguments."""
    command: Atomic[str] | None = None
    """Program, instead of the image's."""
    env: ByName[EnvVar] | None = None
    """Variables."""
    env_from: Atomic[EnvFromSource] | None = None
    """Variables from objects."""
    image: str | None = None
    """Image to run."""
    image_pull_policy: str | None = None
    """Always, IfNotPresent or Never."""
    lifecycle: Lifecycle | None = None
    """Hooks at start and end."""
    liveness_probe: Probe | None = None
    """Restart when it fails."""
    name: str
    """Its name."""
    ports: Annotated[Items[ContainerPort] | None, _merged_by("containerPort", "protocol")] = None
    """Ports it listens on."""
    readiness_probe: Probe | None = None
    """No traffic while it fails."""
    resize_policy: Atomic[ResizePolicy] | None = None
    """What a resize does."""
    resources: ResourceRequirements | None = None
    """Requests and limits."""
    restart_policy: str | None = None
    """Always makes it a sidecar."""
    restart_policy_rules: Atomic[RestartRule] | None = None
    """Restart by exit status."""
    security_context: SecurityContext | None = None
    """Its privileges."""
    startup_probe: Probe | None = None
    """Others wait for it."""
    stdin: bool | None = None
    """Keep stdin open."""
    stdin_once: bool | None = None
    """Close it after one use."""
    termination_message_path: str | None = None
    """File of its last words."""
    termination_message_policy: str | None = None
    """File or FallbackToLogsOnError."""
    tty: bool | None = None
    """Give it a terminal."""
    volume_devices: Annotated[Items[VolumeDevice] | None, _merged_by("devicePath")] = None
    """Block devices."""
    volume_mounts: Annotated[Items[VolumeMount] | None, _merged_by("mountPath")] = None
    """Volumes in its file system."""
    working_dir: str | None = None
    """Working directory."""
