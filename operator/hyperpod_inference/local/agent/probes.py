"""Probes as a state machine: a result in, a verdict out. Pure; `prober` asks the questions."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

Body = Mapping[str, Any]


class Kind(StrEnum):
    """The three probes of a container; values as in the manifest without "Probe"."""

    STARTUP = "startup"
    READINESS = "readiness"
    LIVENESS = "liveness"


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe's settings with the API's defaults; times in seconds."""

    kind: Kind
    action: Body
    initial_delay: float = 0.0
    period: float = 10.0
    timeout: float = 1.0
    successes: int = 1
    failures: int = 3
    grace: int | None = None

    @classmethod
    def of(cls, container: Body, kind: Kind) -> "Probe | None":
        """The container's probe of that kind, None if it has none."""
        raw = container.get(f"{kind}Probe")
        if not raw:
            return None
        return cls(
            kind,
            raw,
            initial_delay=raw.get("initialDelaySeconds") or 0,
            period=raw.get("periodSeconds") or 10,
            timeout=raw.get("timeoutSeconds") or 1,
            successes=raw.get("successThreshold") or 1,
            failures=raw.get("failureThreshold") or 3,
            grace=raw.get("terminationGracePeriodSeconds"),
        )


@dataclass(frozen=True, slots=True)
class Tally:
    """Results in a row, of one sort: `run` counts them, `last` is the sort."""

    last: bool | None = None
    run: int = 0

    def add(self, success: bool) -> "Tally":
        """One more result."""
        return replace(self, last=success, run=self.run + 1 if success == self.last else 1)

    def verdict(self, probe: Probe) -> bool | None:
        """True or False once the threshold is reached, None before: the old verdict stands."""
        if self.last is None:
            return None
        needed = probe.successes if self.last else probe.failures
        return self.last if self.run >= needed else None
