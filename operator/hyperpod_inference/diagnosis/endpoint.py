"""One endpoint, from being taken up to being reached: what the operator said, and what is seen beside it.

The operator's conditions hold cause and next step already; they are put in the order of cause and effect.
What it cannot say (it is down, it does not look at it) is looked at here.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from hyperpod_inference.api import conditions, names
from hyperpod_inference.diagnosis.advice import advice
from hyperpod_inference.diagnosis.beside import account, queue
from hyperpod_inference.diagnosis.logs import logs
from hyperpod_inference.diagnosis.observed import (
    Body,
    Cluster,
    Findings,
    checked,
    key_of,
    labels_of,
    missing,
    ok,
    waiting,
    wrong,
)
from hyperpod_inference.diagnosis.others import drivers, keda, load_balancers
from hyperpod_inference.diagnosis.scaling import scaling
from hyperpod_inference.installation.preflight import Finding
from hyperpod_inference.render.identity import LABEL_VALUE_LIMIT, bounded
from hyperpod_inference.status import deadline
from hyperpod_inference.status.causes import Cause, is_leaving, is_ready
from hyperpod_inference.status.parts import Part
from hyperpod_inference.status.rollout import refusal_of_pods
from hyperpod_inference.status.workload import causes_of

Needs = Callable[[Cluster, Sequence[Body]], Findings]
TAKEN_UP = "taken up"
UNDER_WAY = frozenset(
    {conditions.PROGRESSING, conditions.NOT_CREATED, conditions.CONTAINERS_STARTING, "ClaimPending"}
)
_SUMMARIES = (conditions.READY, deadline.PROGRESSING)


def endpoint(cluster: Cluster, body: Body) -> list[Finding]:
    """Every finding about an InferenceEndpointConfig or JumpStartModel, as the API server returned it."""
    found = checked((name, partial(check, cluster, body)) for name, check in CHECKS.items())
    return [*found, *_summary(body, found), *checked([("advice", partial(advice, cluster, body))])]


def _taken_up(cluster: Cluster, body: Body) -> Findings:
    namespace, name = key_of(body)
    status = body.get("status") or {}
    logs_of = (
        f"`kubectl logs -n {cluster.settings.namespace} deployment/{names.OPERATOR_NAME} | grep "
        f"{namespace}/{name}`"
    )
    if body["metadata"].get("deletionTimestamp"):
        told = conditions.find(status.get("conditions") or (), conditions.READY) or {}
        said = told.get("message") or "the operator has not said anything about it"
        yield wrong(TAKEN_UP, f"it is being deleted: {said}", f"It goes when the operator is done: {logs_of}")
    elif not status:
        yield wrong(
            TAKEN_UP, "the operator has not looked at it yet", f"See `operator` and `leader`, then {logs_of}"
        )
    elif status.get("observedGeneration", 0) < body["metadata"].get("generation", 0):
        yield wrong(
            TAKEN_UP,
            f"the status is that of generation {status.get('observedGeneration', 0)}, and the spec is at "
            f"{body['metadata']['generation']}",
            f"What is said below may be old. See `operator` and `leader`, then {logs_of}",
        )
    else:
        yield ok(TAKEN_UP, f"state {status.get('state')}")


def _told(cluster: Cluster, body: Body, about: Callable[[str], bool]) -> Findings:
    """What the operator said of the parts `about`, in its order; pods speak for themselves."""
    for each in (body.get("status") or {}).get("conditions") or ():
        kind, (happened, step) = each["type"], _split(each.get("message", ""))
        step = step or f"`kubectl describe {body['kind'].lower()} {key_of(body)[1]} -n {key_of(body)[0]}`"
        if not about(kind) or (kind == conditions.WORKLOAD_READY and _causes(cluster, body)):
            continue
        if each["status"] == "True":
            yield ok(kind, happened)
        elif each["status"] == "Unknown" or each.get("reason") in UNDER_WAY:
            yield waiting(kind, happened, step)
        else:
            yield wrong(kind, happened, step)


def _unless_told(cluster: Cluster, body: Body, about: Part, check: Needs) -> Findings:
    """A check of what others install, where the operator has not said the same already."""
    if conditions.find((body.get("status") or {}).get("conditions") or (), about.value) is None:
        yield from check(cluster, [body])


def _is_before_pods(kind: str) -> bool:
    return kind in (conditions.ACCEPTED, conditions.MODEL_SOURCE_READY)


def _is_after_pods(kind: str) -> bool:
    return not _is_before_pods(kind) and kind not in _SUMMARIES


def _replicas(cluster: Cluster, body: Body) -> Findings:
    """Why pods are not ready, as they are now."""
    check = "replicas"
    for deployment in _children(cluster.of("Deployment").all(), body):
        if refusal := refusal_of_pods(deployment):
            fix = "Change what it names, in the spec or in the namespace's policy."
            yield wrong(
                check, f"the API server refuses pods of {deployment['metadata']['name']}: {refusal}", fix
            )
    for cause in _causes(cluster, body):
        yield wrong(check, f"pod {cause.pod} {cause.happened}", cause.next_step)
    found = pods_of(cluster, body)
    ready = sum(map(is_ready, found))
    if ready < len(found) and not _causes(cluster, body):
        yield waiting(check, f"{ready} of {len(found)} pods are ready, the others start")
    elif found and ready == len(found):
        yield ok(check, f"{ready} of {len(found)} pods are ready")


def _addresses(cluster: Cluster, body: Body) -> Findings:
    """Services that load balancers send requests to, with nobody behind them."""
    check, serving = "addresses", any(map(is_ready, pods_of(cluster, body)))
    for ingress in _children(cluster.of("Ingress").all(), body):
        namespace, name = key_of(ingress)
        for service in sorted(_backends(ingress)):
            if serving and cluster.backends(namespace, service) == 0:
                yield wrong(
                    check,
                    f"the load balancer of Ingress {namespace}/{name} answers 503: Service {service} is not "
                    "there, or no "
                    "pod behind it is ready",
                    f"`kubectl get service,endpointslices -n {namespace}`; the operator creates a Service "
                    "that is missing "
                    "again. Updating an add-on before v3.3 of the operator ends this for good.",
                )


CHECKS: dict[str, Callable[[Cluster, Body], Findings]] = {
    TAKEN_UP: _taken_up,
    "service account": account,
    "drivers": lambda cluster, body: drivers(cluster, [body]),
    "queue": queue,
    "conditions": partial(_told, about=_is_before_pods),
    "replicas": _replicas,
    "logs": lambda cluster, body: logs(cluster, pods_of(cluster, body)),
    "parts": partial(_told, about=_is_after_pods),
    "addresses": _addresses,
    "load balancers": partial(_unless_told, about=Part.LOAD_BALANCER, check=load_balancers),
    "keda": partial(_unless_told, about=Part.AUTOSCALING, check=keda),
    "scaling": scaling,
}
"""In the order of cause and effect."""


def _summary(body: Body, found: Iterable[Finding]) -> Findings:
    """Ready has the last word: an endpoint that is not, and nothing else says why."""
    told = conditions.find((body.get("status") or {}).get("conditions") or (), conditions.READY)
    if told is None or any(each.fix and each.verdict != "ok" for each in found):
        return
    if told["status"] == "True":
        yield ok(conditions.READY, told["message"])
    else:
        yield wrong(conditions.READY, *_split(told["message"]))


def absent(name: str, namespace: str) -> Finding:
    """No endpoint has this name."""
    look = "`kubectl get iec,jsm -A` lists those that are."
    return missing(
        "endpoint",
        f"there is neither an InferenceEndpointConfig nor a JumpStartModel {namespace}/{name}",
        look,
    )


def pods_of(cluster: Cluster, body: Body) -> list[Body]:
    """The pods of an endpoint, its router's too, that are not on their way out, by name. Raises NotSeen."""
    found = [pod for pod in _children(cluster.of("Pod").all(), body) if not is_leaving(pod)]
    return sorted(found, key=lambda pod: str(pod["metadata"]["name"]))


def _causes(cluster: Cluster, body: Body) -> list[Cause]:
    return causes_of(pods_of(cluster, body), cluster.of("Event").items)


def _children(objects: Iterable[Body], body: Body) -> list[Body]:
    namespace, name = key_of(body)
    owner = {
        names.LABEL_OWNER_KIND: body["kind"],
        names.LABEL_OWNER_NAMESPACE: namespace,
        names.LABEL_OWNER_NAME: bounded(name, LABEL_VALUE_LIMIT),
    }
    return [each for each in objects if owner.items() <= labels_of(each).items()]


def _backends(ingress: Body) -> set[str]:
    paths = [
        path
        for rule in ingress["spec"].get("rules") or ()
        for path in (rule.get("http") or {}).get("paths") or ()
    ]
    return {path["backend"]["service"]["name"] for path in paths if "service" in path["backend"]}


def _split(message: str) -> tuple[str, str]:
    """What is the matter, and what to do: the operator writes the one sentence before the others."""
    first, _, rest = re.sub(r"(?<=[.!?]) (?=[A-Z`])", "\n", " ".join(message.split()), count=1).partition(
        "\n"
    )
    return first, rest
