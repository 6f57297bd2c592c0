"""A replica that fails again and again is left out for a while, then tried with one request.

Only failures that a replica caused count: no connection, a cut before the headers, garbage, 502 to 504.
"""

from collections.abc import Callable

from hyperpod_inference.router import settings

ILL = frozenset({502, 503, 504})


class CircuitBreaker:
    """Closed (lets through), open (until a time), trial (one request decides)."""

    __slots__ = ("_limits", "_row", "_times", "_turned", "_until", "calm", "trial")

    def __init__(self, limits: settings.Breaker, turned: Callable[[int], None] = lambda by: None) -> None:
        """`turned(+1)` is called when it opens, `turned(-1)` when it closes."""
        self._limits, self._turned = limits, turned
        self._row = self._times = 0
        self._until = 0.0
        self.trial = False
        self.calm = True
        """No failure lately: nobody needs to ask anything else."""

    @property
    def state(self) -> str:
        """`closed`, `open` or `trial`, for metrics and `explain`."""
        if not self._times:
            return "closed"
        return "trial" if self.trial else "open"

    def allows(self, now: float) -> bool:
        """May a request go there now?"""
        return not self._times or (now >= self._until and not self.trial)

    def sent(self, now: float) -> None:
        """A request went there: after the time out, it is the trial."""
        if self._times and now >= self._until:
            self.trial = True

    def judge(self, status: int, now: float) -> None:
        """An answer came: one that says the replica is ill is a failure, any other closes the breaker."""
        if status in ILL:
            self.failed(now)
        elif self._row or self._times:
            self.forget()
            self._row, self.calm = 0, True

    def failed(self, now: float) -> None:
        """No answer came, or one that says the replica is ill."""
        self._row += 1
        self.calm = False
        if not self.trial and self._row < self._limits.failures:
            return
        if not self._times:
            self._turned(+1)
        self.trial = False
        self._until = now + min(self._limits.open_seconds * 2.0**self._times, self._limits.open_cap_seconds)
        self._times = min(self._times + 1, 30)

    def released(self) -> None:
        """The trial ended without a verdict (its client left): another request may try."""
        self.trial = False

    def forget(self) -> None:
        """Its replica left the set."""
        if self._times:
            self._close()

    def _close(self) -> None:
        self._times = self._row = 0
        self.trial, self.calm = False, True
        self._turned(-1)
