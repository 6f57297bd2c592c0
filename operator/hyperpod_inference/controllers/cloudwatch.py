"""The operator's metrics in CloudWatch, for alarms and dashboards where there is no Prometheus.

`totals` and `data` decide what is told, from what a scrape would find; `CloudWatchPush` tells it once a
minute, from a thread. No reconcile waits for that, and a failure is a line in the log.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from prometheus_client.core import Metric
from prometheus_client.registry import CollectorRegistry

from hyperpod_inference.api import names
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.cloud.errors import CloudError, told

if TYPE_CHECKING:
    from hyperpod_inference.cloud.cloudwatch import CloudWatch

logger = logging.getLogger(__name__)

EVERY = 60.0
"""Seconds between two tellings: the resolution that CloudWatch keeps."""
DAY = 86400.0

Series = tuple[str, tuple[tuple[str, str], ...]]
"""Name and dimensions of a metric."""
Labels = Mapping[str, str]


def _all(labels: Labels) -> bool:
    return True


def _not_first_choice(labels: Labels) -> bool:
    return labels["choice"] not in ("", "1")


@dataclass(frozen=True, slots=True)
class Told:
    """One metric in CloudWatch.

    name: its own. source: the samples that it adds up, by name. keep: labels that become dimensions, the
    others are added up. counts: which samples. grows: of a counter, what was added since the last telling.
    until: of a time, how many days are left.
    """

    name: str
    source: str
    keep: tuple[str, ...]
    unit: str = "Count"
    counts: Callable[[Labels], bool] = _all
    grows: bool = False
    until: bool = False


_ENDPOINT = ("namespace", "resource_name")
_READY = names.METRIC_ENDPOINT_READY
TOLD = (
    Told(_READY, _READY, _ENDPOINT),
    Told(names.METRIC_ENDPOINT_DESIRED, names.METRIC_ENDPOINT_DESIRED, _ENDPOINT),
    Told(names.METRIC_ENDPOINT_REPLICAS, names.METRIC_ENDPOINT_REPLICAS, _ENDPOINT),
    Told(
        names.CLOUDWATCH_FALLBACK_REPLICAS,
        names.METRIC_ENDPOINT_REPLICAS,
        _ENDPOINT,
        counts=_not_first_choice,
    ),
    Told(names.METRIC_ENDPOINT_FAILING, names.METRIC_ENDPOINT_FAILING, _ENDPOINT),
    Told(names.CLOUDWATCH_CERTIFICATE_DAYS, names.METRIC_CERTIFICATE_END, _ENDPOINT, "None", until=True),
    Told(names.METRIC_LEADER, names.METRIC_LEADER, ()),
    Told(names.METRIC_RECONCILES, names.METRIC_RECONCILES, ("controller", "result"), grows=True),
    Told(names.METRIC_RECONCILE_ERRORS, names.METRIC_RECONCILE_ERRORS, ("controller",), grows=True),
    Told("workqueue_depth", "workqueue_depth", ("name",)),
    Told("process_resident_memory_bytes", "process_resident_memory_bytes", (), "Bytes"),
)
"""What is told; the names are Prometheus' own but for two, which no alarm could compute."""
_ZERO_WITHOUT = (
    names.METRIC_ENDPOINT_REPLICAS,
    names.CLOUDWATCH_FALLBACK_REPLICAS,
    names.METRIC_ENDPOINT_FAILING,
)
"""Of an endpoint that has no such series; without a value an alarm would not know that all is well again."""


def totals(families: Iterable[Metric]) -> dict[Series, float]:
    """What a scrape found, added up to the series of CloudWatch."""
    by_source: dict[str, list[Told]] = {}
    for each in TOLD:
        by_source.setdefault(each.source, []).append(each)
    found: dict[Series, float] = {}
    for sample in (sample for family in families for sample in family.samples):
        for told_as in by_source.get(sample.name, ()):
            series = (told_as.name, tuple((label, sample.labels[label]) for label in told_as.keep))
            value = sample.value if told_as.counts(sample.labels) else 0.0
            found[series] = found.get(series, 0.0) + value
    for endpoint in [dimensions for name, dimensions in found if name == _READY]:
        for name in _ZERO_WITHOUT:
            found.setdefault((name, endpoint), 0.0)
    return found


def data(
    found: Mapping[Series, float], before: Mapping[Series, float], now: datetime, cluster: str
) -> list[dict[str, Any]]:
    """What to tell, as PutMetricData takes it.

    before: the totals at the last telling. cluster: the EKS cluster's name, a dimension of all of them where
    it is known.
    """
    by_name = {each.name: each for each in TOLD}
    common = (("cluster_name", cluster),)
    made = []
    for (name, labels), total in sorted(found.items()):
        told_as, value = by_name[name], total
        if told_as.grows:
            value = max(total - before.get((name, labels), 0.0), 0.0)
        if told_as.until:
            value = (total - now.timestamp()) / DAY
        # CloudWatch refuses a dimension without a value.
        dimensions = [{"Name": key, "Value": text} for key, text in (*common, *labels) if text]
        made.append(
            {
                "MetricName": name,
                "Dimensions": dimensions,
                "Timestamp": now,
                "Value": value,
                "Unit": told_as.unit,
            }
        )
    return made


class CloudWatchPush:
    """Tells CloudWatch what the operator's registry says, once a minute.

    open_: makes the client; blocks, raises CloudError. now: the clock.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        settings: OperatorSettings,
        open_: "Callable[[], CloudWatch]",
        now: Callable[[], datetime],
    ) -> None:
        self._registry, self._settings, self._open, self._now = registry, settings, open_, now
        self._before: dict[Series, float] = {}
        self._complaint = ""

    async def run(self) -> None:
        """Tell for ever; for a task."""
        while True:
            try:
                await self.push()
            except Exception:  # a defect here must not end what the operator is for
                logger.exception("telling CloudWatch failed")
            await asyncio.sleep(EVERY)

    async def push(self) -> None:
        """Tell once. What a failed telling should have added is in the next one."""
        # Here and not in the thread: the collectors read caches that belong to this loop.
        found = totals(self._registry.collect())
        values = data(found, self._before, self._now(), self._settings.eks_cluster_name)
        try:
            await asyncio.to_thread(lambda: self._open().put(names.CLOUDWATCH_NAMESPACE, values))
        except CloudError as error:
            complaint = told(error, self._settings.execution_role_arn)
            if complaint != self._complaint:
                logger.warning("metrics do not reach CloudWatch: %s", complaint)
            self._complaint = complaint
            return
        if self._complaint:
            logger.info("metrics reach CloudWatch again")
        self._before, self._complaint = found, ""
