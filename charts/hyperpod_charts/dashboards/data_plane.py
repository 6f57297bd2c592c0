"""The dashboards of what stands around the models: caches, routers, disaggregation, gateways."""

from __future__ import annotations

from hyperpod_charts.dashboards.model import (
    BY,
    LEGEND,
    SCOPE,
    SOURCE_ROUTER,
    WINDOW,
    Board,
    Panel,
    Query,
    Row,
    mean,
    p,
    rate,
    total,
    variables,
)
from hyperpod_inference.api import names

_HITS, _QUERIES = rate("vllm:prefix_cache_hits_total"), rate("vllm:prefix_cache_queries_total")

KV_CACHE = Board(
    file="kv-cache",
    title="KVCache Metrics",
    description="The tiered KV cache: how full, how often it helps.",
    variables=variables(names.METRIC_INVOCATIONS),
    rows=(
        Row(
            title="KVCache Metrics",
            panels=(
                Panel(
                    title="L1 Cache Usage", unit="bytes", queries=(Query(total("lmcache:local_cache_usage")),)
                ),
                Panel(
                    title="L2 Cache Usage",
                    unit="bytes",
                    queries=(Query(total("lmcache:remote_cache_usage")),),
                ),
                Panel(
                    title="KVCache Hit Rates",
                    unit="percent",
                    warn=80,
                    bad=50,
                    falling=True,
                    queries=(Query(f"100 * {mean('lmcache:lookup_hit_rate')}"),),
                ),
                Panel(
                    title="Prefix Cache Hit Rate (vLLM)",
                    unit="percent",
                    queries=(Query(f"100 * {_HITS} / ({_QUERIES} > 0)"),),
                    width=12,
                ),
                Panel(
                    title="KV Cache Usage (vLLM)",
                    unit="percentunit",
                    warn=0.8,
                    bad=0.95,
                    queries=(Query(f"max by ({BY}) (vllm:kv_cache_usage_perc{{{SCOPE}}})"),),
                    width=12,
                ),
            ),
        ),
    ),
)

# The router exposes some of vLLM's names as well; the monitor marks its series.
_OF_ROUTERS = f'{SCOPE},metric_source="{SOURCE_ROUTER}"'

ROUTER = Board(
    file="router",
    title="Intelligent Router Metrics",
    description="The intelligent routers: load, and how well they choose.",
    variables=variables("router_cpu_usage_percent"),
    rows=(
        Row(
            title="Intelligent Router Metrics",
            panels=(
                Panel(
                    title="Router CPU Usage",
                    unit="percent",
                    warn=70,
                    bad=90,
                    queries=(Query(f"max by ({BY}) (router_cpu_usage_percent{{{SCOPE}}})"),),
                ),
                Panel(
                    title="Router Memory Usage",
                    unit="percent",
                    warn=70,
                    bad=90,
                    queries=(Query(f"max by ({BY}) (router_memory_usage_percent{{{SCOPE}}})"),),
                ),
                Panel(
                    title="Router Queries per Second",
                    unit="reqps",
                    queries=(Query(total("vllm:current_qps", _OF_ROUTERS)),),
                ),
                Panel(
                    title="Router Latency",
                    unit="ms",
                    queries=(Query(f"1000 * {mean('vllm:avg_latency', _OF_ROUTERS)}"),),
                ),
                Panel(
                    title="Router Request Queue Status",
                    warn=10,
                    bad=50,
                    queries=(
                        Query(total("vllm:num_requests_running", _OF_ROUTERS), f"running {LEGEND}"),
                        Query(total("vllm:num_requests_waiting", _OF_ROUTERS), f"waiting {LEGEND}"),
                    ),
                ),
            ),
        ),
        Row(
            title="Choices",
            panels=(
                Panel(
                    title="Decisions by Reason",
                    unit="reqps",
                    queries=(
                        Query(rate("router_decisions_total", by=f"{BY}, reason"), f"{{{{reason}}}} {LEGEND}"),
                    ),
                ),
                Panel(
                    title="Prefix Hits, Predicted and Real",
                    unit="percentunit",
                    queries=(
                        Query(mean("router_prefix_hit_ratio", by=f"{BY}, kind"), f"{{{{kind}}}} {LEGEND}"),
                    ),
                ),
                Panel(
                    title="Time to First Byte p90", unit="s", queries=(Query(p(90, "router_ttfb_seconds")),)
                ),
                Panel(
                    title="In Flight by Replica",
                    queries=(Query(total("router_replica_in_flight", by=f"{BY}, replica"), "{{replica}}"),),
                ),
                Panel(
                    title="Pending Prompt Blocks by Replica",
                    queries=(
                        Query(total("router_replica_pending_blocks", by=f"{BY}, replica"), "{{replica}}"),
                    ),
                ),
                Panel(
                    title="Retries and Refusals",
                    unit="reqps",
                    queries=(
                        Query(rate("router_retries_total"), f"retries {LEGEND}"),
                        Query(rate("router_refused_total"), f"refused {LEGEND}"),
                    ),
                ),
            ),
        ),
    ),
)

