"""A pod's page of `/metrics` as numbers, and what has happened between two of them."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from prometheus_client.parser import text_string_to_metric_families

from hyperpod_inference.api import names

CALLS, ERRORS = names.METRIC_INVOCATIONS, names.METRIC_ERRORS
ACTIVE, QUEUED = names.METRIC_CONCURRENT, names.METRIC_QUEUED
TOKENS = "vllm:generation_tokens_total"
CACHE_USED = "vllm:kv_cache_usage_perc"
CACHE_ASKED, CACHE_HIT = "vllm:prefix_cache_queries_total", "vllm:prefix_cache_hits_total"
ENGINE_WAITING = "vllm:num_requests_waiting"
VALUES = frozenset(
    {CALLS, ERRORS, ACTIVE, QUEUED, TOKENS, CACHE_USED, CACHE_ASKED, CACHE_HIT, ENGINE_WAITING}
)
# The server's own time to the first token, else the proxy's to the first byte; milliseconds in each unit.
FIRST_TOKEN = {"vllm:time_to_first_token_seconds": 1000.0, names.METRIC_TTFB: 1.0}
_BUCKETS = {f"{name}_bucket": name for name in FIRST_TOKEN}


@dataclass(frozen=True, slots=True)
class Page:
    """Values by name, its series added up; histograms: upper bound to what is at or below it."""

    values: Mapping[str, float] = field(default_factory=dict)
    buckets: Mapping[str, Mapping[float, float]] = field(default_factory=dict)

    def since(self, earlier: Self) -> "Page":
        """What was counted since `earlier`; a counter that fell is that of a server that started anew."""
        values = {name: _grown(value, earlier.values.get(name, 0.0)) for name, value in self.values.items()}
        buckets = {
            name: {le: _grown(count, earlier.buckets.get(name, {}).get(le, 0.0)) for le, count in own.items()}
            for name, own in self.buckets.items()
        }
        return Page(values, buckets)


def page(text: str) -> Page:
    """Raises ValueError where the text is none of Prometheus' format."""
    values: dict[str, float] = {}
    buckets: dict[str, dict[float, float]] = {}
    for family in text_string_to_metric_families(text):
        for name, labels, value, *_ in family.samples:
            if name in VALUES:
                values[name] = values.get(name, 0.0) + value
            elif (histogram := _BUCKETS.get(name)) is not None:
                own = buckets.setdefault(histogram, {})
                bound = float(labels["le"])
                own[bound] = own.get(bound, 0.0) + value
    return Page(values, buckets)


def added(pages: Iterable[Page]) -> Page:
    """Several pods as one."""
    values: dict[str, float] = {}
    buckets: dict[str, dict[float, float]] = {}
    for each in pages:
        for name, value in each.values.items():
            values[name] = values.get(name, 0.0) + value
        for name, own in each.buckets.items():
            into = buckets.setdefault(name, {})
            for bound, count in own.items():
                into[bound] = into.get(bound, 0.0) + count
    return Page(values, buckets)


def percentile(share: float, buckets: Mapping[float, float]) -> float | None:
    """As Prometheus' histogram_quantile: straight within a bucket; the last bound for what is above it."""
    bounds = sorted(buckets)
    counts = [buckets[bound] for bound in bounds]
    if not counts or counts[-1] <= 0:
        return None
    rank = share * counts[-1]
    at = bisect_left(counts, rank)
    if bounds[at] == float("inf"):
        return bounds[at - 1] if at else None
    low, below = (bounds[at - 1], counts[at - 1]) if at else (0.0, 0.0)
    within = counts[at] - below
    return low + (bounds[at] - low) * ((rank - below) / within if within else 1.0)


def _grown(now: float, before: float) -> float:
    return now - before if now >= before else now
