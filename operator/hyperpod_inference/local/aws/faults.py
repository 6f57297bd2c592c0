"""Calls that fail on demand: refused, throttled, broken after their effect."""

import fnmatch
import threading
from dataclasses import dataclass


@dataclass
class Fault:
    """A rule.

    Args:
        action: `service:Operation` as IAM policies name it, with `*`; `*` is an AWS that is down.
        code: the error's code.
        message: what it says.
        status: HTTP status.
        times: how many calls it strikes; None: until it is cleared.
        after: the call has its effect and its answer is lost.
        passing: how many matching calls pass before the first that it strikes.
    """

    action: str
    code: str = "ServiceUnavailable"
    message: str = "The service is unavailable. Please try again shortly."
    status: int = 503
    times: int | None = 1
    after: bool = False
    passing: int = 0


def throttling(action: str, times: int | None = 1) -> Fault:
    """The answer of a service that is asked too often."""
    return Fault(action, "ThrottlingException", "Rate exceeded", 400, times)


def denied(action: str, times: int | None = None) -> Fault:
    """The answer to a caller whose role lacks the action."""
    message = f"User: arn:aws:sts::111122223333:assumed-role/example is not authorized to perform: {action}"
    return Fault(action, "AccessDeniedException", message, 400, times)


class Faults:
    """The rules in force; the first that matches a call strikes it."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._rules)

    def add(self, fault: Fault) -> None:
        """Put a rule in force."""
        with self._lock:
            self._rules.append(fault)

    def clear(self) -> None:
        """No more failures."""
        with self._lock:
            self._rules.clear()

    def rules(self) -> tuple[Fault, ...]:
        """Those in force now."""
        with self._lock:
            return tuple(self._rules)

    def take(self, action: str) -> Fault | None:
        """The rule that strikes this call, counted; None when it may pass."""
        with self._lock:
            for rule in self._rules:
                if fnmatch.fnmatchcase(action, rule.action):
                    if rule.passing > 0:
                        rule.passing -= 1
                        continue
                    if rule.times is not None:
                        rule.times -= 1
                        if rule.times <= 0:
                            self._rules.remove(rule)
                    return rule
        return None
