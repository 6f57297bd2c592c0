"""The sidecar's metrics: AWS's names and labels, on which its dashboards stand."""

from collections.abc import Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from hyperpod_inference.api import names
from hyperpod_inference.router.exposition import Collector, histogram
from hyperpod_inference.router.proxy import Proxy

LABELS = (
    "cluster_id", "cluster_name", "resource_name", "resource_type", "namespace", "model_name",
    "model_version", "model_container_type", "pod_name", "node_name", "instance_type", "metric_source",
    "task_type",
)  # fmt: skip
_FIXED = {"metric_source": "reverse-proxy", "task_type": "inference"}


def labels_from(environ: Mapping[str, str]) -> dict[str, str]:
    """The labels of this pod from MODEL_LABEL_<NAME> variables; one that is not set is empty."""
    given = {name: environ.get(f"MODEL_LABEL_{name.upper()}", "") for name in LABELS}
    return given | _FIXED


class ModelMetrics(Collector):
    """`model_*` as the observability stack scrapes them from port 9113."""

    def __init__(self, proxy: Proxy, labels: Mapping[str, str]) -> None:
        self._proxy, self._labels = proxy, dict(labels)

    def collect(self) -> Iterable[Metric]:
        """Five families, all with the same labels."""
        counts, labels = self._proxy.metrics, self._labels
        for name, text, value in (
            (names.METRIC_INVOCATIONS, "Requests to the model", counts.invocations),
            (names.METRIC_ERRORS, "Requests answered with 400 or above, or not at all", counts.errors),
        ):
            counter = CounterMetricFamily(name.removesuffix("_total"), text, labels=[*labels])
            counter.add_metric([*labels.values()], value)
            yield counter
        gauge = GaugeMetricFamily(names.METRIC_CONCURRENT, "Requests in work", labels=[*labels])
        gauge.add_metric([*labels.values()], self._proxy.queue.active)
        yield gauge
        yield histogram(
            names.METRIC_LATENCY, "Whole request to end of the answer", counts.duration, labels, 1000
        )
        yield histogram(
            names.METRIC_TTFB, "Whole request to first byte of the answer", counts.ttfb, labels, 1000
        )
