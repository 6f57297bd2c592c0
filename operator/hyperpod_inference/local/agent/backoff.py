"""How long a failing thing waits before the next try. Pure.

The kubelet's rule: the first restart comes at once, the second after 10 s, each further one after twice the
time, up to 5 minutes; whoever then ran for twice the longest delay starts anew.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Policy:
    """Delays in seconds; `base` is short in tests and 10 as on a cluster."""

    base: float = 10.0
    cap: float = 300.0

    def delay(self, failures: int) -> float:
        """Seconds to wait after this many failures in a row (1 = the first)."""
        if failures < 2:
            return 0.0
        return min(self.cap, self.base * 2.0 ** min(failures - 2, 32))


@dataclass(frozen=True, slots=True)
class Backoff:
    """Failures in a row of one container, and until when it waits."""

    failures: int = 0
    until: datetime | None = None

    def after(self, finished: datetime, ran: timedelta, policy: Policy) -> "Backoff":
        """The state after one more end, of a run that lasted `ran`."""
        failures = 1 if ran.total_seconds() >= 2 * policy.cap else self.failures + 1
        return replace(self, failures=failures, until=finished + timedelta(seconds=policy.delay(failures)))

    def waits(self, now: datetime) -> bool:
        """Whether it is too early for the next try."""
        return self.until is not None and now < self.until
