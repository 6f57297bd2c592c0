"""The engine's state under vLLM's metric names, and one name for the simulated GPU of the local nodes."""

from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from hyperpod_inference.local.servers.simulator.dialects import DIALECTS
from hyperpod_inference.local.servers.simulator.engine import Engine
from hyperpod_inference.router.exposition import cumulative


class _Collector:
    def __init__(self, engine: Engine, model: str, others: Sequence[str]) -> None:
        self._engine, self._model, self._others = engine, model, others

    def collect(self) -> Iterable[Metric]:
        counts, cache = self._engine.counts, self._engine.cache
        labels = {"engine": "0", "model_name": self._model}
        gauges = {
            "vllm:num_requests_running": counts.running,
            "vllm:num_requests_waiting": counts.waiting,
            "vllm:kv_cache_usage_perc": cache.used / cache.capacity,
        }
        for name, value in gauges.items():
            gauge = GaugeMetricFamily(name, name.partition(":")[2], labels=[*labels])
            gauge.add_metric([*labels.values()], value)
            yield gauge
        totals = {
            "vllm:prompt_tokens": counts.prompt,
            "vllm:generation_tokens": counts.generated,
            "vllm:prefix_cache_queries": counts.queried,
            "vllm:prefix_cache_hits": counts.hit,
            "simulator:gpu_busy_seconds": self._engine.busy.seconds,
        }
        for name, value in totals.items():
            counter = CounterMetricFamily(name, name.partition(":")[2], labels=[*labels])
            counter.add_metric([*labels.values()], value)
            yield counter
        info = {"block_size": str(cache.block_size), "num_gpu_blocks": str(cache.capacity), "engine": "0"}
        config = GaugeMetricFamily("vllm:cache_config_info", "cache_config_info", labels=[*info])
        config.add_metric([*info.values()], 1)
        yield config
        histograms = {
            "vllm:time_to_first_token_seconds": counts.first_token,
            "vllm:inter_token_latency_seconds": counts.inter_token,
            "vllm:request_prefill_time_seconds": counts.prefill_time,
        }
        for name, source in histograms.items():
            buckets, total = cumulative(source)
            times = HistogramMetricFamily(name, name.partition(":")[2], labels=[*labels])
            times.add_metric([*labels.values()], buckets, sum_value=total)
            yield times
        for other in self._others:
            yield from DIALECTS[other](self._engine)


def exposition(engine: Engine, model: str, others: Sequence[str] = ()) -> bytes:
    """The page of `/metrics`; others: servers and caches whose names it has as well."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(engine, model, others))
    return generate_latest(registry)
