"""The private network of a local cluster: its ranges and the commands that set it up.

Addresses of pods, nodes and services are all local to the loopback device of one network namespace, so every
process of the cluster reaches every other by its real address. `supervisor` runs the commands,
`prerequisites` tries them out, `components` and `pki` use the addresses.
"""

import ipaddress

POD_RANGE = "10.244.0.0/16"
SERVICE_RANGE = "10.96.0.0/16"

# The API server listens on the first address of the service range: the ClusterIP of Service
# default/kubernetes, so that pods reach it by their environment without any forwarding.
API_ADDRESS = "10.96.0.1"
API_PORT = 443
API_URL = f"https://{API_ADDRESS}:{API_PORT}"

ISSUER = "kubernetes.default.svc.cluster.local"
"""Whose tokens service accounts have: the host of an https:// URL, as IAM names a provider."""

IDENTITY_AGENT = "169.254.170.23"
"""Where pods on EKS ask for the credentials of their role: an address of each node itself."""
_FIRST_NODE = ipaddress.IPv4Address("10.244.255.1")
NODE_ADDRESSES = tuple(str(_FIRST_NODE + number) for number in range(64))


def setup_commands(ip: str) -> tuple[tuple[str, ...], ...]:
    """The commands, in order, that make the ranges local inside the namespace. `ip` is the tool's path."""
    return (
        (ip, "link", "set", "lo", "up"),
        (ip, "route", "add", "local", POD_RANGE, "dev", "lo"),
        (ip, "route", "add", "local", SERVICE_RANGE, "dev", "lo"),
        (ip, "route", "add", "local", IDENTITY_AGENT, "dev", "lo"),
    )


def unshare_command(unshare: str) -> tuple[str, ...]:
    """The prefix that runs a command as process 1 of new user, network, mount and pid namespaces.

    Killing either `unshare` or that process ends everything inside.
    """
    return (unshare, "-Urnmpf", "--kill-child", "--")
