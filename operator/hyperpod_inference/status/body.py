"""The status as it is written: conditions from verdicts, the Deployment's mirror, and times that stand still.

AWS's client needs `deploymentStatus` with name, lastUpdated and overall state from the first write on, and
prints the Deployment's own conditions from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hyperpod_inference.api import conditions, names
from hyperpod_inference.api.meta import ObjectMeta
from hyperpod_inference.status import deadline
from hyperpod_inference.status.observed import Body, Observed
from hyperpod_inference.status.parts import Part
from hyperpod_inference.status.verdict import Verdict

# The fields of a Deployment's status that the published schema mirrors, and those of its conditions.
_MIRRORED = (
    "availableReplicas",
    "collisionCount",
    "observedGeneration",
    "readyReplicas",
    "replicas",
    "terminatingReplicas",
    "unavailableReplicas",
    "updatedReplicas",
)
_MIRRORED_CONDITION = ("type", "status", "reason", "message", "lastTransitionTime", "lastUpdateTime")
_SHOWN = (
    Part.DISAGGREGATION.value,  # the first: AWS's guide looks for its message there
    conditions.ACCEPTED,
    conditions.DEPENDENCIES_READY,
    *(part.value for part in Part if part is not Part.DISAGGREGATION),
    deadline.PROGRESSING,
    conditions.READY,
)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What every field of the status is made from, beside the verdicts."""

    metadata: ObjectMeta
    observed: Observed
    now: datetime
    state: str


def body(facts: Facts, verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """The status body."""
    metadata, deployment = facts.metadata, facts.observed.deployment or {}
    selected = f"{names.LABEL_APP}={metadata.name},{names.LABEL_DEPLOYING_SERVICE}={names.DEPLOYING_SERVICE}"
    return {
        "state": facts.state,
        **({"observedGeneration": metadata.generation} if metadata.generation is not None else {}),
        "replicas": deployment.get("status", {}).get("replicas", 0),
        "selector": selected,
        "deploymentStatus": _deployment_status(facts, verdicts),
        "conditions": _conditions(facts, verdicts),
    }


def _conditions(facts: Facts, verdicts: Mapping[str, Verdict]) -> list[dict[str, Any]]:
    generation = facts.metadata.generation
    previous = _previous(facts).get("conditions", ())
    return [
        conditions.condition(
            kind,
            verdicts[kind].status,
            verdicts[kind].reason,
            verdicts[kind].message,
            generation,
            facts.now,
            # The clock starts anew with each generation, so its condition forgets the older one's time.
            [each for each in previous if kind != deadline.PROGRESSING or _same(each, generation)],
        )
        for kind in _SHOWN
        if kind in verdicts
    ]


def _same(condition: Mapping[str, Any], generation: int | None) -> bool:
    return condition.get("observedGeneration") == generation


def _deployment_status(facts: Facts, verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    speaker = verdicts.get(conditions.WORKLOAD_READY) or verdicts[conditions.READY]
    made: dict[str, Any] = {
        "name": names.deployment_name(facts.metadata.name),
        "deploymentObjectOverallState": facts.state,
        "reason": speaker.reason,
        "message": speaker.message,
    }
    if facts.observed.deployment is not None:
        made["status"] = _mirror(facts.observed.deployment.get("status", {}))
    return made | {"lastUpdated": _last_updated(facts, made)}


def _mirror(status: Body) -> dict[str, Any]:
    counts = {field: status[field] for field in _MIRRORED if field in status}
    own = [
        {field: each[field] for field in _MIRRORED_CONDITION if field in each}
        for each in status.get("conditions", ())
    ]
    return counts | ({"conditions": own} if own else {})


def _last_updated(facts: Facts, made: Mapping[str, Any]) -> str:
    """The time of the last change of what stands beside it."""
    before = dict(_previous(facts).get("deploymentStatus", {}))
    since = before.pop("lastUpdated", None)
    return str(since) if since and before == made else conditions.timestamp(facts.now)


def _previous(facts: Facts) -> Body:
    return facts.observed.previous_status or {}
