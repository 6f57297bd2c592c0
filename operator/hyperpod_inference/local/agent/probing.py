"""The probes of one run of a container: first its startup probe, then readiness and liveness.

Repeats them with `prober.watch` and turns verdicts into three calls: started, ready or not, unhealthy.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import aiohttp

from hyperpod_inference.local.agent import prober
from hyperpod_inference.local.agent.probes import Kind, Probe

Body = Mapping[str, Any]


class Subject(Protocol):
    """Who wants to know."""

    def passed_startup(self) -> None:
        """The startup probe passed for the first time."""

    def became_ready(self, ready: bool) -> None:
        """The readiness probe's verdict, also if it is the same as before."""

    def unhealthy(self, probe: Probe) -> None:
        """The startup or liveness probe failed often enough: restart."""

    def probe_failed(self, probe: Probe, message: str) -> None:
        """One failure, before any threshold."""


class Probing:
    """Probes one run; `close` it when the run ends."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        container: Body,
        target: prober.Target,
        floor: float,
        subject: Subject,
    ) -> None:
        self._http, self._container, self._target = http, container, target
        self._floor, self._subject = floor, subject
        self._tasks: list[asyncio.Task[None]] = []
        self._startup = Probe.of(container, Kind.STARTUP)
        if self._startup is not None:
            self._begin(self._startup, self._on_startup)
        else:
            self._begin_rest()

    async def close(self) -> None:
        """Stop asking."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin_rest(self) -> None:
        for kind, report in ((Kind.READINESS, self._on_readiness), (Kind.LIVENESS, self._on_liveness)):
            probe = Probe.of(self._container, kind)
            if probe is not None:
                self._begin(probe, report)

    def _begin(self, probe: Probe, report: Callable[[Probe, bool | None], bool]) -> None:
        def heard(verdict: bool | None, result: prober.Result) -> bool:
            if not result.success:
                self._subject.probe_failed(probe, result.message)
            return report(probe, verdict)

        work = prober.watch(self._http, probe, self._target, self._floor, heard)
        self._tasks.append(asyncio.create_task(work))

    def _on_startup(self, probe: Probe, verdict: bool | None) -> bool:
        if verdict is None:
            return True
        if verdict:
            self._subject.passed_startup()
            self._begin_rest()
        else:
            self._subject.unhealthy(probe)
        return False

    def _on_readiness(self, probe: Probe, verdict: bool | None) -> bool:
        if verdict is not None:
            self._subject.became_ready(verdict)
        return True

    def _on_liveness(self, probe: Probe, verdict: bool | None) -> bool:
        if verdict is False:
            self._subject.unhealthy(probe)
        return verdict is not False
