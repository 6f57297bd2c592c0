"""A verdict on one part of an endpoint, before it becomes a condition, and how its words are put."""

from dataclasses import dataclass

from hyperpod_inference.api.conditions import Status


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is said of a part: the condition's status, reason and message. The message stands alone."""

    status: Status
    reason: str
    message: str


def yes(reason: str, message: str) -> Verdict:
    """The part is as it should be."""
    return Verdict(status="True", reason=reason, message=message)


def no(reason: str, message: str) -> Verdict:
    """The part is not as it should be."""
    return Verdict(status="False", reason=reason, message=message)


def count(number: int, noun: str) -> str:
    """'1 pod', '2 pods'."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def sentence(text: str) -> str:
    """`text` on one line, ending in a full stop."""
    joined = " ".join(text.split())
    return joined if joined.endswith((".", "!", "?")) or not joined else joined + "."
