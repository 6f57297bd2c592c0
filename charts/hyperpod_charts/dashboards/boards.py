"""Every dashboard, and whose metrics they show beside this project's own."""

from __future__ import annotations

from hyperpod_charts.dashboards import data_plane, inference, ours

BOARDS = (
    inference.BOARD,
    data_plane.KV_CACHE,
    data_plane.ROUTER,
    data_plane.DISAGGREGATION,
    data_plane.GATEWAY,
    ours.OPERATOR,
    ours.FLEET,
)

OTHERS: dict[str, tuple[str, ...]] = {
    "DCGM exporter": ("DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_FB_FREE"),
    "LMCache": ("lmcache:local_cache_usage", "lmcache:remote_cache_usage", "lmcache:lookup_hit_rate"),
    "TGI": (
        "tgi_request_queue_duration",
        "tgi_batch_inference_duration",
        "tgi_batch_forward_duration",
        "tgi_request_generated_tokens",
        "tgi_request_mean_time_per_token_duration",
    ),
    "LMI (DJL Serving)": (
        "TokenLatency_p90",
        "TokenThroughput_p90",
        "OutputTokens_p90",
        "RollingBatchSize_p90",
    ),
}
"""Exporters of others, and the metrics of each that panels and rules read; histograms without their ending.

What this project's own programs expose, or its simulator in vLLM's stead, is not here: tests ask the
programs.
"""
