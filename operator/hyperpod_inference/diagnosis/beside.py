"""What an endpoint needs in its namespace and the operator does not look at: ServiceAccount, LocalQueue."""

from hyperpod_inference.api import names
from hyperpod_inference.diagnosis.observed import (
    Body,
    Cluster,
    Findings,
    key_of,
    labels_of,
    missing,
    ok,
    wrong,
)
from hyperpod_inference.render.checks import USER_ASSIGNABLE


def account(cluster: Cluster, body: Body) -> Findings:
    """The ServiceAccount of the pods: pods of one that is gone, or not to be borrowed, are not created."""
    check, namespace = "service account", key_of(body)[0]
    name = (body["spec"].get("kubernetes") or {}).get("serviceAccountName")
    if not name:
        return
    found = cluster.of("ServiceAccount").find(name, namespace)
    label, _, value = USER_ASSIGNABLE.partition("=")
    allow = f"`kubectl label serviceaccount {name} -n {namespace} {USER_ASSIGNABLE}`"
    if found is None:
        fix = (
            f"An administrator creates it: `kubectl create serviceaccount {name} -n {namespace}`, then "
            f"{allow}"
        )
        yield missing(check, f"there is no ServiceAccount {namespace}/{name}, so no pod can be created", fix)
    elif labels_of(found).get(label) != value:
        yield wrong(
            check, f"{namespace}/{name} may not be used by endpoints: it lacks label {USER_ASSIGNABLE}", allow
        )
    else:
        yield ok(check, f"{namespace}/{name}")


def queue(cluster: Cluster, body: Body) -> Findings:
    """The LocalQueue of task governance: without it nothing is ever admitted."""
    check, namespace = "queue", key_of(body)[0]
    name = labels_of(body).get(names.LABEL_QUEUE)
    if not name:
        return
    if "LocalQueue" not in cluster.objects:
        fix = "Install the task governance add-on, or remove the label from the resource."
        yield missing(check, f"label {names.LABEL_QUEUE} names {name}, and Kueue is not installed", fix)
    elif cluster.of("LocalQueue").find(name, namespace) is None:
        there = ", ".join(each["metadata"]["name"] for each in cluster.of("LocalQueue").all()) or "none"
        fix = (
            f"Name one of this namespace in label {names.LABEL_QUEUE}: `kubectl get localqueues -n "
            f"{namespace}`."
        )
        yield missing(check, f"there is no LocalQueue {namespace}/{name}; there are: {there}", fix)
    else:
        yield ok(check, f"{namespace}/{name}")
