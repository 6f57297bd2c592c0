"""The simulated nodes: what they offer and how they look to the cluster. Pure.

Each is made in the image of a HyperPod instance type (`api.instance_types`), with the labels that AWS's
clients and the operator read. `agent.heartbeat` registers them and keeps them alive.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from hyperpod_inference.api import names
from hyperpod_inference.api.instance_types import INSTANCE_TYPES, InstanceType
from hyperpod_inference.local.network import NODE_ADDRESSES

KUBELET_PORT = 10250
CLUSTER_NAME = "hyperpod-local"
REGION, ZONE = "us-west-2", "us-west-2a"
KUBELET_VERSION = "v1.34.4"
_PODS = 110


class NodesError(Exception):
    """The nodes file cannot be used; the text says where, what came and what is allowed."""


@dataclass(frozen=True, slots=True)
class LocalNode:
    """One node. `address` is its InternalIP; `labels` are added to the usual ones."""

    name: str
    instance_type: InstanceType
    address: str
    instance_group: str
    zone: str = ZONE
    labels: Mapping[str, str] = field(default_factory=dict)

    def capacity(self) -> dict[str, str]:
        """What the whole instance has."""
        kind = self.instance_type
        result = {
            "cpu": str(kind.vcpus),
            "memory": f"{kind.memory_gib}Gi",
            "pods": str(_PODS),
            "ephemeral-storage": f"{max(kind.nvme_gib, 100)}Gi",
        }
        if kind.accelerator_resource:
            result[kind.accelerator_resource] = str(kind.accelerator_count)
        if kind.efa_interfaces:
            result[names.RESOURCE_EFA] = str(kind.efa_interfaces)
        return result

    def allocatable(self) -> dict[str, str]:
        """What pods may use: an EKS node keeps some CPU and memory for itself."""
        kind = self.instance_type
        reserved_mib = 255 + 11 * _PODS + 100
        return self.capacity() | {
            "cpu": f"{kind.vcpus * 1000 - 70 - 10 * (kind.vcpus > 1)}m",
            "memory": f"{kind.memory_gib * 1024 - reserved_mib}Mi",
        }

    def body(self) -> dict[str, Any]:
        """The Node to register, without its status."""
        kind = self.instance_type
        labels = {
            names.NODE_HOSTNAME: self.name,
            names.NODE_INSTANCE_TYPE: kind.name,
            names.NODE_ZONE: self.zone,
            names.NODE_REGION: self.zone.rstrip("abcdef"),
            names.NODE_CLUSTER_NAME: CLUSTER_NAME,
            names.NODE_HEALTH: names.NODE_HEALTHY,
            names.NODE_COMPUTE_TYPE: "hyperpod",
            names.NODE_INSTANCE_GROUP: self.instance_group,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
        }
        metadata = {"name": self.name, "labels": labels | dict(self.labels)}
        provider = f"aws:///{self.zone}/sagemaker/cluster/{CLUSTER_NAME}/{self.name}"
        return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {"providerID": provider}}

    def status(self, now: datetime, since: str) -> dict[str, Any]:
        """A healthy node's status; `since` is when it became ready."""
        return {
            "capacity": self.capacity(),
            "allocatable": self.allocatable(),
            # No Hostname: nothing resolves it, and the API server would prefer it for logs.
            "addresses": [{"type": "InternalIP", "address": self.address}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": KUBELET_PORT}},
            "conditions": [_condition(*each, now, since) for each in _CONDITIONS],
            "nodeInfo": {
                "kubeletVersion": KUBELET_VERSION,
                "kubeProxyVersion": "",
                "containerRuntimeVersion": "hyperpod-local://1",
                "osImage": "local processes",
                "operatingSystem": "linux",
                "architecture": "amd64",
                "kernelVersion": "",
                "machineID": self.name,
                "systemUUID": self.name,
                "bootID": self.name,
            },
        }


_CONDITIONS = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "the node agent is posting ready status"),
)


def _condition(
    kind: str, status: str, reason: str, message: str, now: datetime, since: str
) -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lastTransitionTime": since,
    }


DEFAULT = ("ml.p4d.24xlarge", "ml.g5.24xlarge", "ml.g5.8xlarge", "ml.c5.4xlarge")
"""One node of three accelerated types, and one for the operator."""


def make(instance_types: Sequence[str], where: str = "nodes") -> list[LocalNode]:
    """Nodes of these types, one each, with addresses in order.

    Raises:
        NodesError: a type is not in the table, or there are too many.
    """
    if len(instance_types) > len(NODE_ADDRESSES):
        raise NodesError(f"{where}: {len(instance_types)} nodes asked for, at most {len(NODE_ADDRESSES)}")
    nodes = []
    for number, name in enumerate(instance_types):
        kind = INSTANCE_TYPES.get(name)
        if kind is None:
            raise NodesError(
                f"{where}[{number}]: instance type {name!r} is not known; see api/instance_types.py"
            )
        group = name.removeprefix("ml.").replace(".", "-")
        short = f"hyperpod-i-{number + 1:017x}"
        nodes.append(LocalNode(short, kind, NODE_ADDRESSES[number], group))
    return nodes


def load(path: Path | None) -> list[LocalNode]:
    """The nodes of a file, or the default ones.

    The file is YAML or JSON: a list of instance types, or of `{instanceType, count, zone, labels}`.

    Raises:
        NodesError: it is not such a list.
    """
    if path is None:
        return make(DEFAULT)
    try:
        raw = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise NodesError(f"{path}: {error}") from error
    if not isinstance(raw, list) or not raw:
        raise NodesError(f"{path}: got {json.dumps(raw)[:60]}, expected a list of instance types")
    entries = [_entry(path, number, each) for number, each in enumerate(raw)]
    spread = [entry for entry in entries for _ in range(entry["count"])]
    nodes = make([entry["instanceType"] for entry in spread], str(path))
    return [_with(node, entry) for node, entry in zip(nodes, spread, strict=True)]


def _entry(path: Path, number: int, raw: Any) -> dict[str, Any]:
    entry = {"instanceType": raw} if isinstance(raw, str) else raw
    allowed = {"instanceType", "count", "zone", "labels"}
    if not isinstance(entry, dict) or "instanceType" not in entry or set(entry) - allowed:
        raise NodesError(
            f"{path}[{number}]: got {json.dumps(raw)[:80]}, expected an instance type or an object with "
            f"{', '.join(sorted(allowed))}"
        )
    return {"count": 1, "zone": ZONE, "labels": {}} | entry


def _with(node: LocalNode, entry: Mapping[str, Any]) -> LocalNode:
    return LocalNode(
        node.name, node.instance_type, node.address, node.instance_group, entry["zone"], entry["labels"]
    )
