"""The parts of a local cluster and their command lines.

Pure: from a plan and a state directory to argument lists, in starting order. `supervisor` starts them. Flags
are chosen for one small machine: little memory, no leader election, no fsync for data that is thrown away.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from hyperpod_inference.local.network import API_ADDRESS, API_PORT, API_URL, ISSUER, POD_RANGE, SERVICE_RANGE
from hyperpod_inference.local.paths import StateDir
from hyperpod_inference.local.plan import Plan

AGENT = "node-agent"
CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")

# Seconds from start to ready on two cores.
EXPECTED = {
    "etcd": 1.0,
    "kube-apiserver": 4.0,
    "kube-controller-manager": 2.0,
    "kube-scheduler": 2.0,
    AGENT: 3.0,
}

# Collect garbage sooner than Go does by default: a third less memory for a few percent of processor time.
_LOW_MEMORY = {"GOGC": "50"}


@dataclass(frozen=True, slots=True)
class Component:
    """A process to start. It is ready when `ready_url` answers 200; empty where readiness shows elsewhere."""

    name: str
    argv: tuple[str, ...]
    ready_url: str
    env: Mapping[str, str] = field(default_factory=dict)


def control_plane(plan: Plan, state: StateDir) -> tuple[Component, ...]:
    """The four parts of the control plane, in starting order."""
    flags = {
        "etcd": (_etcd(state), "http://127.0.0.1:2381/readyz"),
        "kube-apiserver": (_apiserver(state), f"{API_URL}/readyz"),
        "kube-controller-manager": (_controller_manager(state), "https://127.0.0.1:10257/healthz"),
        "kube-scheduler": (_scheduler(state), "https://127.0.0.1:10259/readyz"),
    }
    return tuple(
        Component(name, (*plan.commands[name], *_rendered(options)), url, _LOW_MEMORY)
        for name, (options, url) in flags.items()
    )


def node_agent(plan: Plan, state: StateDir) -> Component:
    """The node agent, which registers the nodes and runs their pods."""
    nodes = ("--nodes", plan.nodes) if plan.nodes else ()
    kubeconfig = str(state.component_kubeconfig("agent"))
    module = (sys.executable, "-P", "-m", "hyperpod_inference.local.agent")
    argv = (*module, "--kubeconfig", kubeconfig, "--state", str(state.root), *nodes)
    return Component(AGENT, argv, "")


def _rendered(options: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(f"--{name}={value}" for name, value in options.items())


def _etcd(state: StateDir) -> dict[str, object]:
    client, peer = "https://127.0.0.1:2379", "http://127.0.0.1:2380"
    return {
        "name": "local",
        "data-dir": state.etcd,
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"local={peer}",
        "listen-metrics-urls": "http://127.0.0.1:2381",
        "cert-file": state.pki / "etcd.crt",
        "key-file": state.pki / "etcd.key",
        "client-cert-auth": "true",
        "trusted-ca-file": state.pki / "etcd-ca.crt",
        "unsafe-no-fsync": "true",
        "snapshot-count": 5000,
        "log-level": "warn",
    }


def _apiserver(state: StateDir) -> dict[str, object]:
    pki = state.pki
    return {
        "bind-address": API_ADDRESS,
        "secure-port": API_PORT,
        "advertise-address": API_ADDRESS,
        # Nothing registers the server's address as an endpoint of Service default/kubernetes:
        # the server itself listens on that Service's ClusterIP.
        "endpoint-reconciler-type": "none",
        "tls-cert-file": pki / "apiserver.crt",
        "tls-private-key-file": pki / "apiserver.key",
        "client-ca-file": pki / "ca.crt",
        "authorization-mode": "RBAC",
        "allow-privileged": "true",
        "service-cluster-ip-range": SERVICE_RANGE,
        "service-account-issuer": f"https://{ISSUER}",
        "service-account-key-file": pki / "service-account.pub",
        "service-account-signing-key-file": pki / "service-account.key",
        **_apiserver_backends(state),
        "event-ttl": "1h",
        "profiling": "false",
        "shutdown-delay-duration": "0s",
    }


def _apiserver_backends(state: StateDir) -> dict[str, object]:
    pki = state.pki
    return {
        "etcd-servers": "https://127.0.0.1:2379",
        "etcd-cafile": pki / "etcd-ca.crt",
        "etcd-certfile": pki / "apiserver-etcd-client.crt",
        "etcd-keyfile": pki / "apiserver-etcd-client.key",
        "kubelet-certificate-authority": pki / "ca.crt",
        "kubelet-client-certificate": pki / "apiserver-kubelet-client.crt",
        "kubelet-client-key": pki / "apiserver-kubelet-client.key",
        "kubelet-preferred-address-types": "InternalIP",
        "requestheader-client-ca-file": pki / "front-proxy-ca.crt",
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-username-headers": "X-Remote-User",
        "proxy-client-cert-file": pki / "front-proxy-client.crt",
        "proxy-client-key-file": pki / "front-proxy-client.key",
    }


def _controller_manager(state: StateDir) -> dict[str, object]:
    return {
        **_loopback_server(state, "controller-manager"),
        "root-ca-file": state.pki / "ca.crt",
        "service-account-private-key-file": state.pki / "service-account.key",
        "use-service-account-credentials": "true",
        "cluster-name": "hyperpod-local",
        "cluster-cidr": POD_RANGE,
        # The node agent gives out the pods' addresses itself.
        "allocate-node-cidrs": "false",
    }


def _scheduler(state: StateDir) -> dict[str, object]:
    return _loopback_server(state, "scheduler")


def _loopback_server(state: StateDir, client: str) -> dict[str, object]:
    """What the controller manager and the scheduler share: one API client, one health port on loopback."""
    kubeconfig = state.component_kubeconfig(client)
    return {
        "kubeconfig": kubeconfig,
        "authentication-kubeconfig": kubeconfig,
        "authorization-kubeconfig": kubeconfig,
        "bind-address": "127.0.0.1",
        "tls-cert-file": state.pki / "loopback.crt",
        "tls-private-key-file": state.pki / "loopback.key",
        "leader-elect": "false",
        # The default of 20 requests a second makes the first seconds three times as long.
        "kube-api-qps": 200,
        "kube-api-burst": 400,
        "profiling": "false",
    }
