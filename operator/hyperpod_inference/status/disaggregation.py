"""The verdict on prefill and decode: each role's Deployment, and both as the one workload that they are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hyperpod_inference.api import conditions, names
from hyperpod_inference.status.observed import Body, Observed
from hyperpod_inference.status.rollout import Rollout
from hyperpod_inference.status.verdict import Verdict, no, yes
from hyperpod_inference.status.workload import workload

READY = "DPD prefill and decode deployments are ready"  # AWS's own words, which its guide looks for
_COUNTS = ("availableReplicas", "readyReplicas", "replicas", "unavailableReplicas", "updatedReplicas")
_ROLES = (names.PREFILL, names.DECODE)


def disaggregation(observed: Observed, instance_types: Sequence[str]) -> Verdict:
    """DisaggregationReady."""
    verdicts = {role: _role(observed, role, instance_types) for role in _ROLES}
    if all(verdict.status == "True" for verdict in verdicts.values()):
        return yes(conditions.AVAILABLE, READY)
    first = next(verdict for verdict in verdicts.values() if verdict.status != "True")
    said = (f"{role.capitalize()}: {verdict.message}" for role, verdict in verdicts.items())
    return no(first.reason, " ".join(said))


def together(observed: Observed) -> Observed:
    """The same world with one Deployment in the place of the two: their numbers added up."""
    found = [observed.roles[role] for role in _ROLES if role in observed.roles]
    if not found:
        return replace(observed, deployment=None)
    current = len(found) == len(_ROLES) and all(Rollout.of(each).current for each in found)
    status: dict[str, Any] = {
        key: sum(each.get("status", {}).get(key, 0) for each in found)
        for key in _COUNTS
        if any(key in each.get("status", {}) for each in found)
    }
    status |= {"observedGeneration": 1 if current else 0, "conditions": [*_conditions(found)]}
    made = {
        "metadata": {**found[-1]["metadata"], "generation": 1},
        "spec": {"replicas": sum(each.get("spec", {}).get("replicas", 1) for each in found)},
        "status": status,
    }
    return replace(observed, deployment=made)


def _role(observed: Observed, role: str, instance_types: Sequence[str]) -> Verdict:
    pods = tuple(pod for pod in observed.pods if _is_of(pod, role))
    return workload(replace(observed, deployment=observed.roles.get(role), pods=pods), instance_types)


def _conditions(deployments: Sequence[Body]) -> Iterator[Mapping[str, Any]]:
    """One of each type: that of the first Deployment which is not as it should be."""
    for kind, good in (("Available", "True"), ("Progressing", "True"), ("ReplicaFailure", "False")):
        of_kind = [
            found
            for each in deployments
            if (found := conditions.find(each.get("status", {}).get("conditions", ()), kind))
        ]
        bad = [each for each in of_kind if each.get("status") != good]
        yield from (bad or of_kind)[:1]


def _is_of(pod: Body, role: str) -> bool:
    return (pod["metadata"].get("labels") or {}).get(names.LABEL_DPD_ROLE) == role
