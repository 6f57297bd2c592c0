"""What Prometheus computes ahead and watches: recording rules, and a few alerts with a runbook each.

Alerts name no endpoint in their text: the labels do. `docs/alerts.md` has a section for each.
"""

from __future__ import annotations

from typing import Any

from hyperpod_charts.labels import COMMON
from hyperpod_inference.api import names
from hyperpod_inference.api.settings import OperatorSettings

BY = "cluster_id, cluster_name, namespace, resource_name"
WINDOW = "5m"
RUNBOOK = "docs/alerts.md#"
PREFIX = "hyperpod_inference:"
PERCENTILES = (50, 95, 99)
HISTOGRAMS = {
    "ttfb_milliseconds": names.METRIC_TTFB,
    "latency_milliseconds": names.METRIC_LATENCY,
    "ttft_seconds": "vllm:time_to_first_token_seconds",
    "inter_token_latency_seconds": "vllm:inter_token_latency_seconds",
}

# The objective: 99 % of first bytes within 2.5 s. At 14.4 times the budget a month's is gone in two days.
SLOW_MILLISECONDS, OBJECTIVE, BURN = 2500, 0.99, 14.4
CACHE_FULL, CERTIFICATE_DAYS = 0.95, 14
# Prometheus 3 writes every bound as a float.
_FAST = rf'{names.METRIC_TTFB}_bucket{{le=~"{SLOW_MILLISECONDS}(\\.0)?"}}'


def rule_objects(settings: OperatorSettings) -> list[dict[str, Any]]:
    """Returns the PrometheusRule of the installation."""
    return [
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": "hyperpod-inference", "namespace": settings.namespace, "labels": COMMON},
            "spec": {"groups": groups()},
        }
    ]


def groups() -> list[dict[str, Any]]:
    """Returns the groups as Prometheus' own rule files have them."""
    return [
        {"name": "hyperpod-inference.records", "rules": records()},
        {"name": "hyperpod-inference.alerts", "rules": alerts()},
    ]


def records() -> list[dict[str, Any]]:
    """Returns the recording rules: one series for each endpoint."""
    rows = [
        (
            f"{name}:p{percent}",
            f"histogram_quantile({percent / 100:g}, {_rate(f'{metric}_bucket', f'le, {BY}')})",
        )
        for name, metric in HISTOGRAMS.items()
        for percent in PERCENTILES
    ]
    # Starts are rare: an hour of them.
    starts = f"sum by (le, stage, {BY}) (increase({names.METRIC_COLD_START}_bucket[1h]))"
    rows += [
        (f"cold_start_seconds:p{percent}", f"histogram_quantile({percent / 100:g}, {starts})")
        for percent in (50, 95)
    ]
    calls, errors = _rate(names.METRIC_INVOCATIONS), _rate(names.METRIC_ERRORS)
    hits, queries = _rate("vllm:prefix_cache_hits_total"), _rate("vllm:prefix_cache_queries_total")
    memory = "sum by (Hostname) (DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE)"
    rows += [
        ("calls:rate5m", calls),
        ("error_ratio:rate5m", f"{errors} / ({calls} > 0)"),
        ("generated_tokens:rate5m", _rate("vllm:generation_tokens_total")),
        ("prompt_tokens:rate5m", _rate("vllm:prompt_tokens_total")),
        ("kv_cache_usage:max", f"max by ({BY}) (vllm:kv_cache_usage_perc)"),
        ("kv_cache_hit_ratio:rate5m", f"{hits} / ({queries} > 0)"),
        ("queued_requests:sum", f"sum by ({BY}) ({names.METRIC_QUEUED})"),
        ("slow_first_byte_ratio:rate5m", _slow("5m")),
        ("slow_first_byte_ratio:rate1h", _slow("1h")),
        ("gpu_utilisation:avg", "avg by (Hostname) (DCGM_FI_DEV_GPU_UTIL)"),
        ("gpu_memory_ratio:avg", f"sum by (Hostname) (DCGM_FI_DEV_FB_USED) / {memory}"),
    ]
    return [{"record": f"{PREFIX}{name}", "expr": expr} for name, expr in rows]


def alerts() -> list[dict[str, Any]]:
    """Returns the alerts. Each has a section of its name in docs/alerts.md."""
    budget = f"{BURN * (1 - OBJECTIVE):g}"
    slow = f"{PREFIX}slow_first_byte_ratio"
    leader = f'leader_election_master_status{{name="{names.OPERATOR_LEASE}"}}'
    wanted = f"{names.METRIC_ENDPOINT_DESIRED} > 0"
    return [
        _alert(
            "HyperPodEndpointNotReady",
            f"{names.METRIC_ENDPOINT_READY} == 0 and {wanted}",
            "15m",
            "critical",
            "An endpoint that should have replicas has not been ready for 15 minutes.",
        ),
        _alert(
            "HyperPodEndpointOnFallback",
            f'sum by ({BY}) ({names.METRIC_ENDPOINT_REPLICAS}{{choice!~"|1"}}) > 0',
            "30m",
            "info",
            "Replicas run on an instance type that is not the endpoint's first choice.",
        ),
        _alert(
            "HyperPodFirstByteBurn",
            f"{slow}:rate5m > {budget} and {slow}:rate1h > {budget}",
            "2m",
            "critical",
            f"First bytes later than {SLOW_MILLISECONDS} ms burn the budget of a month within two days.",
        ),
        _alert(
            "HyperPodKVCacheFull",
            f"{PREFIX}kv_cache_usage:max > {CACHE_FULL} and sum by ({BY}) (vllm:num_requests_waiting) > 0",
            "10m",
            "warning",
            "A KV cache is full and requests wait for it.",
        ),
        _alert(
            "HyperPodCertificateNearExpiry",
            f"{names.METRIC_CERTIFICATE_END} - time() < {CERTIFICATE_DAYS} * 86400",
            "1h",
            "warning",
            f"The certificate of an endpoint's load balancer ends within {CERTIFICATE_DAYS} days.",
        ),
        _alert(
            "HyperPodOperatorLeaderless",
            f"absent({leader} == 1)",
            "5m",
            "critical",
            "No replica of the operator leads, so nothing is reconciled.",
        ),
    ]


def _alert(name: str, expr: str, lasts: str, severity: str, summary: str) -> dict[str, Any]:
    return {
        "alert": name,
        "expr": expr,
        "for": lasts,
        "labels": {"severity": severity},
        "annotations": {"summary": summary, "runbook": f"{RUNBOOK}{name.lower()}"},
    }


def _rate(metric: str, by: str = BY) -> str:
    return f"sum by ({by}) (rate({metric}[{WINDOW}]))"


def _slow(window: str) -> str:
    within = f"sum by ({BY}) (rate({_FAST}[{window}]))"
    everything = f"sum by ({BY}) (rate({names.METRIC_TTFB}_count[{window}]))"
    return f"1 - {within} / ({everything} > 0)"
