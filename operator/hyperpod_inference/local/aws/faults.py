"""Calls that fail on demand: refused, throttled, broken after their effect."""

import fnmatch
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


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
        lasting: it ends so long after its first strike, on the double's clock.
    """

    action: str
    code: str = "ServiceUnavailable"
    message: str = "The service is unavailable. Please try again shortly."
    status: int = 503
    times: int | None = 1
    after: bool = False
    passing: int = 0
    lasting: timedelta | None = None
    ends: datetime | None = None


def outage(lasting: timedelta, passing: int = 0) -> Fault:
    """An AWS that is down for so long, after so many calls that pass."""
    return Fault("*", times=None, passing=passing, lasting=lasting)


def throttling(action: str, times: int | None = 1) -> Fault:
    """The answer of a service that is asked too often."""
    return Fault(action, "ThrottlingException", "Rate exceeded", 400, times)


def denied(action: str, times: int | None = None) -> Fault:
    """The answer to a caller whose role lacks the action."""
    message = f"User: arn:aws:sts::111122223333:assumed-role/example is not authorized to perform: {action}"
    return Fault(action, "AccessDeniedException", message, 400, times)


class Faults:
    """The rules in force; the first that matches a call strikes it."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._rules: list[Fault] = []
        self._lock = threading.Lock()
        self.heard: Callable[[str], None] | None = None
        """Told of each call, by its action, before it is answered or struck."""

    def __bool__(self) -> bool:
        return bool(self._rules) or self.heard is not None

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
            if self.heard is not None:
                self.heard(action)
            for rule in [*self._rules]:
                if fnmatch.fnmatchcase(action, rule.action):
                    if self._over(rule):
                        self._rules.remove(rule)
                        continue
                    if rule.passing > 0:
                        rule.passing -= 1
                        continue
                    if rule.times is not None:
                        rule.times -= 1
                        if rule.times <= 0:
                            self._rules.remove(rule)
                    if rule.lasting is not None and rule.ends is None:
                        rule.ends = self._clock() + rule.lasting
                    return rule
        return None

    def _over(self, rule: Fault) -> bool:
        return rule.ends is not None and self._clock() >= rule.ends
