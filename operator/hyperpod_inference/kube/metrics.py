"""Metrics under controller-runtime's names, so that dashboards made for Go operators show this one too."""

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

QUEUE_BUCKETS = tuple(10.0**power for power in range(-8, 4))
RECONCILE_BUCKETS = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0,
    1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
)  # fmt: skip


class Metrics:
    """All metrics of one process, in a registry of its own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call] # *_created series double the output, and no dashboard reads them
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        queue, one = ("name", "controller"), ("controller",)
        self.depth = Gauge("workqueue_depth", "Current depth of workqueue", queue, registry=registry)
        self.adds = Counter("workqueue_adds", "Adds handled by workqueue", queue, registry=registry)
        self.retries = Counter("workqueue_retries", "Retries handled by workqueue", queue, registry=registry)
        self.waited = Histogram(
            "workqueue_queue_duration_seconds", "How long an item stays in workqueue before being requested",
            queue, registry=registry, buckets=QUEUE_BUCKETS,
        )  # fmt: skip
        self.worked = Histogram(
            "workqueue_work_duration_seconds", "How long processing an item from workqueue takes",
            queue, registry=registry, buckets=QUEUE_BUCKETS,
        )  # fmt: skip
        self.unfinished = Gauge(
            "workqueue_unfinished_work_seconds", "Seconds of work in progress that is not counted yet",
            queue, registry=registry,
        )  # fmt: skip
        self.longest = Gauge(
            "workqueue_longest_running_processor_seconds", "Seconds that the longest work has run",
            queue, registry=registry,
        )  # fmt: skip
        self.reconciles = Counter(
            "controller_runtime_reconcile", "Reconciliations per controller and result",
            ("controller", "result"), registry=registry,
        )  # fmt: skip
        self.errors = Counter(
            "controller_runtime_reconcile_errors",
            "Reconciliation errors per controller",
            one,
            registry=registry,
        )
        self.time = Histogram(
            "controller_runtime_reconcile_time_seconds", "Length of time per reconciliation",
            one, registry=registry, buckets=RECONCILE_BUCKETS,
        )  # fmt: skip
        self.active = Gauge(
            "controller_runtime_active_workers", "Workers at work per controller", one, registry=registry
        )
        self.workers = Gauge(
            "controller_runtime_max_concurrent_reconciles", "Workers per controller", one, registry=registry
        )
        self.requests = Counter(
            "rest_client_requests", "Requests to the API server by status code and method",
            ("code", "method"), registry=registry,
        )  # fmt: skip
        self.leader = Gauge(
            "leader_election_master_status",
            "1 while this process is the leader",
            ("name",),
            registry=registry,
        )

    def expose(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def counted(self, method: str, code: int) -> None:
        """A request to the API server ended (0: without an answer); for `Client(on_answer=...)`."""
        self.requests.labels(str(code or "<error>"), method).inc()


class QueueMetrics:
    """What one controller's queue tells of every item's way through it; times in seconds."""

    def __init__(self, metrics: Metrics, name: str) -> None:
        self._metrics, self._labels = metrics, (name, name)
        self._depth = metrics.depth.labels(name, name)
        self._adds = metrics.adds.labels(name, name)
        self._retries = metrics.retries.labels(name, name)
        self._waited = metrics.waited.labels(name, name)
        self._worked = metrics.worked.labels(name, name)

    def watch(self, processing_for: Callable[[], list[float]]) -> None:
        """Read work in progress from the queue whenever metrics are scraped."""
        self._metrics.unfinished.labels(*self._labels).set_function(lambda: sum(processing_for()))
        self._metrics.longest.labels(*self._labels).set_function(lambda: max(processing_for(), default=0.0))

    def added(self, depth: int) -> None:
        """An item joined the line."""
        self._adds.inc()
        self._depth.set(depth)

    def taken(self, depth: int, waited: float) -> None:
        """A worker took an item."""
        self._depth.set(depth)
        self._waited.observe(waited)

    def finished(self, worked: float) -> None:
        """A worker gave an item back."""
        self._worked.observe(worked)

    def retried(self) -> None:
        """An item was put back after a failure."""
        self._retries.inc()
