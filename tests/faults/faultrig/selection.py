"""The whole table (`make faults`), or the short form that is part of every test run."""

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def full() -> bool:
    """Whether the whole table was asked for."""
    return os.environ.get("HYPERPOD_FAULTS") == "all"


def some(values: Sequence[T], *short: T) -> Sequence[T]:
    """All values for the whole table, these few otherwise."""
    return values if full() else short
