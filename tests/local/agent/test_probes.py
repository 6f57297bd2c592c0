"""The probe state machine, and the questions it asks."""

from typing import Any

import aiohttp
import pytest
from aiohttp import web

from hyperpod_inference.local.agent import prober
from hyperpod_inference.local.agent.probes import Kind, Probe, Tally


@pytest.mark.parametrize(
    ("results", "verdicts"),
    [
        ("+", "T"),
        ("-", "."),
        ("---", "..F"),
        ("--+--", "..T.."),
        ("+---", "T..F"),
        ("---+", "..FT"),
        ("----", "..FF"),
    ],
)
def test_a_verdict_falls_when_the_threshold_is_reached(results: str, verdicts: str) -> None:
    probe = Probe(Kind.READINESS, {})
    tally, seen = Tally(), ""
    for each in results:
        tally = tally.add(each == "+")
        seen += {True: "T", False: "F", None: "."}[tally.verdict(probe)]
    assert seen == verdicts


def test_a_success_threshold_asks_for_several_in_a_row() -> None:
    probe, tally = Probe(Kind.READINESS, {}, successes=2), Tally()
    verdicts = []
    for success in (True, False, True, True):
        tally = tally.add(success)
        verdicts.append(tally.verdict(probe))
    assert verdicts == [None, None, None, True]


def test_a_probe_takes_the_apis_defaults_and_none_means_none() -> None:
    container = {"livenessProbe": {"httpGet": {"port": 80}, "timeoutSeconds": 5}, "name": "c"}
    probe = Probe.of(container, Kind.LIVENESS)
    assert probe is not None
    assert (probe.period, probe.timeout, probe.successes, probe.failures) == (10, 5, 1, 3)
    assert Probe.of(container, Kind.READINESS) is None


@pytest.fixture
async def probed() -> Any:
    """A container with a server that answers 200 on /ok, 302 on /moved and 503 elsewhere."""

    async def answer(request: web.Request) -> web.Response:
        status = {"/ok": 200, "/moved": 302}.get(request.path, 503)
        return web.Response(status=status, headers={"Location": "/"} if status == 302 else {})

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    container = {"name": "c", "ports": [{"name": "http", "containerPort": port}]}
    yield prober.Target("127.0.0.1", container, 0, {})
    await runner.cleanup()


@pytest.mark.parametrize(
    ("action", "success", "message"),
    [
        ({"httpGet": {"path": "/ok", "port": "http"}}, True, ""),
        ({"httpGet": {"path": "ok", "port": "http"}}, True, ""),
        ({"httpGet": {"path": "/moved", "port": "http"}}, True, ""),
        ({"httpGet": {"path": "/no", "port": "http"}}, False, "HTTP probe failed with statuscode: 503"),
        ({"httpGet": {"path": "/ok", "port": "nope"}}, False, "port 'nope' is not among"),
        ({"httpGet": {"path": "/ok", "port": 1}}, False, "dial tcp 127.0.0.1:1: Connection refused"),
        ({"tcpSocket": {"port": "http"}}, True, ""),
        ({"tcpSocket": {"port": 1}}, False, "dial tcp 127.0.0.1:1: Connection refused"),
        ({"grpc": {"port": 1}}, False, "grpc is not supported by local nodes"),
    ],
)
async def test_each_kind_of_question_gets_its_answer(
    probed: prober.Target, action: dict[str, Any], success: bool, message: str
) -> None:
    async with aiohttp.ClientSession() as http:
        result = await prober.check(http, action, probed, 5)
    assert result.success is success
    assert message in result.message
