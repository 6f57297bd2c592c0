"""The request-smuggling table: what came, and the verdict. What is accepted goes on with exactly one framing.

The sources of the cases: RFC 9112 sections 2, 3, 5, 6, 7 and 11, and the published variants of CL.TE, TE.CL,
TE.TE, CL.0 and header-folding attacks.
"""

import asyncio
from typing import Any

import pytest

from hyperpod_inference.router.again import MOST_MISSES

HOST = b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
BODY = b"3\r\nabc\r\n0\r\n\r\n"

REFUSED = [
    ("length and chunks", 400, HOST + b"Content-Length: 3\r\n" + CHUNKED + b"\r\n" + BODY),
    ("chunks and length", 400, HOST + CHUNKED + b"Content-Length: 3\r\n\r\n" + BODY),
    ("two equal lengths", 400, HOST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
    ("two lengths", 400, HOST + b"Content-Length: 3\r\nContent-Length: 6\r\n\r\nabcdef"),
    ("a list of lengths", 400, HOST + b"Content-Length: 3, 3\r\n\r\nabc"),
    ("a signed length", 400, HOST + b"Content-Length: +3\r\n\r\nabc"),
    ("a negative length", 400, HOST + b"Content-Length: -1\r\n\r\nabc"),
    ("a hexadecimal length", 400, HOST + b"Content-Length: 0x3\r\n\r\nabc"),
    ("an empty length", 400, HOST + b"Content-Length: \r\n\r\nabc"),
    ("a length with a space in it", 400, HOST + b"Content-Length: 3 4\r\n\r\nabc"),
    ("a length beyond 64 bits", 400, HOST + b"Content-Length: 99999999999999999999999\r\n\r\nabc"),
    ("a folded header", 400, HOST + b"X: a\r\n b\r\nContent-Length: 3\r\n\r\nabc"),
    ("a folded framing header", 400, HOST + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + BODY),
    ("a fold before the first header", 400, b"POST / HTTP/1.1\r\n X: a\r\nHost: a\r\n\r\n"),
    ("space before the colon", 400, HOST + b"Content-Length : 3\r\n\r\nabc"),
    ("tab before the colon", 400, HOST + b"Transfer-Encoding\t: chunked\r\n\r\n" + BODY),
    ("a control character in a name", 400, HOST + b"Transfer\x01Encoding: chunked\r\n\r\n" + BODY),
    ("an empty name", 400, HOST + b": a\r\n\r\n"),
    ("a vertical tab before chunked", 400, HOST + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + BODY),
    ("xchunked", 501, HOST + b"Transfer-Encoding: xchunked\r\n\r\n" + BODY),
    ("chunked in quotes", 501, HOST + b'Transfer-Encoding: "chunked"\r\n\r\n' + BODY),
    ("chunked, then identity", 400, HOST + CHUNKED + b"Transfer-Encoding: identity\r\n\r\n" + BODY),
    ("chunked twice", 400, HOST + CHUNKED + CHUNKED + b"\r\n" + BODY),
    ("chunked, chunked", 400, HOST + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + BODY),
    ("gzip, chunked", 501, HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + BODY),
    ("identity", 501, HOST + b"Transfer-Encoding: identity\r\n\r\n" + BODY),
    ("chunks over HTTP/1.0", 400, b"POST / HTTP/1.0\r\nHost: a\r\n" + CHUNKED + b"\r\n" + BODY),
    ("bare LF lines", 400, b"POST / HTTP/1.1\nHost: a\nContent-Length: 3\n\nabc"),
    ("bare LF after the request line", 400, b"POST / HTTP/1.1\nHost: a\r\n\r\n"),
    ("bare CR in a value", 400, HOST + b"X: a\rTransfer-Encoding: chunked\r\n\r\n" + BODY),
    ("NUL in a value", 400, HOST + b"X: a\x00b\r\n\r\n"),
    ("LF after a chunk size", 400, HOST + CHUNKED + b"\r\n3\nabc\r\n0\r\n\r\n"),
    ("0x before a chunk size", 400, HOST + CHUNKED + b"\r\n0x3\r\nabc\r\n0\r\n\r\n"),
    ("space after a chunk size", 400, HOST + CHUNKED + b"\r\n3 \r\nabc\r\n0\r\n\r\n"),
    ("sign before a chunk size", 400, HOST + CHUNKED + b"\r\n+3\r\nabc\r\n0\r\n\r\n"),
    ("a chunk size beyond 64 bits", 400, HOST + CHUNKED + b"\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
    ("no end of line after a chunk", 400, HOST + CHUNKED + b"\r\n3\r\nabcXX0\r\n\r\n"),
    ("a bare LF in a chunk extension", 400, HOST + CHUNKED + b"\r\n3;\nabc\r\n0\r\n\r\n"),
    ("framing in the trailers", 400, HOST + CHUNKED + b"\r\n3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n"),
    ("no Host", 400, b"GET / HTTP/1.1\r\n\r\n"),
    ("two Hosts", 400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    ("a URL of another host", 400, b"GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a URL of another scheme", 400, b"GET file://a/x HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a space in the target", 400, b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a control character in the target", 400, b"GET /a\x01 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a space before the method", 400, b" GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("HTTP/2 with prior knowledge", 400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("another version", 400, b"GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
    ("TLS on the plain port", 400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64)),
    ("a tunnel", 501, b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
    ("an upgrade with a body", 501, HOST[:-19] + UPGRADE + b"Content-Length: 3\r\n\r\nabc"),
    ("an upgrade with chunks", 501, HOST[:-19] + UPGRADE + CHUNKED + b"\r\n" + BODY),
    ("an unknown expectation", 417, HOST + b"Expect: tea\r\nContent-Length: 3\r\n\r\nabc"),
]

ACCEPTED = [
    ("one length", HOST + b"Content-Length: 3\r\n\r\nabc", b"abc"),
    ("chunks", HOST + CHUNKED + b"\r\n" + BODY, b"abc"),
    ("chunks in capitals", HOST + b"TRANSFER-ENCODING: Chunked\r\n\r\n" + BODY, b"abc"),
    ("a tab before the value", HOST + b"Transfer-Encoding:\tchunked\r\n\r\n" + BODY, b"abc"),
    ("leading zeros", HOST + CHUNKED + b"\r\n0003\r\nabc\r\n000\r\n\r\n", b"abc"),
    ("an extension and a trailer", HOST + CHUNKED + b"\r\n3;a=b\r\nabc\r\n0\r\nX: 1\r\n\r\n", b"abc"),
    ("no body at all", HOST + b"\r\n", b""),
    ("its own URL", b"POST http://A/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b""),
    ("a line before the request", b"\r\n" + HOST + b"\r\n", b""),
]


@pytest.mark.parametrize(("status", "raw"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
async def test_what_is_ambiguous_is_refused_and_reaches_no_replica(
    bench: Any, status: int, raw: bytes
) -> None:
    server = await bench.server()
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    answer = await bench.ask(await bench.router(server), raw + smuggled)
    assert answer.status == status
    assert b"connection: close" in answer.head
    assert answer.raw.count(b"HTTP/1.1 ") == 1
    assert server.asked == []


AGAIN = b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b"


@pytest.mark.parametrize(("status", "raw"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
async def test_a_connection_whose_head_is_known_is_judged_no_milder(
    bench: Any, status: int, raw: bytes
) -> None:
    server = await bench.server()
    router = await bench.router(server)
    reader, writer = await bench.connect(router)
    async with asyncio.timeout(10):
        for body in (b"abc", b"defgh", b""):
            writer.write(AGAIN % (len(body), body))
            await reader.readuntil(b"{}")
        writer.write(raw)
        rest = await reader.read(-1)
    assert int(rest.split(b" ")[1]) == status
    assert [asked.body for asked in server.asked] == [b"abc", b"defgh", b""]


async def test_a_body_that_looks_like_a_known_request_is_a_body(bench: Any) -> None:
    server = await bench.server()
    router = await bench.router(server)
    reader, writer = await bench.connect(router)
    heads = [AGAIN.replace(b"Host: a", b"Host: a\r\nX: %d" % number) for number in range(MOST_MISSES + 1)]
    async with asyncio.timeout(10):
        for head in heads[:-1]:
            writer.write(head % (3, b"abc"))
            await reader.readuntil(b"{}")
        server.asked.clear()
        known = heads[-2] % (3, b"abc")
        writer.write(heads[-1] % (2, b"de") + AGAIN % (len(known), b""))
        await reader.readuntil(b"{}")
        writer.write(known)
        await reader.readuntil(b"{}")
    assert [asked.body for asked in server.asked] == [b"de", known]


LENGTHS = [
    b"3 ", b" 3", b"03", b"+3", b"-3", b"3,3", b"0x3", b"", b"3\t", b"\xb3", b"3\r\nX: 1", b"9" * 15,
]  # fmt: skip


@pytest.mark.parametrize("length", LENGTHS, ids=repr)
async def test_a_known_head_with_a_strange_length_is_judged_as_ever(bench: Any, length: bytes) -> None:
    raw = AGAIN.replace(b"%d", b"%b") % (length, b"abc")
    verdicts = []
    for known in (False, True):
        server = await bench.server()
        router = await bench.router(server, head=bench.QUICK)
        reader, writer = await bench.connect(router)
        async with asyncio.timeout(10):
            for _ in range(2 if known else 0):
                writer.write(AGAIN % (3, b"abc"))
                await reader.readuntil(b"{}")
            server.asked.clear()
            writer.write(raw)
            rest = await reader.read(-1)
        verdicts.append((rest[:12], [(asked.body, asked.fields.get("x")) for asked in server.asked]))
    assert verdicts[0] == verdicts[1]


@pytest.mark.parametrize(("raw", "body"), [row[1:] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED])
async def test_what_is_clear_goes_on_with_one_framing(bench: Any, raw: bytes, body: bytes) -> None:
    server = await bench.server()
    answer = await bench.ask(await bench.router(server), raw)
    assert answer.status == 200
    assert server.asked[0].body == body
    assert server.asked[0].head.lower().count(b"content-length:") == 1
    assert b"transfer-encoding" not in server.asked[0].head.lower()


async def test_an_upgrade_is_ignored_and_nothing_after_it_is_read(bench: Any) -> None:
    server = await bench.server()
    raw = b"GET / HTTP/1.1\r\nHost: a\r\n" + UPGRADE + b"\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    answer = await bench.ask(await bench.router(server), raw)
    assert answer.status == 200
    assert len(server.asked) == 1
    assert not {"upgrade", "http2-settings"} & {*server.asked[0].fields}
