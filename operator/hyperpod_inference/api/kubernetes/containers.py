"""A container of a pod, its probes and its security context."""

from typing import Annotated

from pydantic import Field

from hyperpod_inference.api.base import Atomic, ByName, Int32, Int64, IntOrString, Items, Value, schema
from hyperpod_inference.api.kubernetes.common import EnvFromSource, EnvVar, ResourceRequirements


class ExecAction(Value):
    """A command in the container; success is exit status 0."""

    command: Atomic[str] | None = None


class GRPCAction(Value):
    """A gRPC health check."""

    port: Int32
    service: str = ""


class HTTPHeader(Value):
    """A header to send."""

    name: str
    value: str


class HTTPGetAction(Value):
    """A GET request; success is a status from 200 to 399."""

    host: str | None = None
    http_headers: Atomic[HTTPHeader] | None = None
    path: str | None = None
    port: IntOrString
    scheme: str | None = None


class TCPSocketAction(Value):
    """A TCP connection."""

    host: str | None = None
    port: IntOrString


class SleepAction(Value):
    """A pause before the container is stopped."""

    seconds: Int64


class Probe(Value):
    """A health check of a container, made by the kubelet."""

    exec: ExecAction | None = None
    failure_threshold: Int32 | None = None
    grpc: GRPCAction | None = None
    http_get: HTTPGetAction | None = None
    initial_delay_seconds: Int32 | None = None
    period_seconds: Int32 | None = None
    success_threshold: Int32 | None = None
    tcp_socket: TCPSocketAction | None = None
    termination_grace_period_seconds: Int64 | None = None
    timeout_seconds: Int32 | None = None


class LifecycleHandler(Value):
    """What to do at one moment of a container's life."""

    exec: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    sleep: SleepAction | None = None
    tcp_socket: TCPSocketAction | None = None


class Lifecycle(Value):
    """What to do after a container starts and before it stops."""

    post_start: LifecycleHandler | None = None
    pre_stop: LifecycleHandler | None = None
    stop_signal: str | None = None


class ContainerPort(Value):
    """A port that a container listens on."""

    container_port: Int32
    host_ip: Annotated[str | None, Field(alias="hostIP")] = None
    host_port: Int32 | None = None
    name: str | None = None
    protocol: str = "TCP"


class ResizePolicy(Value):
    """Whether a change of one resource restarts the container."""

    resource_name: str
    restart_policy: str


class ExitCodes(Value):
    """Exit statuses that a restart rule is about."""

    operator: str
    values: Annotated[Items[Int32] | None, schema(x_kubernetes_list_type="set")] = None


class RestartRule(Value):
    """What to do on certain exit statuses."""

    action: str
    exit_codes: ExitCodes | None = None


class Profile(Value):
    """An AppArmor or seccomp profile."""

    localhost_profile: str | None = None
    type: str


class Capabilities(Value):
    """Linux capabilities to add and to drop."""

    add: Atomic[str] | None = None
    drop: Atomic[str] | None = None


class SELinuxOptions(Value):
    """An SELinux label."""

    level: str | None = None
    role: str | None = None
    type: str | None = None
    user: str | None = None


class WindowsOptions(Value):
    """Settings of a Windows container."""

    gmsa_credential_spec: str | None = None
    gmsa_credential_spec_name: str | None = None
    host_process: bool | None = None
    run_as_user_name: str | None = None


class SecurityContext(Value):
    """A container's privileges."""

    allow_privilege_escalation: bool | None = None
    app_armor_profile: Profile | None = None
    capabilities: Capabilities | None = None
    privileged: bool | None = None
    proc_mount: str | None = None
    read_only_root_filesystem: bool | None = None
    run_as_group: Int64 | None = None
    run_as_non_root: bool | None = None
    run_as_user: Int64 | None = None
    se_linux_options: SELinuxOptions | None = None
    seccomp_profile: Profile | None = None
    windows_options: WindowsOptions | None = None


class VolumeDevice(Value):
    """A block device in a container."""

    device_path: str
    name: str


class VolumeMount(Value):
    """A volume in a container's file system."""

    mount_path: str
    mount_propagation: str | None = None
    name: str
    read_only: bool | None = None
    recursive_read_only: str | None = None
    sub_path: str | None = None
    sub_path_expr: str | None = None


def _merged_by(*keys: str) -> object:
    return schema(x_kubernetes_list_type="map", x_kubernetes_list_map_keys=list(keys))


class Container(Value):
    """A container of a pod."""

    args: Atomic[str] | None = None
    command: Atomic[str] | None = None
    env: ByName[EnvVar] | None = None
    env_from: Atomic[EnvFromSource] | None = None
    image: str | None = None
    image_pull_policy: str | None = None
    lifecycle: Lifecycle | None = None
    liveness_probe: Probe | None = None
    name: str
    ports: Annotated[Items[ContainerPort] | None, _merged_by("containerPort", "protocol")] = None
    readiness_probe: Probe | None = None
    resize_policy: Atomic[ResizePolicy] | None = None
    resources: ResourceRequirements | None = None
    restart_policy: str | None = None
    restart_policy_rules: Atomic[RestartRule] | None = None
    security_context: SecurityContext | None = None
    startup_probe: Probe | None = None
    stdin: bool | None = None
    stdin_once: bool | None = None
    termination_message_path: str | None = None
    termination_message_policy: str | None = None
    tty: bool | None = None
    volume_devices: Annotated[Items[VolumeDevice] | None, _merged_by("devicePath")] = None
    volume_mounts: Annotated[Items[VolumeMount] | None, _merged_by("mountPath")] = None
    working_dir: str | None = None
