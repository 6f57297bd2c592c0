"""Spans: client -> router -> sidecar -> engine as one trace, and what reaches an OpenTelemetry collector."""

import asyncio
import logging
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any

import click
import pytest
from aiohttp import web

from hyperpod_inference.router.accesslog import AccessLog
from hyperpod_inference.router.exchange import Exchange
from hyperpod_inference.router.options import traced
from hyperpod_inference.router.otlp import MOST, Exporter, Target, document, target
from hyperpod_inference.router.tracing import Span, Tracing

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ENDPOINT = "http://127.0.0.1:4318"


def traceparent(asked: Any) -> list[str]:
    """Its values in a request, as a server got it: version, trace, span, flags."""
    lines = asked.head.decode().lower().split("\r\n")
    (found,) = [line for line in lines if line.startswith("traceparent:")]
    return str(found.partition(": ")[2]).split("-")


class Spans(list[Span]):
    """A sink, and what makes a router with it."""

    def __init__(self, share: float = 1.0) -> None:
        self.tracing = Tracing(self.append, share)

    async def router(self, bench: Any, *servers: Any, **options: Any) -> Any:
        log = self.tracing.log(AccessLog(bench.log.append, 0.0))
        return await bench.router(*servers, exchange=self.tracing.exchange(), log=log, **options)


async def test_router_sidecar_and_engine_are_one_trace(bench: Any) -> None:
    engine, spans = await bench.server(), Spans()
    sidecar = await spans.router(bench, engine, retries=0)
    router = await spans.router(bench, _address(sidecar))
    answer = await bench.ask(router, bench.post(extra=f"Traceparent: 00-{TRACE}-{CALLER}-01\r\n"))
    assert answer.status == 200
    inner, outer = spans
    assert {each.trace for each in spans} == {TRACE}
    assert (outer.parent, inner.parent) == (CALLER, outer.id)
    assert traceparent(engine.asked[0]) == ["00", TRACE, inner.id, "01"]
    assert outer.name == "POST /v1/completions"
    told = outer.attributes
    assert (told["http.response.status_code"], told["hyperpod.decision"]) == (200, "turn")
    assert told["hyperpod.request_id"] == inner.attributes["hyperpod.request_id"]


def _address(router: Any) -> Any:
    from hyperpod_inference.router.replicas import Address

    return Address("127.0.0.1", router.port)


async def test_a_call_without_a_trace_begins_one_each_time_on_the_same_connection(bench: Any) -> None:
    engine, spans = await bench.server(), Spans()
    router = await spans.router(bench, engine)
    reader, writer = await bench.connect(router)
    for number in range(3):  # from the second on the head is known, and not parsed again
        writer.write(bench.post(close=False))
        await bench.until(lambda number=number: len(spans) == number + 1)
    assert [each.parent for each in spans] == ["", "", ""]
    assert len({each.trace for each in spans}) == len({each.id for each in spans}) == 3
    assert [traceparent(each)[2] for each in engine.asked] == [each.id for each in spans]
    assert not reader.at_eof()


@pytest.mark.parametrize(
    ("extra", "share"),
    [(f"traceparent: 00-{TRACE}-{CALLER}-00\r\n", 1.0), ("", 0.0)],
    ids=["the caller does not want it", "out of the sample"],
)
async def test_what_is_not_sampled_passes_as_it_came(bench: Any, extra: str, share: float) -> None:
    engine, spans = await bench.server(), Spans(share)
    router = await spans.router(bench, engine)
    await bench.ask(router, bench.post(extra=extra))
    assert spans == []
    assert (extra.strip() in engine.asked[0].head.decode()) and engine.asked[0].head.count(
        b"traceparent"
    ) == bool(extra)


async def test_a_malformed_parent_gives_way_to_a_trace_of_its_own(bench: Any) -> None:
    engine, spans = await bench.server(), Spans()
    router = await spans.router(bench, engine)
    await bench.ask(router, bench.post(extra="traceparent: nonsense\r\n"))
    (span,) = spans
    assert (span.parent, traceparent(engine.asked[0])[2]) == ("", span.id)


async def test_only_calls_of_the_model_have_spans(bench: Any) -> None:
    engine, spans = await bench.server(), Spans()
    router = await spans.router(bench, engine)
    given = f"traceparent: 00-{TRACE}-{CALLER}-01"
    await bench.ask(
        router, f"GET /v1/models HTTP/1.1\r\nHost: a\r\n{given}\r\nConnection: close\r\n\r\n".encode()
    )
    assert spans == []
    assert given in engine.asked[0].head.decode()


async def test_a_failure_is_told(bench: Any) -> None:
    spans = Spans()
    router = await spans.router(bench)
    await bench.ask(router, bench.post())
    (span,) = spans
    assert span.error == "no replica is ready"
    assert span.attributes["http.response.status_code"] == 503


