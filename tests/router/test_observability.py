"""What an operator of the router sees: each metric is there and right, traces go on, the log is a sample."""

import asyncio
import json
import os
import re
from pathlib import Path
from typing import Any

from hyperpod_inference.local.servers.simulator.__main__ import Options, running
from hyperpod_inference.local.servers.simulator.engine import CostModel
from hyperpod_inference.router.accesslog import AccessLog
from hyperpod_inference.router.replica_metrics import parse
from hyperpod_inference.router.replicas import Address, Cache
from hyperpod_inference.router.settings import Prefix
from hyperpod_inference.router.usage import Usage, memory_percent

TRACE = {
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "tracestate": "vendor=a:b;c,other=1",
    "baggage": "user=1;ttl=5",
}


async def metrics(bench: Any, router: Any) -> dict[str, float]:
    """Samples by name and labels."""
    text = (await bench.admin(router, "/metrics")).body.decode()
    return {name: float(value) for name, value in re.findall(r"^([^# ][^ ]*) (\S+)$", text, re.M)}


async def test_trace_headers_go_on_untouched(bench: Any) -> None:
    server = await bench.server()
    router = await bench.router(server)
    lines = "".join(f"{name}: {value}\r\n" for name, value in TRACE.items())
    for _ in range(2):
        assert (await bench.ask(router, bench.post(extra=lines))).status == 200
    for asked in server.asked:
        assert {name: asked.fields[name] for name in TRACE} == TRACE


async def test_times_are_histograms(bench: Any) -> None:
    async def stream(asked: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            writer.write(b"3\r\nabc\r\n")
            await asyncio.sleep(0.01)
        writer.write(b"0\r\n\r\n")

    router = await bench.router(await bench.server(stream))
    await bench.ask(router, bench.post())
    found = await metrics(bench, router)
    assert found["router_ttfb_seconds_count"] == found["router_request_seconds_count"] == 1
    assert found['router_ttfb_seconds_bucket{le="+Inf"}'] == 1
    assert found["router_chunk_gap_seconds_count"] == 2
    assert found["router_request_seconds_sum"] >= found["router_chunk_gap_seconds_sum"] > 0


async def test_work_and_queue_are_gauges(bench: Any) -> None:
    go = asyncio.Event()

    async def wait(asked: Any, writer: asyncio.StreamWriter) -> None:
        await go.wait()
        writer.write(bench.OK)

    server = await bench.server(wait)
    router = await bench.router(server)
    asking = asyncio.gather(*[bench.ask(router, bench.post()) for _ in range(3)])
    await bench.until(lambda: len(server.asked) == 3)
    found = await metrics(bench, router)
    assert found[f'router_replica_in_flight{{replica="{server.address}"}}'] == 3
    assert found["router_queue_length"] == 0
    go.set()
    await asking
    assert (await metrics(bench, router))[f'router_replica_in_flight{{replica="{server.address}"}}'] == 0


async def test_predicted_and_real_hits_stand_side_by_side(bench: Any) -> None:
    async with running(Options(port=0, blocks=256, costs=CostModel(scale=1000))) as replica:
        router = await bench.router(
            Address("127.0.0.1", replica.port), strategy="prefixaware", replica_metrics_seconds=0.02,
            prefix=Prefix(block_bytes=64),
        )  # fmt: skip
        body = json.dumps({"prompt": "word " * 200, "max_tokens": 1}).encode()
        for _ in range(4):
            assert (await bench.ask(router, bench.post(body))).status == 200
        (there,) = router.proxy.replicas.everyone
        await bench.until(lambda: there.cache is not None and there.cache.queried == 1000)
        found = await metrics(bench, router)
        holder = router.proxy.strategy.index._holders[there]
        assert holder.capacity == 256 * 16 * 4 // 64
    assert 0.7 < found['router_prefix_hit_ratio{kind="predicted"}'] <= 0.75
    assert 0.7 < found['router_prefix_hit_ratio{kind="real"}'] <= 0.75
    assert found['router_decisions_total{reason="prefix"}'] == 3
    assert found['router_decisions_total{reason="new_prefix"}'] == 1
    assert found['router_refused_total{code="400"}'] == 0


def test_a_replicas_metrics_are_read_in_their_old_and_new_names() -> None:
    old = b'vllm:gpu_prefix_cache_queries_total{model_name="m"} 10.0\nvllm:gpu_prefix_cache_hits_total 4.0\n'
    new = (
        old.replace(b"gpu_prefix", b"prefix")
        + b'vllm:cache_config_info{block_size="16",num_gpu_blocks="8"} 1\n'
    )
    assert parse(old) == Cache(0, 10, 4)
    assert parse(new) == Cache(128, 10, 4)
    assert parse(b"tgi_request_count 5\n") is None


async def test_the_access_log_is_a_sample_of_what_went_well_and_all_of_the_rest(bench: Any) -> None:
    router = await bench.router(await bench.server())
    draws = iter([0.0, 0.9, 0.0, 0.9])
    router.proxy._log = AccessLog(bench.log.append, 0.5, lambda: next(draws))
    for _ in range(4):
        await bench.ask(router, bench.post(extra="Authorization: Bearer secret\r\n"))
    assert [json.loads(line)["status"] for line in bench.log] == [200, 200]
    assert "secret" not in "".join(bench.log)
    router.proxy.replicas.update([])
    await bench.ask(router, bench.post())
    assert json.loads(bench.log[-1])["status"] == 503


async def test_the_names_of_awss_router_panels_are_there(bench: Any) -> None:
    router = await bench.router(await bench.server())
    await metrics(bench, router)
    for _ in range(3):
        await bench.ask(router, bench.post())
    found = await metrics(bench, router)
    assert found["vllm:current_qps"] > 0
    assert found["vllm:avg_latency"] > 0
    assert found["vllm:num_requests_running"] == found["vllm:num_requests_waiting"] == 0
    assert found["router_cpu_usage_percent"] >= 0
    assert 0 < found["router_memory_usage_percent"] < 100


def test_usage_is_that_since_the_last_look() -> None:
    seconds, worked = iter([0.0, 10.0, 12.0]), iter([1.0, 3.0, 3.5])
    usage = Usage(lambda: next(seconds), lambda: next(worked))
    assert [usage.cpu_percent(), usage.cpu_percent()] == [20.0, 25.0]


def test_a_rate_is_that_since_the_last_look() -> None:
    seconds = iter([0.0, 10.0, 10.0, 12.0])
    usage = Usage(lambda: next(seconds), lambda: 0.0)
    assert [usage.rate(5), usage.rate(6), usage.rate(7)] == [0.5, 0.0, 0.5]


def test_memory_is_a_share_of_the_containers_limit(tmp_path: Path) -> None:
    limit, statm = tmp_path / "memory.max", tmp_path / "statm"
    statm.write_text("100 32 10 1 0 20 0\n")
    limit.write_text(f"{64 * os.sysconf('SC_PAGE_SIZE')}\n")
    assert memory_percent(limit, statm) == 50.0
    limit.write_text("max\n")
    assert memory_percent(limit, statm) < 1.0
    assert memory_percent(limit, tmp_path / "gone") == 0.0
