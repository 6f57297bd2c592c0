"""What others install and endpoints need: storage drivers, the load balancer controller, KEDA.

Each is judged by what endpoints ask for: what nobody needs may be absent.
"""

from collections.abc import Sequence

from hyperpod_inference.api import names
from hyperpod_inference.diagnosis.observed import Body, Cluster, Findings, labels_of, missing, ok, wrong

DRIVERS = {
    "s3": (names.S3_CSI_DRIVER, "aws-mountpoint-s3-csi-driver"),
    "fsx": (names.FSX_CSI_DRIVER, "aws-fsx-csi-driver"),
}
KEDA_LABEL = {names.LABEL_NAME: "keda-operator"}


def drivers(cluster: Cluster, endpoints: Sequence[Body]) -> Findings:
    """The CSI driver of every model source in use."""
    check = "drivers"
    for source, (driver, addon) in DRIVERS.items():
        users = [each for each in endpoints if _source(each) == source]
        if not users:
            continue
        if cluster.of("CSIDriver").find(driver) is None:
            fix = (
                f"`aws eks create-addon --addon-name {addon} --cluster-name "
                f"{cluster.settings.eks_cluster_name or 'NAME'}`"
                "; an inference add-on that failed for want of it is deleted and created again."
            )
            yield missing(check, f"CSIDriver {driver}, which mounts the models of {_named(users)}", fix)
        else:
            yield ok(check, f"{driver}, for {_named(users)}")


def load_balancers(cluster: Cluster, endpoints: Sequence[Body]) -> Findings:
    """The AWS Load Balancer Controller, where an endpoint is there to have a load balancer."""
    check, users = "load balancers", list(endpoints)
    if not users:
        return
    if cluster.of("IngressClass").find(names.INGRESS_CLASS) is None:
        yield missing(
            check,
            f"IngressClass {names.INGRESS_CLASS}, so {_named(users)} can be reached inside the cluster only",
            "Install the AWS Load Balancer Controller: alb.enabled with its role in the add-on's "
            "configuration, or "
            "your own with alb.enabled: false. It needs subnets tagged kubernetes.io/role/internal-elb=1.",
        )
        return
    yield ok(check, f"IngressClass {names.INGRESS_CLASS}")


def keda(cluster: Cluster, endpoints: Sequence[Body]) -> Findings:
    """KEDA, where an endpoint asks to be scaled."""
    check, users = "keda", [each for each in endpoints if _scales(each)]
    if not users:
        return
    if cluster.of("CustomResourceDefinition").find(names.CRD_SCALED_OBJECTS) is None:
        fix = (
            "keda.enabled with its role in the add-on's configuration, or a KEDA of your own in any "
            "namespace."
        )
        yield missing(check, f"CRD {names.CRD_SCALED_OBJECTS}, which scales {_named(users)}", fix)
        return
    running = [pod for pod in cluster.of("Pod").all() if KEDA_LABEL.items() <= labels_of(pod).items()]
    running += [pod for pod in cluster.of("Pod").all() if labels_of(pod).get("app") == "keda-operator"]
    if not any(pod.get("status", {}).get("phase") == "Running" for pod in running):
        fix = (
            "`kubectl get deployments -A | grep keda`: its pods say why they do not run; it may be in any "
            "namespace."
        )
        yield wrong(
            check, f"its kinds are installed, but no keda-operator runs; {_named(users)} keeps its size", fix
        )
        return
    yield ok(check, f"runs in {running[0]['metadata']['namespace']}")


def _source(endpoint: Body) -> str:
    """s3 for what comes from the hub too: its weights are in a bucket."""
    if endpoint.get("kind") == names.KIND_JUMPSTART:
        return "s3"
    return str((endpoint["spec"].get("modelSourceConfig") or {}).get("modelSourceType", ""))


def _scales(endpoint: Body) -> bool:
    return bool(endpoint["spec"].get("autoScalingSpec"))


def _named(endpoints: list[Body]) -> str:
    told = [f"{each['metadata']['namespace']}/{each['metadata']['name']}" for each in endpoints]
    return ", ".join(told[:3]) + (f" and {len(told) - 3} more" if len(told) > 3 else "")
