"""A page of `/metrics` as numbers, what happened between two, and percentiles as Prometheus has them."""

import pytest

from hyperpod_inference.live.pages import FIRST_TOKEN, Page, added, page, percentile

TEXT = """\
# TYPE model_invocations_total counter
model_invocations_total{namespace="a"} 7.0
# TYPE model_errors_total counter
model_errors_total{status="500"} 1.0
model_errors_total{status="503"} 2.0
# TYPE model_ttfb_milliseconds histogram
model_ttfb_milliseconds_bucket{le="5",status="200"} 1.0
model_ttfb_milliseconds_bucket{le="+Inf",status="200"} 3.0
model_ttfb_milliseconds_bucket{le="5",status="500"} 1.0
model_ttfb_milliseconds_bucket{le="+Inf",status="500"} 1.0
model_ttfb_milliseconds_sum{status="200"} 12.0
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0"} 0.25
# TYPE other counter
other_total 9.0
"""
INF = float("inf")


def test_the_series_of_a_name_are_added_up_and_others_left_out() -> None:
    found = page(TEXT)
    assert found.values == {
        "model_invocations_total": 7.0,
        "model_errors_total": 3.0,
        "vllm:kv_cache_usage_perc": 0.25,
    }
    assert found.buckets == {"model_ttfb_milliseconds": {5.0: 2.0, INF: 4.0}}


def test_what_is_no_page_of_metrics_is_refused() -> None:
    with pytest.raises(ValueError, match="not_a_number"):
        page("model_invocations_total not_a_number\n")


def test_between_two_pages_counts_grow_and_a_restart_begins_at_zero() -> None:
    before = Page({"a": 5.0, "b": 9.0}, {"h": {1.0: 2.0, INF: 3.0}})
    after = Page({"a": 8.0, "b": 2.0, "new": 1.0}, {"h": {1.0: 2.0, INF: 4.0}})
    assert after.since(before) == Page({"a": 3.0, "b": 2.0, "new": 1.0}, {"h": {1.0: 0.0, INF: 1.0}})


def test_pods_are_added_up() -> None:
    one, two = Page({"a": 1.0}, {"h": {1.0: 1.0}}), Page({"a": 2.0, "b": 3.0}, {"h": {1.0: 4.0}})
    assert added([one, two]) == Page({"a": 3.0, "b": 3.0}, {"h": {1.0: 5.0}})
    assert added([]) == Page()


@pytest.mark.parametrize(
    ("share", "buckets", "expected"),
    [
        (0.5, {10.0: 10.0, 20.0: 10.0, INF: 10.0}, 5.0),
        (0.5, {10.0: 0.0, 20.0: 10.0, INF: 10.0}, 15.0),
        (0.95, {10.0: 50.0, 20.0: 100.0, INF: 100.0}, 19.0),
        (0.95, {10.0: 50.0, 20.0: 60.0, INF: 100.0}, 20.0),
        (0.5, {10.0: 0.0, INF: 0.0}, None),
        (0.5, {}, None),
        (0.5, {INF: 4.0}, None),
    ],
)
def test_a_percentile_is_that_of_prometheus(
    share: float, buckets: dict[float, float], expected: float | None
) -> None:
    assert percentile(share, buckets) == expected


def test_the_servers_own_time_to_the_first_token_comes_before_the_proxys() -> None:
    assert list(FIRST_TOKEN) == ["vllm:time_to_first_token_seconds", "model_ttfb_milliseconds"]
