"""The router's own metrics in Prometheus' format, made when they are asked for."""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from hyperpod_inference.router.disaggregation import DisaggregatingProxy
from hyperpod_inference.router.metrics import Histogram
from hyperpod_inference.router.proxy import Proxy
from hyperpod_inference.router.strategies import KvAware
from hyperpod_inference.router.usage import Usage


class Collector:
    """`metrics()` gives the families; a registry of their own, so that nothing else slips in."""

    def collect(self) -> Iterable[Metric]:
        """The families as they are now."""
        raise NotImplementedError

    def text(self) -> bytes:
        """The exposition."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)


class RouterMetrics(Collector):
    """Metrics of a router: what it did, why, and what it knows of each replica."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy, self._usage = proxy, Usage()

    def collect(self) -> Iterable[Metric]:
        """Counters, histograms, then the state of the replicas."""
        counts = self._proxy.metrics
        requests = CounterMetricFamily(
            "router_requests",
            "Requests by path and status; 499: the client left first",
            labels=["path", "code"],
        )
        for (target, status), number in counts.requests.items():
            requests.add_metric([target.decode(), str(status)], number)
        yield requests
        yield counter("router_decisions", "Choices of a replica by reason", "reason", counts.decisions)
        refused = {400: 0} | counts.refused  # a series before the first one, so that its rate has a start
        yield counter("router_refused", "Requests refused before they were whole", "code", refused)
        yield CounterMetricFamily("router_retries", "Further replicas tried", value=counts.retries)
        yield CounterMetricFamily(
            "router_stale_connections", "Unused connections found closed", value=counts.stale
        )
        yield CounterMetricFamily("router_prompt_blocks", "Prompt blocks seen", value=counts.blocks)
        yield CounterMetricFamily(
            "router_predicted_miss_blocks",
            "Of those, blocks predicted to be computed",
            value=counts.missed_blocks,
        )
        yield histogram(
            "router_ttfb_seconds", "Whole request to first byte of the answer's body", counts.ttfb
        )
        yield histogram("router_chunk_gap_seconds", "Between two parts of an answer", counts.chunk_gap)
        yield histogram("router_request_seconds", "Whole request to end of the answer", counts.duration)
        yield GaugeMetricFamily(
            "router_queue_length", "Requests waiting for a place", value=len(self._proxy.queue)
        )
        yield from self._hits()
        if isinstance(self._proxy.strategy, KvAware):
            yield from _kv(self._proxy.strategy)
        yield from self._replicas()
        yield from self._usage.collect()
        yield from self._as_aws_names_them()
        if isinstance(self._proxy, DisaggregatingProxy):
            yield from _disaggregation(self._proxy)

    def _hits(self) -> Iterable[Metric]:
        """The share of prompts predicted to be in a cache, and the share that the replicas found there."""
        counts = self._proxy.metrics
        caches = [replica.cache for replica in self._proxy.replicas.everyone if replica.cache]
        queried, hit = sum(each.queried for each in caches), sum(each.hit for each in caches)
        ratio = GaugeMetricFamily(
            "router_prefix_hit_ratio", "Share of prompts found in prefix caches", labels=["kind"]
        )
        if counts.blocks:
            ratio.add_metric(["predicted"], 1 - counts.missed_blocks / counts.blocks)
        if queried:
            ratio.add_metric(["real"], hit / queried)
        yield ratio
        yield GaugeMetricFamily(
            "router_replicas_queried_tokens", "Prompt tokens by the replicas' own count", value=queried
        )
        yield GaugeMetricFamily(
            "router_replicas_hit_tokens", "Of those, tokens found in their caches", value=hit
        )

    def _as_aws_names_them(self) -> Iterable[Metric]:
        """For the row "Intelligent Router Metrics" of AWS's dashboard."""
        counts, queue = self._proxy.metrics, self._proxy.queue
        asked = sum(counts.requests.values())
        average = counts.duration.total / asked if asked else 0.0
        values = {
            ("vllm:current_qps", "Requests per second since the last scrape"): self._usage.rate(asked),
            ("vllm:avg_latency", "Mean seconds of a request since the start"): average,
            ("vllm:num_requests_running", "Requests in work"): queue.active,
            ("vllm:num_requests_waiting", "Requests waiting for a place"): len(queue),
        }
        for (name, text), value in values.items():
            yield GaugeMetricFamily(name, text, value=value)

    def _replicas(self) -> Iterable[Metric]:
        everyone = self._proxy.replicas.everyone
        by_name = {
            ("router_replica_in_flight", "Requests in work"): {r.name: r.in_flight for r in everyone},
            ("router_replica_pending_blocks", "Prompt blocks sent and not yet answered"): {
                r.name: r.pending for r in everyone
            },
            ("router_replica_open", "1 while left out for failing"): {
                r.name: int(r.breaker.state != "closed") for r in everyone
            },
            ("router_replica_idle_connections", "Unused connections"): {
                r.name: self._proxy.pool.idle(r) for r in everyone
            },
        }
        for (name, text), values in by_name.items():
            gauge = GaugeMetricFamily(name, text, labels=["replica"])
            for replica, value in values.items():
                gauge.add_metric([replica], value)
            yield gauge


