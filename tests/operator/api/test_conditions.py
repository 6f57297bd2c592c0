"""Conditions: how one is made, and when its transition time moves."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from hyperpod_inference.api import conditions
from hyperpod_inference.api.statuses import Condition

NOW = datetime(2026, 3, 1, 12, 0, 0, 900_000, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)


def ready(status: conditions.Status, now: datetime, previous: Any = ()) -> dict[str, Any]:
    return conditions.condition(conditions.READY, status, conditions.AVAILABLE, "Serves.", 3, now, previous)


def test_a_condition_fits_the_published_schema() -> None:
    Condition.model_validate(ready("True", NOW))


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [("False", "False", False), ("False", "True", True), ("True", "Unknown", True)],
)
def test_the_transition_time_moves_with_the_status_only(
    before: conditions.Status, after: conditions.Status, moved: bool
) -> None:
    first = ready(before, NOW)
    second = ready(after, LATER, [{"type": "Accepted"}, first])
    assert second["lastTransitionTime"] == ("2026-03-01T12:05:00Z" if moved else "2026-03-01T12:00:00Z")


def test_a_condition_of_another_type_is_no_predecessor() -> None:
    other = ready("True", NOW) | {"type": conditions.ACCEPTED}
    assert ready("True", LATER, [other])["lastTransitionTime"] == "2026-03-01T12:05:00Z"


def test_a_message_beyond_the_schema_is_cut() -> None:
    made = conditions.condition("Ready", "False", "CrashLoop", "x" * 40_000, None, NOW)
    assert len(made["message"]) == 32_768
    assert "observedGeneration" not in made


def test_times_are_utc_in_whole_seconds() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=-8)))
    assert conditions.timestamp(there) == "2026-03-01T12:00:00Z"


def test_truth_is_looked_up_by_type() -> None:
    made = [ready("True", NOW)]
    assert conditions.is_true(made, "Ready")
    assert not conditions.is_true(made, "TLSReady")
    assert conditions.find(made, "TLSReady") is None


def test_every_type_and_reason_is_allowed_by_the_schema() -> None:
    words = [value for name, value in vars(conditions).items() if name.isupper() and isinstance(value, str)]
    for word in words:
        Condition.model_validate(ready("True", NOW) | {"reason": word})
    for kind in conditions.ORDER:
        Condition.model_validate(ready("True", NOW) | {"type": kind})
