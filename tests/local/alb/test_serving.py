"""A load balancer at work on loopback sockets: TLS, streaming, targets, its own answers, its access log."""

import asyncio
import gzip
import re
import socket
import ssl
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from hyperpod_inference.local.alb.annotations import Health
from hyperpod_inference.local.alb.front import chosen
from hyperpod_inference.local.alb.health import Judged, TargetGroup
from hyperpod_inference.local.alb.hello import Hello, hello

IDLE = {"idle_timeout.timeout_seconds": "1"}
CHAT = "https://chat.us-west-2.elb.amazonaws.com"


async def echo(request: web.Request) -> web.Response:
    """What the target got."""
    return web.json_response(
        {"headers": dict(request.headers), "body": await request.text(), "path": request.raw_path}
    )


async def test_a_client_that_trusts_the_authority_reaches_the_target_and_the_log_tells_of_it(
    rig: Any, serving: Any
) -> None:
    target = await serving(echo)
    balancer = rig.balancer("chat", target)
    asked = URL(f"{CHAT}/v1/echo?a=%2F", encoded=True)
    async with (
        rig.client() as client,
        client.post(asked, data="hello", headers={"User-Agent": "test"}) as answer,
    ):
        assert answer.status == 200
        got = await answer.json()
    assert got["body"] == "hello"
    assert got["path"] == "/v1/echo?a=%2F"
    seen = got["headers"]
    assert seen["Host"] == "chat.us-west-2.elb.amazonaws.com"
    assert (seen["X-Forwarded-For"], seen["X-Forwarded-Proto"], seen["X-Forwarded-Port"]) == (
        "127.0.0.1",
        "https",
        "443",
    )
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", seen["X-Amzn-Trace-Id"])
    (line,) = await rig.logged(balancer)
    assert line["type"] == "https"
    assert line["elb"] == "app/chat/0123456789abcdef"
    assert line["request"] == f"POST {CHAT}:443/v1/echo?a=%2F HTTP/1.1"
    assert (line["elb_status_code"], line["target_status_code"]) == ("200", "200")
    assert line["target:port"] == f"127.0.0.1:{target[1]}"
    assert line["domain_name"] == "chat.us-west-2.elb.amazonaws.com"
    assert line["chosen_cert_arn"] == rig.certificate
    assert line["ssl_protocol"] == "TLSv1.3"
    assert line["trace_id"] == seen["X-Amzn-Trace-Id"]
    assert line["user_agent"] == "test"
    assert int(line["received_bytes"]) > len("hello")
    assert int(line["sent_bytes"]) > len("hello")
    assert min(float(line[f"{part}_processing_time"]) for part in ("request", "target", "response")) >= 0


async def test_an_answer_streams(rig: Any, serving: Any) -> None:
    """The target goes on only when the client has the first part."""
    got_first = asyncio.Event()

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        if request.path != "/":
            await response.write(b"data: first\n\n")
            await got_first.wait()
            await response.write(b"data: second\n\n")
        return response

    rig.balancer("chat", await serving(stream))
    async with rig.client() as client, client.get(f"{CHAT}/v1/stream") as answer:
        assert await answer.content.readuntil(b"\n\n") == b"data: first\n\n"
        got_first.set()
        assert await answer.content.read() == b"data: second\n\n"


async def test_a_client_that_asks_first_may_send_and_what_is_packed_stays_so(rig: Any, serving: Any) -> None:
    packed = gzip.compress(b"hello" * 1000)

    async def mirror(request: web.Request) -> web.Response:
        assert "Expect" not in request.headers
        headers = {"Content-Encoding": "gzip", "Content-Type": "text/plain"}
        return web.Response(body=await request.read(), headers=headers)

    rig.balancer("chat", await serving(mirror))
    async with rig.client() as client, client.post(f"{CHAT}/v1", data=packed, expect100=True) as answer:
        assert answer.headers["Content-Length"] == str(len(packed))
        assert await answer.text() == "hello" * 1000


