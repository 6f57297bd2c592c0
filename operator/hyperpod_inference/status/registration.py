"""The SageMaker endpoint: the status of its registration, and what the model's own status says of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hyperpod_inference.api import conditions
from hyperpod_inference.api.conditions import Status
from hyperpod_inference.api.meta import ObjectMeta
from hyperpod_inference.status.observed import Observed
from hyperpod_inference.status.parts import Part
from hyperpod_inference.status.refusal import told
from hyperpod_inference.status.verdict import Verdict, no, sentence, yes

CREATED = "CreationCompleted"
"""The state once the endpoint is in service, and the condition that people and AWS's guides wait for."""
SUCCESS = "Success"
CONFLICT = "EndpointConflict"
FAILED = "SageMakerFailed"
_CREATED = "Endpoint has been successfully created."  # AWS's own words


@dataclass(frozen=True, kw_only=True)
class Told:
    """How it stands with a registration.

    phase: Creation, Update or Deletion. outcome: InProgress, Failed or Completed. message: sentences with the
    next step. arns: of endpoint, configuration and model, where they are known. modified: by SageMaker.
    """

    phase: str
    outcome: str
    reason: str
    message: str
    arns: tuple[str, str, str] | None = None
    modified: datetime | None = None
    host: str = ""


def was_created(status: Mapping[str, Any]) -> bool:
    """Whether an earlier status says that the endpoint was in service."""
    return conditions.is_true(status.get("conditions") or (), CREATED)


def registration_status(
    metadata: ObjectMeta, said: Told, previous: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """The whole status of a registration."""
    before, generation = previous.get("conditions") or (), metadata.generation
    done = said.outcome == "Completed" and said.phase != "Deletion"
    created = done or (said.phase == "Update" and was_created(previous))
    entries = [
        _entry(CREATED, SUCCESS, _CREATED)
        if created
        else _entry(CREATED, said.reason, said.message, "False"),
        _entry(conditions.READY, said.reason, said.message, "True" if done else "False"),
    ]
    status: dict[str, Any] = {
        "state": f"{said.phase}{said.outcome}",
        "conditions": [
            conditions.condition(kind, state, reason, message, generation, now, before)
            for kind, state, reason, message in entries
        ],
    }
    if generation is not None:
        status["observedGeneration"] = generation
    if said.arns:
        arn, configuration, model = said.arns
        found = {"arn": arn, "configArn": configuration, "modelArn": model}
        modified = {"lastModifiedTime": conditions.timestamp(said.modified)} if said.modified else {}
        status["endpoint"] = found | modified
    elif previous.get("endpoint"):
        status["endpoint"] = previous["endpoint"]
    if said.host:
        status["loadBalancer"] = {"hostName": said.host}
    return status


def _entry(kind: str, reason: str, message: str, state: Status = "True") -> tuple[str, Status, str, str]:
    return kind, state, reason, message


def registered(observed: Observed) -> dict[str, Verdict]:
    """EndpointRegistered, of a model that has a registration; why it has none, `arrangements` say."""
    refused = [error for error in observed.apply_errors if error.part is Part.ENDPOINT_REGISTRATION]
    if refused:
        return {Part.ENDPOINT_REGISTRATION.value: no(conditions.APPLY_FAILED, told(refused[0]))}
    if observed.registration is None:
        return {}
    return {Part.ENDPOINT_REGISTRATION.value: _verdict(observed.registration)}


def _verdict(registration: Mapping[str, Any]) -> Verdict:
    ready = conditions.find((registration.get("status") or {}).get("conditions") or (), conditions.READY)
    if ready is None:
        message = "The SageMakerEndpointRegistration is made; nothing was asked of SageMaker yet."
        return no(conditions.PROGRESSING, message)
    say = yes if ready["status"] == "True" else no
    return say(str(ready["reason"]), sentence(str(ready["message"])))


def endpoints_status(observed: Observed) -> dict[str, Any]:
    """`endpoints` of the model's status: only where a SageMaker endpoint is asked for."""
    if observed.registration is None:
        return {}
    status = observed.registration.get("status") or {}
    made = status.get("endpoint") or {}
    names = {"endpointArn": "arn", "configArn": "configArn", "modelArn": "modelArn"}
    arns = {field: made[key] for field, key in names.items() if made.get(key)}
    return {"endpoints": {"sagemaker": {"state": status.get("state") or "CreationInProgress", **arns}}}
