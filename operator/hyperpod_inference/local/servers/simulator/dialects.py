"""What the simulated engine did, under the metric names of servers and caches other than vLLM.

`--also-metrics-of lmcache,tgi,lmi`. For dashboards and triggers written for those servers; names, types and
units are those that AWS's dashboard reads.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric

from hyperpod_inference.local.servers.simulator.engine import Engine
from hyperpod_inference.router.exposition import cumulative
from hyperpod_inference.router.metrics import Histogram

BYTES_PER_TOKEN = 128 * 1024
"""Of keys and values: a model of 8 billion parameters with grouped attention, in 16 bits."""


def lmcache(engine: Engine) -> Iterable[Metric]:
    """The simulator's one cache in the role of the local one; there is no remote one."""
    cache, counts = engine.cache, engine.counts
    held = cache.used * cache.block_size * BYTES_PER_TOKEN
    yield _gauge("lmcache:local_cache_usage", "Bytes in the local cache", held)
    yield _gauge("lmcache:remote_cache_usage", "Bytes in the remote cache", 0)
    yield _gauge("lmcache:lookup_hit_rate", "Share of looked-up tokens", counts.hit / max(counts.queried, 1))


def tgi(engine: Engine) -> Iterable[Metric]:
    """Histograms in seconds, and one in tokens."""
    counts = engine.counts
    yield _histogram("tgi_request_queue_duration", counts.queued)
    batches = {"prefill": counts.prefill_time, "decode": counts.inter_token}
    yield _histogram("tgi_batch_inference_duration", batches)
    yield _histogram("tgi_batch_forward_duration", batches)
    yield _histogram("tgi_request_generated_tokens", counts.answers)
    yield _histogram("tgi_request_mean_time_per_token_duration", counts.inter_token)


def lmi(engine: Engine) -> Iterable[Metric]:
    """The 90th percentile over the last ten requests; latency in microseconds, throughput in tokens/s."""
    last = [*engine.counts.last]
    batch = [each.batch for each in last]
    per_token = [each.seconds / each.tokens for each in last]
    yield _gauge("TokenLatency_p90", "Microseconds for a token", 1e6 * p90(per_token))
    yield _gauge("TokenThroughput_p90", "Tokens a second", p90([1 / each for each in per_token if each]))
    yield _gauge("OutputTokens_p90", "Tokens of an answer", p90([each.tokens for each in last]))
    yield _gauge("RollingBatchSize_p90", "Requests computed together", p90(batch))


def p90(values: Sequence[float]) -> float:
    """The smallest value that nine of ten do not exceed; 0 of none."""
    ranked = sorted(values)
    return float(ranked[-(-9 * len(ranked) // 10) - 1]) if ranked else 0.0


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _histogram(name: str, source: Histogram | Mapping[str, Histogram]) -> HistogramMetricFamily:
    by_method = isinstance(source, Mapping)
    family = HistogramMetricFamily(name, name, labels=["method"] if by_method else [])
    for method, each in source.items() if isinstance(source, Mapping) else [("", source)]:
        buckets, total = cumulative(each)
        family.add_metric([method] if by_method else [], buckets, sum_value=total)
    return family


DIALECTS: Mapping[str, Callable[[Engine], Iterable[Metric]]] = {"lmcache": lmcache, "tgi": tgi, "lmi": lmi}