async def test_a_client_that_leaves_ends_the_targets_work_and_is_told_as_460(rig: Any, serving: Any) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        if request.path != "/":
            begun.set()
            try:
                await asyncio.sleep(3600)
            finally:
                ended.set()
        return web.Response()

    balancer = rig.balancer("chat", await serving(slow))
    async with rig.client() as client:
        call = asyncio.create_task(client.get(f"{CHAT}/v1/slow"))
        await begun.wait()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await asyncio.wait_for(ended.wait(), 60)
    (line,) = await rig.logged(balancer)
    assert (line["elb_status_code"], line["target_status_code"]) == ("460", "-")


async def test_the_name_that_a_client_asks_for_chooses_the_load_balancer(rig: Any, serving: Any) -> None:
    async def first(_: web.Request) -> web.Response:
        return web.Response(text="first")

    async def second(_: web.Request) -> web.Response:
        return web.Response(text="second")

    own = "arn:aws:acm:us-west-2:111122223333:certificate/own"
    rig.acm.issue(own, "chat.example.com")
    rig.balancer("one", await serving(first))
    two = rig.balancer("two", await serving(second))
    rig.balancers[1] = two
    two.presented._arn = own  # type: ignore[union-attr]
    async with rig.client() as client:
        for host, text in (
            ("one.us-west-2.elb.amazonaws.com", "first"),
            ("two.us-west-2.elb.amazonaws.com", "second"),
            ("chat.example.com", "second"),
        ):
            async with client.get(f"https://{host}/v1") as answer:
                assert await answer.text() == text
        with pytest.raises(aiohttp.ClientConnectorError, match=r"(?i)unrecognized.name"):
            await client.get("https://three.us-west-2.elb.amazonaws.com/v1")


async def test_plain_http_is_served_at_the_same_port(rig: Any, serving: Any) -> None:
    rig.balancer("plain", await serving(echo), settings=rig.plain)
    async with rig.client() as client:
        async with client.get("http://plain.us-west-2.elb.amazonaws.com/v1") as answer:
            assert (await answer.json())["headers"]["X-Forwarded-Port"] == "80"
        async with client.get("http://other.us-west-2.elb.amazonaws.com/v1") as answer:
            assert answer.status == 404
            assert "there are: plain.us-west-2.elb.amazonaws.com" in await answer.text()


async def test_a_certificate_that_is_imported_anew_is_presented_from_then_on(rig: Any, serving: Any) -> None:
    rig.balancer("chat", await serving(echo))

    async def presented() -> bytes:
        context = rig.acm.trusting()
        host = "chat.us-west-2.elb.amazonaws.com"
        _, writer = await asyncio.open_connection("127.0.0.1", rig.port, ssl=context, server_hostname=host)
        found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return found

    before = await presented()
    assert await presented() == before
    rig.acm.issue(rig.certificate)
    after = await presented()
    assert after == ssl.PEM_cert_to_DER_cert(rig.acm.held[rig.certificate].certificate.decode()) != before


@pytest.mark.parametrize(
    ("path", "status", "action"), [("/v2", 404, "fixed-response"), ("/v1", 503, "forward")]
)
async def test_without_a_rule_or_a_target_it_answers_itself(
    rig: Any, path: str, status: int, action: str
) -> None:
    balancer = rig.balancer("chat")
    async with rig.client() as client, client.get(CHAT + path) as answer:
        assert answer.status == status
        assert answer.headers["Server"] == "awselb/2.0"
    (line,) = await rig.logged(balancer)
    assert (line["elb_status_code"], line["actions_executed"]) == (str(status), action)
    assert line["target:port"] == "-"


async def test_a_target_that_is_not_there_is_a_502_and_one_that_says_nothing_a_504(
    rig: Any, serving: Any
) -> None:
    async def silent(request: web.Request) -> web.Response:
        if request.path != "/":
            await asyncio.sleep(3600)
        return web.Response()

    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = int(unused.getsockname()[1])
    rig.balancer("gone", ("127.0.0.1", port))
    balancer = rig.balancer("silent", await serving(silent), settings=replace(rig.secure, attributes=IDLE))
    async with rig.client() as client:
        async with client.get("https://gone.us-west-2.elb.amazonaws.com/v1") as answer:
            assert answer.status == 502
            assert "502 Bad Gateway" in await answer.text()
        async with client.get("https://silent.us-west-2.elb.amazonaws.com/v1") as answer:
            assert answer.status == 504
            assert "504 Gateway Time-out" in await answer.text()
    (line,) = await rig.logged(balancer)
    assert (line["elb_status_code"], line["target_status_code"]) == ("504", "-")


