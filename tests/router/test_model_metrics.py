"""The sidecar's metrics: AWS's names, all of its labels, calls told apart, over real sockets."""

import asyncio
import re
from typing import Any

import pytest

from hyperpod_inference.api import names
from hyperpod_inference.router.app import Router
from hyperpod_inference.router.model_metrics import ModelCounts, ModelMetrics, labels_from
from hyperpod_inference.router.settings import Admission

POD = {"MODEL_LABEL_MODEL_NAME": "qwen", "MODEL_LABEL_POD_NAME": "chat-1"}
CHAT = "/v1/chat/completions"


async def sidecar(bench: Any, server: Any, **settings: Any) -> Router:
    """A router that counts as the sidecar does."""
    counts = ModelCounts(["/custom"])
    router: Router = await bench.router(
        server,
        retries=0,
        metrics=lambda: counts,
        collector=lambda proxy: ModelMetrics(proxy, counts, labels_from(POD)),
        **settings,
    )
    return router


async def series(bench: Any, router: Router) -> dict[tuple[str, str], float]:
    """Values by name and by the labels of the call."""
    text = (await bench.admin(router, "/metrics")).body.decode()
    found = {}
    for name, labels, value in re.findall(r"^(\w+)\{(.*)\} (\S+)$", text, re.M):
        call = [re.search(rf'\b{label}="([^"]*)"', labels) for label in ("method", "uri", "status", "le")]
        found[name, " ".join(each[1] for each in call if each)] = float(value)
    return found


async def answer(asked: Any, writer: asyncio.StreamWriter) -> None:
    status = int(asked.fields.get("x-status", "200"))
    writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 2\r\n\r\n{}" % status)


async def test_every_series_has_every_label_of_awss(bench: Any) -> None:
    router = await sidecar(bench, await bench.server(answer))
    await bench.ask(router, bench.post(path=CHAT))
    text = (await bench.admin(router, "/metrics")).body.decode()
    lines = [line for line in text.splitlines() if line.startswith("model_")]
    for line in lines:
        assert {*names.MODEL_LABELS} <= {*re.findall(r"(\w+)=\"", line)}, line
        assert 'metric_source="reverse-proxy"' in line
        assert 'model_name="qwen"' in line
    assert {re.sub(r"(_bucket|_count|_sum)?\{.*", "", line) for line in lines} == {
        "model_invocations_total",
        "model_errors_total",
        "model_concurrent_requests",
        "model_latency_milliseconds",
        "model_ttfb_milliseconds",
        "model_queued_requests",
    }


async def test_calls_are_told_apart_by_path_and_status(bench: Any) -> None:
    router = await sidecar(bench, await bench.server(answer))
    for path in (CHAT, f"{CHAT}?a=1", "/custom", "/guess/1", "/guess/2"):
        await bench.ask(router, bench.post(path=path))
    await bench.ask(router, bench.post(path=CHAT, extra="X-Status: 500\r\n"))
    found = await series(bench, router)
    assert found["model_invocations_total", ""] == 6
    latency = {call: n for (name, call), n in found.items() if name == "model_latency_milliseconds_count"}
    assert latency == {
        f"POST {CHAT} 200": 2,
        "POST /custom 200": 1,
        "POST other 200": 2,
        f"POST {CHAT} 500": 1,
    }
    errors = {call: n for (name, call), n in found.items() if name == "model_errors_total"}
    assert {call for call, number in errors.items() if number} == {f"POST {CHAT} 500"}
    assert errors[f"POST {CHAT} 500"] == 1
    assert found["model_ttfb_milliseconds_bucket", f"POST {CHAT} 200 +Inf"] == 2


async def test_before_the_first_error_there_is_a_zero_for_every_path_that_was_called(bench: Any) -> None:
    router = await sidecar(bench, await bench.server(answer))
    assert (await series(bench, router))["model_errors_total", "POST other 500"] == 0
    await bench.ask(router, bench.post(path=CHAT))
    found = await series(bench, router)
    told = {call: n for (name, call), n in found.items() if name == "model_errors_total" and CHAT in call}
    assert told == {f"POST {CHAT} {status}": 0 for status in (400, 429, 499, 500, 502, 503, 504)}


@pytest.mark.parametrize("line", ["GET /ping", "POST /tokenize"])
async def test_probes_and_a_routers_own_questions_are_no_calls_of_the_model(bench: Any, line: str) -> None:
    router = await sidecar(bench, await bench.server(answer))
    asked = f"{line} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    assert (await bench.ask(router, asked.encode())).status == 200
    found = await series(bench, router)
    assert found["model_invocations_total", ""] == 0
    assert not [name for name, _ in found if name.startswith("model_latency")]


async def test_requests_in_work_and_waiting_are_gauges_and_refusals_are_errors(bench: Any) -> None:
    go = asyncio.Event()

    async def wait(asked: Any, writer: asyncio.StreamWriter) -> None:
        await go.wait()
        writer.write(bench.OK)

    server = await bench.server(wait)
    router = await sidecar(bench, server, admission=Admission(1, 1, 503))
    tasks = [asyncio.create_task(bench.ask(router, bench.post(path=CHAT))) for _ in range(2)]
    await bench.until(lambda: router.proxy.queue.active == 1 and len(router.proxy.queue) == 1)
    assert (await bench.ask(router, bench.post(path=CHAT))).status == 503
    found = await series(bench, router)
    assert found["model_concurrent_requests", ""] == 1
    assert found["model_queued_requests", ""] == 1
    assert found["model_errors_total", f"POST {CHAT} 503"] == 1
    assert found["model_invocations_total", ""] == 1
    go.set()
    assert [(await task).status for task in tasks] == [200, 200]
    found = await series(bench, router)
    assert (found["model_concurrent_requests", ""], found["model_queued_requests", ""]) == (0, 0)


async def test_a_client_that_leaves_is_an_error_of_its_own_status(bench: Any) -> None:
    server = await bench.server(lambda asked, writer: asyncio.sleep(60))
    router = await sidecar(bench, server)
    _, writer = await bench.connect(router)
    writer.write(bench.post(path=CHAT))
    await bench.until(lambda: len(server.asked) == 1)
    writer.close()
    await bench.until(lambda: router.proxy.queue.active == 0)
    assert (await series(bench, router))["model_errors_total", f"POST {CHAT} 499"] == 1


async def test_a_streams_first_byte_and_end_are_measured_apart(bench: Any) -> None:
    go = asyncio.Event()

    async def stream(asked: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await go.wait()
        writer.write(b"4\r\nlast\r\n0\r\n\r\n")

    router = await sidecar(bench, await bench.server(stream))
    reader, writer = await bench.connect(router)
    writer.write(bench.post(path=CHAT))
    async with asyncio.timeout(10):
        await reader.readuntil(b"first")
    found = await series(bench, router)
    assert found["model_concurrent_requests", ""] == 1
    assert ("model_ttfb_milliseconds_count", f"POST {CHAT} 200") not in found
    go.set()
    async with asyncio.timeout(10):
        assert (await reader.read()).endswith(b"0\r\n\r\n")
    found = await series(bench, router)
    first, whole = (
        found[f"model_{name}_milliseconds_sum", f"POST {CHAT} 200"] for name in ("ttfb", "latency")
    )
    assert 0 < first < whole
