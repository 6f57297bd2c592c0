"""The dashboard "Inference": AWS's rows and panels, and a row for what vLLM says of itself."""

from __future__ import annotations

from hyperpod_charts.dashboards.model import (
    BY,
    LEGEND,
    SCOPE,
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

OK = f'{SCOPE},status=~"2.."'
_ENGINE = f'{SCOPE},metric_source="{names.SOURCE_MODEL}"'
_CALLS = rate(names.METRIC_INVOCATIONS)
# The sidecar exposes a zero before the first error, so the share exists for what never failed, too.
_FAILED = rate(names.METRIC_ERRORS)
_DEPLOYMENTS = (
    "namespace, resource_name, resource_type, model_name, model_container_type, instance_type, "
    "accelerator_partition_type"
)

TOP = Row(
    title="Deployments",
    panels=(
        Panel(
            title="List of Active Deployments",
            kind="table",
            width=24,
            queries=(
                Query(f"count by ({_DEPLOYMENTS}) ({names.METRIC_INVOCATIONS}{{{SCOPE}}})", "Pod Count"),
                Query(
                    f"count by ({BY}) (count by ({BY}, node_name) ({names.METRIC_INVOCATIONS}{{{SCOPE}}}))",
                    "Node Count",
                ),
            ),
        ),
        Panel(title="Incoming Request Rate", unit="reqps", width=12, queries=(Query(_CALLS),)),
        Panel(
            title="Percentage of Successful Requests",
            unit="percent",
            warn=99,
            bad=95,
            falling=True,
            width=12,
            queries=(Query(f"100 * (1 - ({_FAILED}) / ({_CALLS} > 0))"),),
        ),
    ),
)

PERFORMANCE = Row(
    title="Performance",
    panels=(
        Panel(
            title="Successful vs Failed Requests",
            unit="reqps",
            queries=(
                Query(rate(f"{names.METRIC_LATENCY}_count", OK), f"successful {LEGEND}"),
                Query(_FAILED, f"failed {LEGEND}"),
            ),
        ),
        Panel(
            title="Failed Requests per Error Code",
            unit="reqps",
            warn=10,
            bad=50,
            queries=(
                Query(
                    rate(names.METRIC_ERRORS, by=f"{BY}, status"),
                    f"{{{{status}}}} {LEGEND}",
                ),
            ),
        ),
        Panel(
            title="Total Concurrent Requests",
            warn=10,
            bad=50,
            queries=(Query(total(names.METRIC_CONCURRENT)),),
        ),
        Panel(title="Latency p90", unit="ms", queries=(Query(p(90, names.METRIC_LATENCY)),)),
        Panel(title="TTFB p90", unit="ms", queries=(Query(p(90, names.METRIC_TTFB)),)),
        Panel(
            title="TTFB to Total Latency Ratio",
            unit="percentunit",
            queries=(
                Query(f"{rate(f'{names.METRIC_TTFB}_sum')} / ({rate(f'{names.METRIC_LATENCY}_sum')} > 0)"),
            ),
        ),
        Panel(title="Queued Requests", queries=(Query(total(names.METRIC_QUEUED)),)),
    ),
)

INFRASTRUCTURE = Row(
    title="Infrastructure",
    collapsed=True,
    panels=(
        Panel(
            title="Allocation (Pods & Nodes)",
            width=12,
            queries=(
                Query(
                    f"count by (node_name, instance_type) ({names.METRIC_INVOCATIONS}{{{SCOPE}}})",
                    "{{node_name}}",
                ),
            ),
        ),
        Panel(
            title="Active Pods",
            width=12,
            queries=(Query(f"count by ({BY}) ({names.METRIC_INVOCATIONS}{{{SCOPE}}})"),),
        ),
    ),
)

MODEL_CONTAINER = Row(
    title="Model Container Metrics (vLLM)",
    collapsed=True,
    panels=(
        Panel(
            title="Time to First Token",
            unit="s",
            queries=tuple(
                Query(
                    p(each, "vllm:time_to_first_token_seconds"),
                    f"p{each} {LEGEND}",
                )
                for each in (50, 95, 99)
            ),
        ),
        Panel(
            title="Inter-Token Latency p90",
            unit="s",
            queries=(Query(p(90, "vllm:inter_token_latency_seconds")),),
        ),
        Panel(
            title="Tokens per Second",
            queries=(
                Query(rate("vllm:prompt_tokens_total"), f"prompt {LEGEND}"),
                Query(rate("vllm:generation_tokens_total"), f"generated {LEGEND}"),
            ),
        ),
        Panel(
            title="Running and Waiting Requests",
            queries=(
                Query(total("vllm:num_requests_running", _ENGINE), f"running {LEGEND}"),
                Query(total("vllm:num_requests_waiting", _ENGINE), f"waiting {LEGEND}"),
            ),
        ),
        Panel(
            title="KV Cache Usage",
            unit="percentunit",
            warn=0.8,
            bad=0.95,
            queries=(Query(f"max by ({BY}) (vllm:kv_cache_usage_perc{{{SCOPE}}})"),),
        ),
    ),
)

_DECODE = f'{SCOPE},method="decode"'
TGI = Row(
    title="TGI",
    collapsed=True,
    panels=(
        Panel(
            title="TTFT p90",
            unit="ms",
            warn=1000,
            bad=5000,
            queries=(
                Query(
                    f"1000 * ({p(90, 'tgi_request_queue_duration')} + "
                    f"""{p(90, "tgi_batch_inference_duration", f'{SCOPE},method="prefill"')})"""
                ),
            ),
        ),
        Panel(
            title="Inter-Token Latency",
            unit="ms",
            warn=100,
            bad=500,
            queries=(Query(f"1000 * {p(90, 'tgi_batch_forward_duration', _DECODE)}"),),
        ),
        Panel(title="Token Throughput", queries=(Query(rate("tgi_request_generated_tokens_sum")),)),
        Panel(
            title="Mean Time Per Token",
            unit="s",
            warn=0.1,
            bad=0.5,
            queries=(Query(p(90, "tgi_request_mean_time_per_token_duration")),),
        ),
    ),
)

LMI = Row(
    title="LMI",
    collapsed=True,
    panels=(
        Panel(title="Mean Token Latency", unit="µs", queries=(Query(mean("TokenLatency_p90")),)),
        Panel(title="Throughput", queries=(Query(mean("TokenThroughput_p90")),)),
        Panel(title="Output Tokens per Request", queries=(Query(mean("OutputTokens_p90")),)),
        Panel(title="Rolling Batch Size", warn=32, bad=64, queries=(Query(mean("RollingBatchSize_p90")),)),
    ),
)

HELP = Row(
    title="Help",
    collapsed=True,
    panels=(
        Panel(
            title="Where the numbers come from",
            kind="text",
            width=24,
            text="`model_*` series come from the proxy beside each model (spec.metrics), and times are "
            f"measured there: TTFB is the first byte of an answer. All rates are over {WINDOW}. The rows "
            "TGI, LMI and "
            "vLLM show what the model's own server exposes at spec.metrics.modelMetrics. No data: "
            "`hyperpod-inference doctor NAME`.",
        ),
    ),
)

BOARD = Board(
    file="inference",
    title="Inference",
    description="Endpoints of the HyperPod inference operator: calls, errors, times, pods.",
    variables=variables(names.METRIC_INVOCATIONS),
    rows=(TOP, PERFORMANCE, INFRASTRUCTURE, MODEL_CONTAINER, TGI, LMI, HELP),
)
