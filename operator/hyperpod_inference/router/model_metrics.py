"""The sidecar's metrics: AWS's names and labels, on which its dashboards stand.

Only calls of the model count: probes of a load balancer pass as well, and would pull every latency down.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from hyperpod_inference.api import names
from hyperpod_inference.router.capture import OUTCOMES, Capture
from hyperpod_inference.router.exposition import Collector, cumulative
from hyperpod_inference.router.metrics import FIRST_BYTE_BOUNDS, KNOWN_PATHS, Histogram, Metrics
from hyperpod_inference.router.proxy import Proxy
from hyperpod_inference.router.request import Request

if TYPE_CHECKING:
    from hyperpod_inference.router.exchange import Exchange

LABELS = names.MODEL_LABELS
BY_CALL = ("method", "uri", "status")
"""Further labels of errors and times."""
USUAL_ERRORS = ("400", "429", "499", "500", "502", "503", "504")
"""Statuses that are told before the first one."""
MILLISECONDS = 1000.0
_OTHER = "other"

Call = tuple[str, str, str]
"""Method, path, status."""


def labels_from(environ: Mapping[str, str]) -> dict[str, str]:
    """The labels of this pod from MODEL_LABEL_<NAME> variables; one that is not set is empty."""
    given = {name: environ.get(names.model_label_variable(name), "") for name in LABELS}
    fixed = {"metric_source": names.SOURCE_PROXY, "task_type": names.TASK_TYPE}
    return given | fixed


class ModelCounts(Metrics):
    """What the sidecar counts beside what every data plane process does: errors and times by call.

    paths: paths told apart, beside those of `KNOWN_PATHS`; all others are one, so that nobody who tries
    random paths grows the series.
    """

    def __init__(self, paths: Iterable[str] = ()) -> None:
        super().__init__()
        self._paths = KNOWN_PATHS | {*paths}
        self.failed: Counter[Call] = Counter()
        self.latency: dict[Call, Histogram] = {}
        self.first_byte: dict[Call, Histogram] = {}

    def ended(self, exchange: "Exchange", now: float) -> None:
        """A request is over."""
        super().ended(exchange, now)
        request, status = exchange.request, exchange.status
        if not request.is_call:
            return
        call = self._call(request, status)
        _of(self.latency, call).observe(now - request.started)
        if exchange.first_byte:
            _of(self.first_byte, call).observe(exchange.first_byte)
        if status >= 400 or exchange.reason:
            self.failed[call] += 1

    def overflowed(self, request: Request, status: int) -> None:
        """A request found no place."""
        super().overflowed(request, status)
        self.failed[self._call(request, status)] += 1

    def _call(self, request: Request, status: int) -> Call:
        path = request.path
        return request.method.decode(), path if path in self._paths else _OTHER, str(status)


def _zeros(seen: Iterable[Call]) -> dict[Call, int]:
    """No errors yet, for every path that was called: a rate does not see what a series begins with."""
    paths = {("POST", _OTHER)} | {(method, path) for method, path, _ in seen}
    return {(*path, status): 0 for path in sorted(paths) for status in USUAL_ERRORS}


def _of(histograms: dict[Call, Histogram], call: Call) -> Histogram:
    found = histograms.get(call)
    if found is None:
        found = histograms[call] = Histogram(FIRST_BYTE_BOUNDS)
    return found


class ModelMetrics(Collector):
    """`model_*` as the observability stack scrapes them from port 9113."""

    def __init__(
        self, proxy: Proxy, counts: ModelCounts, labels: Mapping[str, str], capture: Capture | None = None
    ) -> None:
        self._proxy, self._counts, self._labels, self._capture = proxy, counts, dict(labels), capture

    def collect(self) -> Iterable[Metric]:
        """AWS's five families, then the queue; all with the labels of the pod."""
        names_, values = [*self._labels], [*self._labels.values()]
        counts = self._counts
        calls = CounterMetricFamily(_base(names.METRIC_INVOCATIONS), "Requests to the model", labels=names_)
        calls.add_metric(values, counts.invocations)
        yield calls
        errors = CounterMetricFamily(
            _base(names.METRIC_ERRORS),
            "Requests answered with 400 or above, or not whole",
            labels=[*names_, *BY_CALL],
        )
        for call, number in {**_zeros(counts.latency), **counts.failed}.items():
            errors.add_metric([*values, *call], number)
        yield errors
        gauge = GaugeMetricFamily(names.METRIC_CONCURRENT, "Requests in work", labels=names_)
        gauge.add_metric(values, self._proxy.queue.active)
        yield gauge
        yield self._times(names.METRIC_LATENCY, "Whole request to end of the answer", counts.latency)
        yield self._times(names.METRIC_TTFB, "Whole request to first byte of the answer", counts.first_byte)
        waiting = GaugeMetricFamily(names.METRIC_QUEUED, "Requests waiting for a place", labels=names_)
        waiting.add_metric(values, len(self._proxy.queue))
        yield waiting
        if self._capture is not None:
            yield self._captured(self._capture)

    def _captured(self, capture: Capture) -> Metric:
        family = CounterMetricFamily(
            _base(names.METRIC_CAPTURED),
            "Calls in the capture's sample: written, or dropped for want of memory or disk, or by an error",
            labels=[*self._labels, "outcome"],
        )
        for outcome in OUTCOMES:
            family.add_metric([*self._labels.values(), outcome], capture.outcomes[outcome])
        return family

    def _times(self, name: str, text: str, by_call: Mapping[Call, Histogram]) -> HistogramMetricFamily:
        family = HistogramMetricFamily(name, text, labels=[*self._labels, *BY_CALL])
        for call, source in by_call.items():
            buckets, total = cumulative(source, MILLISECONDS)
            family.add_metric([*self._labels.values(), *call], buckets, sum_value=total)
        return family


def _base(counter: str) -> str:
    return counter.removesuffix("_total")