# Pods of a role report its Deployment as resource_name: prefill-NAME, decode-NAME.
_ROLE = 'cluster_id=~"$cluster_id",namespace=~"$namespace",resource_name=~"{role}-($resource)"'
_PREFILL, _DECODE = _ROLE.format(role="prefill"), _ROLE.format(role="decode")
_ROLES = _ROLE.format(role="(prefill|decode)")


def _decided(way: str) -> str:
    return f"sum by ({BY}) (increase(dpd_routing_{way}_total{{{SCOPE}}}[{WINDOW}]))"


DISAGGREGATION = Board(
    file="disaggregation",
    title="Disaggregated Prefill Decode (DPD) Metrics",
    description="Endpoints with pdSpec: what is split, and what each side does.",
    variables=variables("dpd_routing_disaggregated_total"),
    rows=(
        Row(
            title="Disaggregated Prefill Decode (DPD) Metrics",
            panels=(
                Panel(
                    title="Request Routing Split",
                    unit="reqps",
                    queries=(
                        Query(rate("dpd_routing_disaggregated_total"), f"disaggregated {LEGEND}"),
                        Query(rate("dpd_routing_local_total"), f"local {LEGEND}"),
                    ),
                ),
                Panel(
                    title="DPD Routing Decisions",
                    queries=(
                        Query(_decided("disaggregated"), "long"),
                        Query(_decided("local"), "short"),
                        Query(_decided("fallback"), "error"),
                    ),
                ),
                Panel(title="E2E TTFT p90", unit="s", queries=(Query(p(90, "dpd_e2e_ttft_seconds")),)),
                Panel(
                    title="In-Flight Prefill Requests",
                    queries=(Query(total("dpd_routing_inflight_prefill")),),
                ),
                Panel(
                    title="Prefill TTFT p90",
                    unit="s",
                    queries=(Query(p(90, "vllm:time_to_first_token_seconds", _PREFILL)),),
                ),
                Panel(
                    title="Prefill Compute Time p90",
                    unit="s",
                    queries=(Query(p(90, "vllm:request_prefill_time_seconds", _PREFILL)),),
                ),
                Panel(
                    title="Decode ITL p90",
                    unit="s",
                    queries=(Query(p(90, "vllm:inter_token_latency_seconds", _DECODE)),),
                ),
                Panel(title="Queue Depth", queries=(Query(total("vllm:num_requests_waiting", _ROLES)),)),
                Panel(
                    title="Prompt / Generation Tokens",
                    queries=(
                        Query(rate("vllm:prompt_tokens_total", _PREFILL), f"prompt {LEGEND}"),
                        Query(rate("vllm:generation_tokens_total", _DECODE), f"generated {LEGEND}"),
                    ),
                ),
                Panel(
                    title="Prefill & Decode Replica Count",
                    queries=(Query(f"count by ({BY}) ({names.METRIC_INVOCATIONS}{{{_ROLES}}})"),),
                ),
            ),
        ),
    ),
)

GATEWAY = Board(
    file="gateway",
    title="Inference Gateway",
    description="A placeholder: AWS does not publish the names of the gateway's metrics.",
    variables=(),
    rows=(
        Row(
            title="Inference Gateway",
            panels=(
                Panel(
                    title="Not filled in",
                    kind="text",
                    width=24,
                    text="Schedulers and body-based routers of a gateway serve /metrics, but AWS publishes "
                    "neither their names nor a dashboard. What the endpoints behind a gateway do is on the "
                    "dashboard "
                    "Inference.",
                ),
            ),
        ),
    ),
)
