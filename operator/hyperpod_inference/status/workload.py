"""The verdict on the workload: do all replicas serve, where do they run, and if not, why not."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hyperpod_inference.api import conditions
from hyperpod_inference.status.causes import Cause, cause, is_leaving, is_ready
from hyperpod_inference.status.observed import Body, Observed
from hyperpod_inference.status.refusal import told
from hyperpod_inference.status.rollout import Rollout, refusal_of_pods
from hyperpod_inference.status.verdict import Verdict, count, no, sentence, yes
from hyperpod_inference.status.wording import in_fields_of

PODS_REFUSED = "PodsRefused"


def workload(observed: Observed, instance_types: Sequence[str]) -> Verdict:
    """WorkloadReady. `instance_types`: the endpoint's list, most preferred first; may be empty."""
    others = ("PersistentVolume", _CLAIM)
    refused = [error for error in observed.apply_errors if error.kind not in others and not error.part]
    if refused:
        return no(conditions.APPLY_FAILED, told(refused[0]))
    if observed.deployment is None:
        return no(conditions.NOT_CREATED, "The Deployment does not exist yet; the operator is creating it.")
    rollout = Rollout.of(observed.deployment)
    if rollout.complete and rollout.desired == 0:
        return yes(conditions.SCALED_TO_ZERO, "No replicas are asked for, and none run.")
    where = _where(observed, instance_types)
    if rollout.complete:
        return yes(conditions.AVAILABLE, sentence(f"{_ready(rollout)}{where}"))
    return _incomplete(observed, rollout, where)


def _incomplete(observed: Observed, rollout: Rollout, where: str) -> Verdict:
    deployment = observed.deployment or {}
    refusal = refusal_of_pods(deployment)
    if refusal is not None:
        verdict = _pods_refused(rollout, refusal)
        return replace(verdict, message=in_fields_of(deployment, verdict.message))
    found = causes_of(observed.pods, observed.events)
    if found:
        return _because(rollout, found, where)
    return no(conditions.PROGRESSING, f"{sentence(_ready(rollout) + where)} {_on_the_way(observed, rollout)}")


def _because(rollout: Rollout, found: Sequence[Cause], where: str) -> Verdict:
    """The most common cause speaks; among equals the one that concerns the first pod."""
    counts = Counter(each.reason for each in found)
    worst = max(found, key=lambda each: counts[each.reason])
    others = counts[worst.reason] - 1
    too = f" (and {count(others, 'other pod')} likewise)" if others else ""
    message = f"{sentence(_ready(rollout) + where)} Pod {worst.pod}{too} {worst.happened} {worst.next_step}"
    return no(worst.reason, message)


def causes_of(pods: Sequence[Body], events: Sequence[Body]) -> list[Cause]:
    """The causes of the pods that should be ready and are not, in the order of the pods' names."""
    waiting = [pod for pod in pods if not is_ready(pod) and not is_leaving(pod)]
    found = (cause(pod, _about(pod, events)) for pod in sorted(waiting, key=_name))
    return [each for each in found if each is not None]


def _about(pod: Body, events: Sequence[Body]) -> list[Body]:
    """Events of this very pod: a pod of the same name that is gone has another uid."""
    metadata = pod["metadata"]
    return [
        event
        for event in events
        if event.get("involvedObject", {}).get("name") == metadata["name"]
        and event["involvedObject"].get("uid") in (None, metadata.get("uid"))
    ]


def _pods_refused(rollout: Rollout, refusal: str) -> Verdict:
    quota = "exceeded quota" in refusal
    step = (
        "Ask for less in spec.worker.resources, lower spec.replicas, or have the quota raised."
        if quota
        else "Change what it names, in the spec or in the namespace's policy."
    )
    reason = conditions.QUOTA_EXCEEDED if quota else PODS_REFUSED
    return no(reason, f"{_ready(rollout)}. The API server refuses more pods: {sentence(refusal)} {step}")


def _on_the_way(observed: Observed, rollout: Rollout) -> str:
    if rollout.total > rollout.updated:
        return "Pods of the previous version are being replaced."
    starting = [pod for pod in observed.pods if not is_ready(pod) and not is_leaving(pod)]
    return f"{count(len(starting), 'pod').capitalize()} starting." if starting else "Pods are being created."


def _ready(rollout: Rollout) -> str:
    verb = "is" if rollout.desired == 1 else "are"
    return f"{rollout.ready} of {count(rollout.desired, 'replica')} {verb} ready"


def _where(observed: Observed, instance_types: Sequence[str]) -> str:
    """': 1 on ml.p4d.24xlarge (choice 1 of 2), 2 on ml.g5.24xlarge (choice 2 of 2)', of the ready pods."""
    counts = _counts(observed)
    if not instance_types or not counts:
        return ""
    rank = {name: place for place, name in reversed(list(enumerate(instance_types, start=1)))}
    order = sorted(counts, key=lambda name: (rank.get(name, len(rank) + 1), name))
    return ": " + ", ".join(f"{counts[name]} on {name}{_choice(name, rank)}" for name in order)


def _choice(name: str, rank: Mapping[str, int]) -> str:
    return f" (choice {rank[name]} of {len(rank)})" if name in rank else " (not in spec.instanceTypes)"


def _counts(observed: Observed) -> Counter[str]:
    nodes = (pod.get("spec", {}).get("nodeName", "") for pod in observed.pods if _serves(pod))
    known = (observed.instance_type_of_node.get(node) for node in nodes)
    return Counter(name for name in known if name)


def _serves(pod: Body) -> bool:
    return is_ready(pod) and not is_leaving(pod)


def _name(pod: Body) -> str:
    name: str = pod["metadata"]["name"]
    return name


_CLAIM = "PersistentVolumeClaim"
