"""The nodes: are there any, healthy ones, with the devices that their type has."""

from hyperpod_inference.api import conditions, names
from hyperpod_inference.api.instance_types import INSTANCE_TYPES, InstanceType
from hyperpod_inference.diagnosis.observed import Body, Cluster, Findings, labels_of, missing, ok, wrong

MIG_STATE = "nvidia.com/mig.config.state"
MIG_PREFIX = "nvidia.com/mig-"
PLUGINS = {names.RESOURCE_GPU: "nvidia-device-plugin", names.RESOURCE_NEURON: "neuron-device-plugin"}


def nodes(cluster: Cluster) -> Findings:
    """Nodes on which something can run."""
    check, found = "nodes", cluster.of("Node").all()
    if not found:
        yield missing(check, "the cluster has none", "Add an instance group to the HyperPod cluster.")
        return
    bad = [each for each in found if not _is_usable(each)]
    told = ", ".join(each["metadata"]["name"] for each in bad[:3])
    look = f"`kubectl get nodes -L {names.NODE_HEALTH}`; HyperPod replaces unhealthy instances by itself."
    if len(bad) == len(found):
        yield wrong(check, f"none of {len(found)} can take pods: {told}", look)
    else:
        yield ok(check, f"{len(found) - len(bad)} of {len(found)} can take pods", look if bad else "")


def devices(cluster: Cluster) -> Findings:
    """Nodes of a type with accelerators offer them."""
    check, bare = "devices", list[str]()
    offering: dict[str, int] = {}
    for node in cluster.of("Node").all():
        kind = _type_of(node)
        resource = kind.accelerator_resource if kind else None
        if resource is None:
            continue
        if _offers(node, resource):
            offering[resource] = offering.get(resource, 0) + 1
        else:
            bare.append(f"{node['metadata']['name']} ({resource})")
    if bare:
        wanted = PLUGINS.get(bare[0].split("(")[1].rstrip(")"), "device plugin")
        fix = (
            f"Its device plugin has to run there: `kubectl get daemonsets -A | grep {wanted}`; install it, "
            "and the driver."
        )
        yield wrong(check, f"nodes without the accelerators that their type has: {', '.join(bare[:5])}", fix)
    elif offering:
        yield ok(
            check, ", ".join(f"{many} nodes with {resource}" for resource, many in sorted(offering.items()))
        )


def partitions(cluster: Cluster) -> Findings:
    """Nodes that were to be partitioned (MIG) are."""
    check = "partitions"
    for node in cluster.of("Node").all():
        state = labels_of(node).get(MIG_STATE, "").lower()
        name, asked = node["metadata"]["name"], labels_of(node).get("nvidia.com/mig.config", "")
        if state == "failed":
            fix = (
                f"The profile must be one of the GPU's: `kubectl label node {name} "
                "nvidia.com/mig.config=PROFILE --overwrite`."
            )
            yield wrong(check, f"node {name} could not be cut into {asked or 'partitions'}", fix)


def _is_usable(node: Body) -> bool:
    ready = conditions.is_true((node.get("status") or {}).get("conditions") or (), "Ready")
    healthy = labels_of(node).get(names.NODE_HEALTH, names.NODE_HEALTHY) == names.NODE_HEALTHY
    return ready and healthy and not (node.get("spec") or {}).get("unschedulable")


def _type_of(node: Body) -> InstanceType | None:
    return INSTANCE_TYPES.get(labels_of(node).get(names.NODE_INSTANCE_TYPE, ""))


def _offers(node: Body, resource: str) -> bool:
    """Whether the node offers whole devices, or partitions of them."""
    offered = (node.get("status") or {}).get("allocatable") or {}
    parts = [key for key in offered if key.startswith(MIG_PREFIX)] if resource == names.RESOURCE_GPU else []
    return any(str(offered.get(key, "0")) != "0" for key in (resource, *parts))
