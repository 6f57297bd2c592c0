"""A refusal by the API server ends in the step that fits it."""

import pytest

from hyperpod_inference.status.observed import ApplyError
from hyperpod_inference.status.refusal import CHANGE_FIELD, GRANT, LIFT_POLICY, RETRIES, told


@pytest.mark.parametrize(
    ("status", "reason", "message", "step"),
    [
        (422, "Invalid", "spec.x: Invalid value", CHANGE_FIELD),
        (403, "Forbidden", 'deployments is forbidden: User "o" cannot patch resource', GRANT),
        (403, "Forbidden", "exceeded quota: gpus", LIFT_POLICY),
        (409, "Conflict", "the object has been modified", RETRIES),
        (429, "TooManyRequests", "too many requests", RETRIES),
        (503, "ServiceUnavailable", "etcd is away", RETRIES),
        (0, "", "no answer in time", RETRIES),
        (409, "NotOurs", "Service x exists; rename this resource", "rename this resource."),
    ],
)
def test_the_next_step_fits_the_refusal(status: int, reason: str, message: str, step: str) -> None:
    error = ApplyError(kind="Deployment", name="chat", message=message, status=status, reason=reason)
    assert told(error).endswith(step)
    assert message in told(error)


def test_a_kind_that_may_not_be_seen_has_no_object_to_name() -> None:
    message = "services is forbidden: cannot list"
    error = ApplyError(kind="Service", name="", message=message, status=403, reason="Forbidden")
    assert told(error) == f"Service objects cannot be listed or watched: {message}. {GRANT}"
