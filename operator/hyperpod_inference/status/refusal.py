"""What the API server refused, and what to do about it: the words that several conditions share."""

from hyperpod_inference.status.observed import ApplyError
from hyperpod_inference.status.verdict import sentence

CHANGE_FIELD = "Change the field that it names."
GRANT = "Give the operator's role that permission; it goes on by itself then."
LIFT_POLICY = "Have the quota raised or the policy changed; the operator tries again by itself."
RETRIES = "The operator tries again by itself."


def told(error: ApplyError) -> str:
    """One refusal as two sentences: what happened, and the next step."""
    if not error.name:
        return f"{error.kind} objects cannot be listed or watched: {sentence(error.message)} {_step(error)}"
    if error.reason == "NotOurs":
        return sentence(error.message)  # it says what to do
    if error.status == 0:
        return f"{error.kind} {error.name} could not be written: {sentence(error.message)} {RETRIES}"
    return f"The API server refused {error.kind} {error.name}: {sentence(error.message)} {_step(error)}"


def _step(error: ApplyError) -> str:
    if error.status == 403:
        return GRANT if " cannot " in error.message else LIFT_POLICY
    if error.status in (404, 409, 429) or error.status >= 500:
        return RETRIES
    return CHANGE_FIELD