async def test_a_request_without_any_field_goes_on_well_formed(bench: Any) -> None:
    engine = await bench.server()
    router = await bench.router(engine)
    await bench.ask(router, b"POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}")
    assert engine.asked[0].body == b"{}"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ENDPOINT, "OTEL_SDK_DISABLED": "true"}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ENDPOINT, "OTEL_TRACES_SAMPLER": "always_off"}, None),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": f"{ENDPOINT}/"},
            Target(f"{ENDPOINT}/v1/traces", {}, {"service.name": "router"}),
        ),
        (
            {
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{ENDPOINT}/mine",
                "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Basic%20eA==,x-a=b",
                "OTEL_RESOURCE_ATTRIBUTES": "k8s.namespace.name=team-a",
                "OTEL_SERVICE_NAME": "chat",
                "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
                "OTEL_TRACES_SAMPLER_ARG": "0.25",
            },
            Target(
                f"{ENDPOINT}/mine",
                {"authorization": "Basic eA==", "x-a": "b"},
                {"k8s.namespace.name": "team-a", "service.name": "chat"},
                0.25,
            ),
        ),
    ],
)
def test_opentelemetrys_variables_say_where_spans_go(
    environ: Mapping[str, str], expected: Target | None
) -> None:
    assert target(environ, "router") == expected


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL: got 'grpc', expected http/"),
        (
            {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"},
            "OTEL_TRACES_SAMPLER_ARG: got '2', expected a number from 0 to 1",
        ),
    ],
)
def test_a_variable_that_cannot_be_kept_is_named(
    environ: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"OTEL_EXPORTER_OTLP_ENDPOINT": ENDPOINT, **environ}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(click.UsageError, match=message):
        traced("router", AccessLog(print, 0.0))


def test_without_a_collector_nothing_is_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", raising=False)
    log = AccessLog(print, 0.0)
    assert traced("router", log) == (log, Exchange, None)


def _span(**changes: Any) -> Span:
    values: dict[str, Any] = {
        "trace": TRACE,
        "id": CALLER,
        "parent": "",
        "name": "POST /",
        "start": 1,
        "end": 2,
    }
    return Span(**values | changes)


def test_an_export_is_otlps_json() -> None:
    span = _span(parent="c" * 16, attributes={"a": "b", "n": 2, "f": 0.5}, error="it broke")
    (resource,) = document([span, _span()], {"service.name": "router"})["resourceSpans"]
    assert resource["resource"] == {
        "attributes": [{"key": "service.name", "value": {"stringValue": "router"}}]
    }
    first, second = resource["scopeSpans"][0]["spans"]
    assert first == {
        "traceId": TRACE,
        "spanId": CALLER,
        "parentSpanId": "c" * 16,
        "name": "POST /",
        "kind": 2,
        "startTimeUnixNano": "1",
        "endTimeUnixNano": "2",
        "attributes": [
            {"key": "a", "value": {"stringValue": "b"}},
            {"key": "n", "value": {"intValue": "2"}},
            {"key": "f", "value": {"doubleValue": 0.5}},
        ],
        "status": {"code": 2, "message": "it broke"},
    }
    assert {"parentSpanId", "status"} & second.keys() == set()


class Collector:
    """What came to `/v1/traces`, and what it answers."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        self.headers: Mapping[str, str] = {}
        self.status = 200
        self.port = 0

    async def traces(self, request: web.Request) -> web.Response:
        self.headers = request.headers
        self.bodies.append(await request.json())
        return web.Response(status=self.status)

    def ids(self) -> list[str]:
        return [
            span["spanId"]
            for body in self.bodies
            for span in body["resourceSpans"][0]["scopeSpans"][0]["spans"]
        ]


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    made, app = Collector(), web.Application()
    app.router.add_post("/v1/traces", made.traces)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()


async def test_spans_reach_the_collector_and_the_last_ones_when_the_process_ends(
    collector: Collector,
) -> None:
    to = Target(f"http://127.0.0.1:{collector.port}/v1/traces", {"x-key": "secret"}, {})
    async with Exporter(to, every=0.01) as exporter:
        exporter.add(_span(id="1" * 16))
        async with asyncio.timeout(60):
            while not collector.bodies:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    async with Exporter(to, every=3600) as exporter:
        for number in range(600):
            exporter.add(_span(id=f"{number:016x}"))
    assert collector.ids() == ["1" * 16, *(f"{number:016x}" for number in range(600))]
    assert (collector.headers["x-key"], collector.headers["content-type"]) == ("secret", "application/json")
    assert exporter.dropped == 0


async def test_the_programs_own_spans_arrive_before_it_ends(bench: Any, collector: Collector) -> None:
    server = await bench.server()
    environ = {
        **os.environ,
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}",
        "OTEL_RESOURCE_ATTRIBUTES": "hyperpod.resource_name=chat",
    }
    command = "from hyperpod_inference.router.main import main; main()"
    options = ["--port", "0", "--metrics-port", "0", "--drain-delay", "0", "--upstream", str(server.address)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", command, "sidecar", *options, stderr=asyncio.subprocess.PIPE, env=environ
    )
    try:
        assert process.stderr
        async with asyncio.timeout(60):
            line = (await process.stderr.readline()).decode()
            port = re.search(r"listening on [^ ]+:(\d+)", line)
            assert port, line
            reader, writer = await asyncio.open_connection("127.0.0.1", int(port[1]))
            writer.write(bench.post())
            assert (await reader.read()).startswith(b"HTTP/1.1 200")
            writer.close()
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
    assert collector.ids() == [traceparent(server.asked[0])[2]]
    attributes = collector.bodies[0]["resourceSpans"][0]["resource"]["attributes"]
    assert {each["key"]: each["value"]["stringValue"] for each in attributes} == {
        "hyperpod.resource_name": "chat",
        "service.name": "hyperpod-sidecar",
    }


async def test_what_the_collector_does_not_take_is_dropped_and_said_once(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    collector.status = 503
    to = Target(f"http://127.0.0.1:{collector.port}/v1/traces")
    caplog.set_level(logging.WARNING)
    async with Exporter(to, every=3600) as exporter:
        for _ in range(2):
            exporter.add(_span())
            await exporter.flush()
        assert exporter.dropped == 2
        for _ in range(MOST + 3):
            exporter.add(_span())
        assert exporter.dropped == 5
    said = [each.getMessage() for each in caplog.records if each.name.endswith("otlp")]
    assert said == [f"spans do not reach http://127.0.0.1:{collector.port}/v1/traces: status 503"]
