"""The verdict on the link to an inference gateway, from what the gateway says of itself."""

from typing import Any

from hyperpod_inference.api import conditions
from hyperpod_inference.status.observed import Body, Observed
from hyperpod_inference.status.parts import Part
from hyperpod_inference.status.refusal import told
from hyperpod_inference.status.verdict import Verdict, no, sentence, yes

PENDING, READY, FAILED = "Pending", "Ready", "Failed"
_NOT_JUDGED = "Nobody has judged the gateway yet. If it stays so, look whether its controller runs."


def gateway(observed: Observed) -> dict[str, Verdict]:
    """GatewayReady, of an endpoint that asks for a gateway."""
    if observed.gateway_name is None:
        return {}
    return {Part.GATEWAY.value: _verdict(observed)}


def gateway_status(observed: Observed) -> dict[str, Any]:
    """status.inferenceGateway, there only where a gateway is asked for: AWS's client knows no such field."""
    if observed.gateway_name is None:
        return {}
    verdict = _verdict(observed)
    state = READY if verdict.status == "True" else PENDING if _is_pending(verdict) else FAILED
    return {"inferenceGateway": {"name": observed.gateway_name, "state": state}}


def _verdict(observed: Observed) -> Verdict:
    refused = [error for error in observed.apply_errors if error.part is Part.GATEWAY]
    name = f"InferenceGatewayConfig {observed.gateway_name}"
    if refused:
        return no(conditions.APPLY_FAILED, told(refused[0]))
    if observed.gateway is None:
        return no(conditions.NOT_CREATED, f"{name} does not exist yet; the operator is creating it.")
    said = observed.gateway.get("status", {}).get("conditions", ())
    for kind in (conditions.ACCEPTED, conditions.READY):
        found = conditions.find(said, kind)
        if found is not None and found.get("status") == "False":
            return no(str(found.get("reason") or FAILED), f"{name}: {sentence(_words(found))}")
    if conditions.is_true(said, conditions.READY):
        return yes(conditions.AVAILABLE, f"{name} offers the model.")
    return no(conditions.PROGRESSING, f"{name} has the model's entry. {_NOT_JUDGED}")


def _words(condition: Body) -> str:
    return str(condition.get("message") or condition.get("reason") or "it gives no reason")


def _is_pending(verdict: Verdict) -> bool:
    return verdict.reason in (conditions.PROGRESSING, conditions.NOT_CREATED)
