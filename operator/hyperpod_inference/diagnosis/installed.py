"""The installation, from the definitions to the nodes: each check is a pure function of what was observed."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from hyperpod_inference.api import conditions, names
from hyperpod_inference.api.crd import crd_name
from hyperpod_inference.api.kinds import KINDS
from hyperpod_inference.diagnosis.admission import admission
from hyperpod_inference.diagnosis.nodes import devices, nodes, partitions
from hyperpod_inference.diagnosis.observed import (
    Body,
    Cluster,
    Findings,
    checked,
    key_of,
    missing,
    ok,
    waiting,
    wrong,
)
from hyperpod_inference.diagnosis.webhook import webhook
from hyperpod_inference.installation.preflight import Finding
from hyperpod_inference.status import causes

FORBIDDEN = re.compile(r"is forbidden: User \S+ cannot (\w+) resource \W*([\w/]+)")
APPLY_AGAIN = "Apply the manifests of its own version again, or update the add-on: the roles come with them."
REMOTE_CLOCK = timedelta(seconds=60)
"""How far this machine's clock may be from the cluster's before a lease looks abandoned."""


def examined(cluster: Cluster) -> list[Finding]:
    """Every finding about the installation itself."""
    return checked((name, partial(check, cluster)) for name, check in CHECKS.items())


def _definitions(cluster: Cluster) -> Findings:
    check = "definitions"
    found = {each["metadata"]["name"]: each for each in cluster.of("CustomResourceDefinition").all()}
    absent = [name for name in map(crd_name, KINDS) if name not in found]
    if absent:
        fix = (
            "`hyperpod-inference crds | kubectl apply --server-side -f -`; they come with "
            "`hyperpod-inference "
            "manifests`, and with the add-on."
        )
        yield missing(check, f"not in the cluster: {', '.join(absent)}", fix)
    for name in map(crd_name, KINDS):
        if name in found:
            yield from _definition(check, cluster, found[name])
    if not absent:
        yield ok(check, f"{len(KINDS)} kinds of {names.GROUP}")


def _definition(check: str, cluster: Cluster, definition: Body) -> Findings:
    name = definition["metadata"]["name"]
    if definition["metadata"].get("deletionTimestamp"):
        left = cluster.of(definition["spec"]["names"]["kind"]).all()
        held = ", ".join("/".join(key_of(each)) for each in left[:3]) or "none that can be seen"
        fix = (
            "Let a running operator finish the deletion of these resources; it removes what they made in "
            "AWS. Only "
            "if no operator will ever run again, empty their metadata.finalizers. Before the next "
            "uninstall, delete "
            "all resources first and wait."
        )
        yield wrong(check, f"{name} is being deleted and waits for {len(left)} resources: {held}", fix)
        return
    status = (definition.get("status") or {}).get("conditions") or ()
    if not conditions.is_true(status, "Established"):
        told = conditions.find(status, "Established") or {}
        yield wrong(
            check,
            f"{name} is not established: {told.get('message') or 'the API server does not say why'}",
            f"`kubectl describe crd {name}`; applying the definitions again puts a clash of names right.",
        )


def _operator(cluster: Cluster) -> Findings:
    check, settings = "operator", cluster.settings
    where = f"{settings.namespace}/{names.OPERATOR_NAME}"
    deployment = cluster.of("Deployment").find(names.OPERATOR_NAME, settings.namespace)
    if deployment is None:
        fix = "`hyperpod-inference manifests | kubectl apply --server-side -f -`, or install the EKS add-on."
        yield missing(check, f"there is no Deployment {where}", fix)
        return
    status, wanted = deployment.get("status") or {}, deployment["spec"].get("replicas", 1)
    if status.get("availableReplicas", 0) >= 1:
        image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
        yield ok(check, f"{status['availableReplicas']} of {wanted} replicas of {image}")
        return
    scale = f"`kubectl scale deployment {names.OPERATOR_NAME} -n {settings.namespace} --replicas=1`"
    if wanted == 0:
        yield wrong(check, f"{where} is scaled to 0, so nothing is reconciled", scale)
        return
    yield _unavailable(check, cluster, deployment)


def _unavailable(check: str, cluster: Cluster, deployment: Body) -> Finding:
    namespace, name = key_of(deployment)
    pods = cluster.pods(namespace, deployment["spec"]["selector"]["matchLabels"])
    found = [(pod, causes.cause(pod, cluster.events_of(pod))) for pod in pods if not causes.is_ready(pod)]
    for _, cause in found:
        if cause is None:
            continue
        if denied := _denied(cluster, namespace, cause.pod):
            return wrong(
                check, f"pod {cause.pod} {cause.happened} Its role does not let it {denied}", APPLY_AGAIN
            )
        return wrong(check, f"pod {cause.pod} {cause.happened}", _step(cluster, cause))
    if pods:
        return waiting(
            check, f"its pod {pods[0]['metadata']['name']} starts", f"`kubectl get pods -n {namespace}`"
        )
    failed = conditions.find((deployment.get("status") or {}).get("conditions") or (), "ReplicaFailure") or {}
    why = failed.get("message") or "no pod was created for it"
    return wrong(
        check, f"{namespace}/{name} has no pod: {why}", f"`kubectl describe replicasets -n {namespace}`"
    )


def _step(cluster: Cluster, cause: causes.Cause) -> str:
    """What to do about the operator's own pod: advice about probes and loading is for models."""
    namespace = cluster.settings.namespace
    if cause.reason == conditions.PROBE_FAILED:
        return (
            "Often it is the execution role: `hyperpod-inference doctor --aws` compares its trust policy. "
            "Its log says "
            f"more: `kubectl logs -n {namespace} {cause.pod} --previous`."
        )
    if cause.reason == causes.READINESS_FAILED:
        return f"Its log says what it waits for: `kubectl logs -n {namespace} {cause.pod}`."
    return cause.next_step


