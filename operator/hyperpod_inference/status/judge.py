"""From what was observed to the whole status of an endpoint: a pure function of its arguments.

    judge(endpoint, observed, now) -> the body of .status

Each part gets a verdict (workload, model_source, deadline, the parts not built); the conditions and AWS's
`state` follow from them. Only fields of the published v3.2 schema are written: AWS's client drops a status
that holds any other. The same observation gives the same bytes, so that a write can be skipped.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from hyperpod_inference.api import conditions, names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.meta import ObjectMeta
from hyperpod_inference.status import deadline
from hyperpod_inference.status.arrangements import arrangements
from hyperpod_inference.status.autoscaling import autoscaling, dependencies
from hyperpod_inference.status.body import Facts, body
from hyperpod_inference.status.capture import capture, capture_status
from hyperpod_inference.status.disaggregation import disaggregation, together
from hyperpod_inference.status.dns import dns, dns_status
from hyperpod_inference.status.gateway import gateway, gateway_status
from hyperpod_inference.status.load_balancer import load_balancer
from hyperpod_inference.status.model_cache import model_cache
from hyperpod_inference.status.model_source import model_source
from hyperpod_inference.status.observed import ApplyError, Observed
from hyperpod_inference.status.parts import NEVER_HOLDS, Part
from hyperpod_inference.status.refusal import told
from hyperpod_inference.status.registration import endpoints_status, registered
from hyperpod_inference.status.rollout import Rollout
from hyperpod_inference.status.router import address as router_address
from hyperpod_inference.status.router import router
from hyperpod_inference.status.sidecars import metrics_status, sidecars
from hyperpod_inference.status.tls import tls, tls_status
from hyperpod_inference.status.verdict import Verdict, count, no, sentence, yes
from hyperpod_inference.status.workload import workload

Verdicts = dict[str, Verdict]

PENDING = "DeploymentPending"
IN_PROGRESS = "DeploymentInProgress"
FAILED = "DeploymentFailed"
COMPLETE = "DeploymentComplete"
DELETING = "DeletionInProgress"


def judge(endpoint: InferenceEndpointConfig, observed: Observed, now: datetime) -> dict[str, Any]:
    """The whole status body. `now` must be aware; it is used for transition times and the deadline only."""
    if endpoint.metadata.deletion_timestamp:
        return deleting(endpoint.metadata, observed, now)
    if observed.problems:
        return refused(endpoint.metadata, observed, now)
    if endpoint.spec.pd_spec is not None:
        observed = together(observed)
    verdicts = _verdicts(endpoint, observed, now)
    state = _state(observed, verdicts)
    verdicts[conditions.READY] = _ready(endpoint, observed, verdicts, state)
    made = _status(endpoint.metadata, observed, now, state, verdicts)
    made |= metrics_status(endpoint, verdicts.get(Part.METRICS.value))
    made |= capture_status(endpoint, observed, now)
    return made | gateway_status(observed)


def refused(metadata: ObjectMeta, observed: Observed, now: datetime) -> dict[str, Any]:
    """The status of an endpoint that cannot be acted on; for one whose spec cannot even be parsed, too."""
    accepted = no(_refusal_reason(observed.problems), _refusal(observed.problems))
    ready = no(conditions.INVALID_SPEC, f"Nothing is deployed for this spec. {accepted.message}")
    verdicts = {conditions.ACCEPTED: accepted, conditions.READY: ready}
    return _status(metadata, observed, now, FAILED, verdicts)


def deleting(metadata: ObjectMeta, observed: Observed, now: datetime, why: str = "") -> dict[str, Any]:
    """The status of an endpoint on its way out; its spec does not matter any more.

    why: what keeps what is outside of the cluster from going, sentences with the next step.
    """
    ready = no(conditions.DELETING, f"Being deleted, but not done. {why}") if why else _deleting(observed)
    return _status(metadata, observed, now, DELETING, {conditions.READY: ready})


def unresolved(metadata: ObjectMeta, observed: Observed, why: str, now: datetime) -> dict[str, Any]:
    """The status while AWS does not say what there is to serve. `why`: a sentence with the next step.

    What runs already is left alone, and still judged.
    """
    unknown = Verdict(status="Unknown", reason=conditions.AWS_UNAVAILABLE, message=why)
    verdicts = {conditions.ACCEPTED: unknown}
    if observed.deployment is None:
        verdicts[conditions.READY] = no(conditions.AWS_UNAVAILABLE, f"Nothing is deployed yet. {why}")
        return _status(metadata, observed, now, PENDING, verdicts)
    verdicts[conditions.WORKLOAD_READY] = work = workload(observed, ())
    message = f"{work.message} What runs is left as it is. {why}"
    verdicts[conditions.READY] = Verdict(status=work.status, reason=work.reason, message=message)
    state = COMPLETE if Rollout.of(observed.deployment).complete else IN_PROGRESS
    return _status(metadata, observed, now, state, verdicts)


def _verdicts(endpoint: InferenceEndpointConfig, observed: Observed, now: datetime) -> Verdicts:
    verdicts = {
        conditions.ACCEPTED: yes(conditions.VALID, "The spec is valid."),
        conditions.MODEL_SOURCE_READY: model_source(endpoint, observed),
        conditions.WORKLOAD_READY: workload(observed, endpoint.spec.instance_types or ()),
        deadline.PROGRESSING: _progressing(endpoint, observed, now),
    }
    if endpoint.spec.pd_spec is not None:
        verdicts[Part.DISAGGREGATION.value] = disaggregation(observed, endpoint.spec.instance_types or ())
    verdicts[Part.LOAD_BALANCER.value] = load_balancer(endpoint, observed)
    verdicts |= gateway(observed) | tls(observed.certificate, now) | dns(observed.record)
    verdicts |= router(endpoint, observed) | dependencies(observed) | autoscaling(observed)
    verdicts |= registered(observed)
    verdicts |= arrangements(observed, verdicts[conditions.WORKLOAD_READY])
    verdicts |= model_cache(observed)
    beside = sidecars(endpoint, observed) | capture(endpoint, observed)
    absent = _absent(observed)
    return verdicts | {kind: told for kind, told in beside.items() if kind not in absent} | absent


def _absent(observed: Observed) -> Verdicts:
    """The parts that are not built; one that lacks several things says so of each."""
    messages: dict[str, list[str]] = {}
    for each in observed.not_built:
        messages.setdefault(each.part.value, []).append(each.message)
    return {kind: no(conditions.NOT_BUILT, " ".join(told)) for kind, told in messages.items()}


def _progressing(endpoint: InferenceEndpointConfig, observed: Observed, now: datetime) -> Verdict:
    previous, generation = _previous(observed), endpoint.metadata.generation
    rollout = Rollout.of(observed.deployment) if observed.deployment else None
    seconds = endpoint.spec.max_deploy_time_in_seconds
    since = deadline.started(previous, generation, now)
    late = (now - since).total_seconds() >= seconds
    return deadline.progressing(
        complete=rollout is not None and rollout.complete and not _holding(observed),
        failed=late or deadline.gave_up(previous, generation),
        since=since,
        seconds=seconds,
    )


def _holding(observed: Observed) -> list[ApplyError]:
    return [error for error in observed.apply_errors if error.part not in NEVER_HOLDS]


def _state(observed: Observed, verdicts: Verdicts) -> str:
    reason = verdicts[deadline.PROGRESSING].reason
    if reason == deadline.COMPLETE:
        return COMPLETE
    if reason == conditions.DEADLINE_EXCEEDED:
        return FAILED
    return IN_PROGRESS if observed.deployment else PENDING


def _ready(endpoint: InferenceEndpointConfig, observed: Observed, verdicts: Verdicts, state: str) -> Verdict:
    """Ready: as many replicas as asked for answer. Parts not built are named, but do not count."""
    work = verdicts[conditions.WORKLOAD_READY]
    if work.reason == conditions.SCALED_TO_ZERO:
        wake = "KEDA starts one when a trigger passes its activationTargetValue."
        wake = wake if observed.scaled_object else "Set spec.replicas to 1 or more."
        return no(work.reason, f"No replica runs, so nothing answers. {wake}")
    if work.status != "True":
        prefix = f"{verdicts[deadline.PROGRESSING].message} " if state == FAILED else ""
        return no(work.reason, prefix + work.message)
    source = verdicts[conditions.MODEL_SOURCE_READY]
    if source.status != "True":
        return no(source.reason, source.message)
    routing = verdicts.get(conditions.ROUTER_READY)
    if routing is not None and routing.status != "True":
        return no(routing.reason, routing.message)
    address = _address(endpoint, observed)
    if address is None:
        missing = f"Service {endpoint.metadata.name} does not exist, so nothing reaches the replicas."
        return no(conditions.NOT_CREATED, f"{missing} The operator creates it again.")
    return yes(
        conditions.AVAILABLE, sentence(f"Serving at {address} inside the cluster") + _missing(verdicts)
    )


def _missing(verdicts: Verdicts) -> str:
    parts = [kind for kind, verdict in verdicts.items() if verdict.reason == conditions.NOT_BUILT]
    if not parts:
        return ""
    return f" {count(len(parts), 'requested part')} not built by this version: {', '.join(parts)}."


def _address(endpoint: InferenceEndpointConfig, observed: Observed) -> str | None:
    name, namespace = endpoint.metadata.name, endpoint.metadata.namespace
    if name not in {service["metadata"]["name"] for service in observed.services}:
        return None
    path = endpoint.spec.invocation_endpoint.lstrip("/")
    if endpoint.spec.routed and (routed := router_address(observed)):
        return f"{routed}/{path}"
    return f"http://{name}.{namespace}.svc:{names.SERVICE_PORT}/{path}"


def _deleting(observed: Observed) -> Verdict:
    if observed.apply_errors:
        error = observed.apply_errors[0]
        return no(conditions.DELETING, f"Being deleted, but not done. {told(error)}")
    return no(conditions.DELETING, f"Being deleted; {count(len(observed.pods), 'pod')} left.")


def _refusal_reason(problems: tuple[str, ...]) -> str:
    of_volumes = problems[0].startswith(("spec.kubernetes.volumes", "spec.worker.modelVolumeMount"))
    return conditions.KUBERNETES_VOLUME_VALIDATION_FAILED if of_volumes else conditions.INVALID_SPEC


def _refusal(problems: tuple[str, ...]) -> str:
    return "The spec cannot be used: " + " ".join(sentence(problem) for problem in problems)


def _previous(observed: Observed) -> tuple[Mapping[str, Any], ...]:
    return tuple((observed.previous_status or {}).get("conditions", ()))


def _status(
    metadata: ObjectMeta, observed: Observed, now: datetime, state: str, verdicts: Verdicts
) -> dict[str, Any]:
    made = body(Facts(metadata=metadata, observed=observed, now=now, state=state), verdicts)
    # In every status: what was made in AWS is found again by it.
    made |= tls_status(observed.certificate, now) | dns_status(observed.record)
    return made | endpoints_status(observed)
