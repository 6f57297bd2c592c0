"""How much of the machine this process uses, between one scrape and the next, under AWS's names."""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily, Metric

LIMIT = Path("/sys/fs/cgroup/memory.max")
STATM = Path("/proc/self/statm")


class Usage:
    """CPU since the last look, in percent of one core; memory in percent of the container's limit."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, cpu: Callable[[], float] = time.process_time
    ) -> None:
        self._clock, self._cpu = clock, cpu
        self._looked, self._used = clock(), cpu()
        self._counted, self._counted_at = 0, self._looked

    def collect(self) -> Iterable[Metric]:
        """The two gauges."""
        yield GaugeMetricFamily("router_cpu_usage_percent", "Of one core", value=self.cpu_percent())
        yield GaugeMetricFamily("router_memory_usage_percent", "Of the limit", value=memory_percent())

    def cpu_percent(self) -> float:
        """Since the last call."""
        now, used = self._clock(), self._cpu()
        passed, worked = now - self._looked, used - self._used
        self._looked, self._used = now, used
        return 100.0 * worked / passed if passed > 0 else 0.0

    def rate(self, count: int) -> float:
        """How fast `count` has grown since the last call, per second."""
        now = self._clock()
        passed, more = now - self._counted_at, count - self._counted
        self._counted, self._counted_at = count, now
        return more / passed if passed > 0 else 0.0


def memory_percent(limit: Path = LIMIT, statm: Path = STATM) -> float:
    """Resident memory of this process, of the cgroup's limit, else of the machine's memory."""
    page = os.sysconf("SC_PAGE_SIZE")
    try:
        text = limit.read_text("ascii").strip()
        most = int(text) if text != "max" else os.sysconf("SC_PHYS_PAGES") * page
    except (OSError, ValueError):
        most = os.sysconf("SC_PHYS_PAGES") * page
    try:
        resident = int(statm.read_text("ascii").split()[1]) * page
    except (OSError, ValueError, IndexError):
        return 0.0
    return 100.0 * resident / most
