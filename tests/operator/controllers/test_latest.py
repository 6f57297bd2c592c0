"""A pure function's last result, kept for each resource."""

import pytest

from hyperpod_inference.controllers.latest import Latest

KEY, OTHER = ("default", "llm"), ("default", "other")


class Counted:
    """Doubles a number, and counts how often it was asked."""

    asked = 0

    def __call__(self, number: int) -> int:
        self.asked += 1
        if number < 0:
            raise ValueError(number)
        return 2 * number


def test_the_same_arguments_are_not_worked_out_again() -> None:
    latest, double = Latest[int](), Counted()
    assert [latest(KEY, double, number) for number in (1, 1, 2, 2, 1)] == [2, 2, 4, 4, 2]
    assert double.asked == 3


def test_each_resource_has_its_own() -> None:
    latest, double = Latest[int](), Counted()
    assert [latest(KEY, double, 1), latest(OTHER, double, 5), latest(KEY, double, 1)] == [2, 10, 2]
    assert double.asked == 2


def test_a_failure_is_not_remembered() -> None:
    latest, double = Latest[int](), Counted()
    for _ in range(2):
        with pytest.raises(ValueError, match="-1"):
            latest(KEY, double, -1)
    assert double.asked == 2


def test_what_is_gone_is_forgotten() -> None:
    latest, double = Latest[int](), Counted()
    latest(KEY, double, 1)
    latest.forget(KEY)
    latest(KEY, double, 1)
    assert double.asked == 2