async def test_only_targets_that_are_well_are_asked_until_none_is(rig: Any, serving: Any) -> None:
    ill = False

    async def first(request: web.Request) -> web.Response:
        return web.Response(text="first", status=503 if ill and request.path == "/ready" else 200)

    async def second(request: web.Request) -> web.Response:
        return web.Response(text="second", status=503 if request.path == "/ready" else 200)

    health = Health(path="/ready", interval=0, timeout=30, unhealthy=2)
    addresses = (await serving(first), await serving(second))
    balancer = rig.balancer("chat", *addresses, settings=replace(rig.plain, health=health))
    (group,) = balancer.groups.values()

    async def until(states: dict[Any, str]) -> None:
        async with asyncio.timeout(60):
            while group.states != states:  # noqa: ASYNC110 - the checks go on by themselves
                await asyncio.sleep(0.01)

    await until({addresses[0]: "healthy", addresses[1]: "unhealthy"})
    assert {group.choose() for _ in range(5)} == {addresses[0]}
    ill = True
    await until({addresses[0]: "unhealthy", addresses[1]: "unhealthy"})
    assert {group.choose() for _ in range(5)} == {*addresses}


@pytest.mark.parametrize(
    ("checks", "state"),
    [
        ("", "initial"),
        ("+", "healthy"),
        ("-", "unhealthy"),
        ("+-", "healthy"),
        ("+--", "unhealthy"),
        ("+-+-", "healthy"),
        ("-+", "unhealthy"),
        ("-++", "healthy"),
    ],
)
def test_one_good_check_begins_and_two_in_a_row_change_it(checks: str, state: str) -> None:
    judged = Judged()
    for check in checks:
        judged = judged.after(check == "+", Health())
    assert judged.state == state


async def test_the_least_busy_target_is_chosen() -> None:
    async with aiohttp.ClientSession() as calls:
        group = TargetGroup("arn", Health(interval=3600), "least_outstanding_requests", calls)
        busy, idle = ("127.0.0.1", 1), ("127.0.0.1", 2)
        group.register([busy, idle])
        group.outstanding[busy] = 3
        assert {group.choose() for _ in range(4)} == {idle}
        await group.close()


def opening(name: str | None) -> bytes:
    """A real ClientHello."""
    outgoing = ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.check_hostname = name is not None
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_a_client_hello_names_whom_it_wants_and_half_of_one_nobody_yet() -> None:
    whole = opening("Chat.Example.com")
    assert hello(whole) == Hello(True, "chat.example.com")
    assert [hello(whole[:size]) for size in range(len(whole))] == [None] * len(whole)
    assert hello(opening(None)) == Hello(True, "")
    assert hello(b"\x16\x03\x01\x00\x02\x01\x00") == Hello(True, "")


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"GET / HTTP/1.1\r\nHost: a.example:8443\r\n\r\n", "a.example"),
        (b"GET / HTTP/1.1\r\nAccept: */*\r\nHOST:a.example\r\n\r\n", "a.example"),
        (b"GET / HTTP/1.0\r\n\r\n", ""),
    ],
)
def test_a_head_names_its_host(head: bytes, name: str) -> None:
    assert hello(head) == Hello(False, name)
    assert hello(head[:-1]) is None


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("two.us-west-2.elb.amazonaws.com", 1),
        ("own.example.com", 1),
        ("deep.own.example.com", None),
        ("three.us-west-2.elb.amazonaws.com", None),
        ("", None),
        ("127.0.0.1", None),
    ],
)
def test_a_name_means_one_load_balancer_or_none(name: str, at: int | None) -> None:
    wildcard = "*.us-west-2.elb.amazonaws.com"
    known = [
        ("one.us-west-2.elb.amazonaws.com", (wildcard,)),
        ("two.us-west-2.elb.amazonaws.com", (wildcard, "*.example.com")),
    ]
    assert chosen(name, known) == at
    assert chosen("127.0.0.1", known[:1]) == 0