def _denied(cluster: Cluster, namespace: str, pod: str) -> str:
    """'list serviceaccounts': the last that the API server denied it, by its log; '' when nothing."""
    text = "".join(cluster.logs.get((namespace, pod), {}).values())
    found = FORBIDDEN.findall(text)
    return " ".join(found[-1]) if found else ""


def _leader(cluster: Cluster) -> Findings:
    check, namespace = "leader", cluster.settings.namespace
    lease = cluster.of("Lease").find(names.OPERATOR_LEASE, namespace)
    if lease is None:
        fix = "One replica takes it within seconds of its start: look at `operator` above."
        yield missing(check, f"nobody holds Lease {namespace}/{names.OPERATOR_LEASE}", fix)
        return
    holder, until = lease["spec"].get("holderIdentity") or "", _lease_end(lease["spec"])
    if holder and until is not None and cluster.now <= until + REMOTE_CLOCK:
        yield ok(check, holder)
        return
    since = f"since {conditions.timestamp(until)}" if until else "yet"
    fix = f"`kubectl logs -n {namespace} deployment/{names.OPERATOR_NAME}` says why no replica takes it."
    yield wrong(check, f"no replica leads {since}; the last was {holder or 'none'}", fix)


def _lease_end(spec: Body) -> datetime | None:
    renewed: Any = spec.get("renewTime")
    if not renewed:
        return None
    return datetime.fromisoformat(renewed) + timedelta(seconds=spec.get("leaseDurationSeconds") or 0)


CHECKS: dict[str, Callable[[Cluster], Findings]] = {
    "definitions": _definitions,
    "admission": admission,
    "operator": _operator,
    "leader": _leader,
    "webhook": webhook,
    "nodes": nodes,
    "devices": devices,
    "partitions": partitions,
}
"""In the order in which they build on each other; the names are those of the findings."""