def _disaggregation(proxy: DisaggregatingProxy) -> Iterable[Metric]:
    """AWS's own names."""
    ways = {
        "disaggregated": ("Prompts prefilled on another server", proxy.disaggregated),
        "local": ("Prompts computed where they were decoded", proxy.local),
        "fallback": ("Of long prompts, those whose prefill failed", proxy.fallback),
    }
    for way, (text, number) in ways.items():
        yield CounterMetricFamily(f"dpd_routing_{way}", text, value=number)
    yield GaugeMetricFamily("dpd_routing_inflight_prefill", "Prompts in prefill", value=proxy.in_prefill)
    yield histogram("dpd_e2e_ttft_seconds", "Whole request to first byte of the answer", proxy.metrics.ttfb)


def _kv(strategy: KvAware) -> Iterable[Metric]:
    """What `kvaware` knows from the replicas, and how often it did not."""
    events = strategy.events.counts if strategy.events else {}
    tokens = strategy.tokens.results if strategy.tokens else {}
    yield counter(
        "router_kv_fallbacks", "Choices without the replicas' reports", "reason", strategy.fallbacks
    )
    yield counter("router_kv_events", "Batches of KV events, and gaps between them", "result", events)
    yield counter("router_kv_tokenized", "Prompts whose tokens were asked for", "result", tokens)
    blocks = GaugeMetricFamily("router_kv_reported_blocks", "Blocks reported to be held", labels=["replica"])
    orphans = CounterMetricFamily(
        "router_kv_orphan_blocks", "Reported blocks whose beginning is not known", labels=["replica"]
    )
    for replica, report in strategy.reports.items():
        blocks.add_metric([replica.name], len(report))
        orphans.add_metric([replica.name], report.orphans)
    yield blocks
    yield orphans


def counter(
    name: str, text: str, label: str, values: Mapping[str, int] | Mapping[int, int]
) -> CounterMetricFamily:
    """A counter with one label."""
    family = CounterMetricFamily(name, text, labels=[label])
    for value, number in values.items():
        family.add_metric([str(value)], number)
    return family


def histogram(name: str, text: str, source: Histogram) -> HistogramMetricFamily:
    """A histogram without labels, in seconds."""
    buckets, total = cumulative(source)
    return HistogramMetricFamily(name, text, buckets=buckets, sum_value=total)


def cumulative(source: Histogram, scale: float = 1.0) -> tuple[list[tuple[str, float]], float]:
    """Buckets as Prometheus has them, each with all below it, and the sum; scale 1000: milliseconds."""
    buckets: list[tuple[str, float]] = []
    running = 0
    for bound, number in zip([*source.bounds, float("inf")], source.counts, strict=True):
        running += number
        buckets.append(("+Inf" if bound == float("inf") else f"{bound * scale:g}", running))
    return buckets, source.total * scale
