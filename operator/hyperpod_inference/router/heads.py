"""HTTP/1.1 heads: which fields go on, how a message is framed, and the answers that the router gives itself.

A head that leaves here is always built anew with exactly one framing, so nothing that a client or a replica
hides in its own framing reaches the other side. llhttp (strict) refuses the malformed; this module refuses
the well-formed but ambiguous.
"""

import json
from collections.abc import Iterable
from http import HTTPStatus

from hyperpod_inference.router.request import Request

# Of this hop only (RFC 9110, 7.6.1), or written anew here. Their values never travel on.
HOP_BY_HOP = frozenset({
    b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authorization",
    b"te", b"trailer", b"transfer-encoding", b"upgrade", b"content-length", b"expect", b"x-request-id",
})  # fmt: skip
_SPECIAL = HOP_BY_HOP | {b"host"}
_ID_CHARACTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:=+/")
_NO_BODY = frozenset({204, 304})


class Refused(Exception):  # noqa: N818  # a verdict on the client, not a fault of this program
    """The request is answered by the router itself and its connection closed."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


def accept(request: Request, version: str) -> tuple[int, bool]:
    """Check the head and fill `request.lines`, `id` and `old`; returns (content length or 0, 100-continue?).

    Raises Refused: what makes the message ambiguous or cannot be served.
    """
    if version not in ("1.1", "1.0"):
        raise Refused(505, f"HTTP/{version} is not served, send HTTP/1.1")
    request.old = version == "1.0"
    special: dict[bytes, list[bytes]] = {}
    lines = request.lines
    for name, value in request.headers:
        key = name.lower()
        if key in _SPECIAL:
            special.setdefault(key, []).append(value)
        else:
            lines.append(name + b": " + value)
    _target_and_host(request, special.get(b"host", []))
    _chunked_or_none(request, special.get(b"transfer-encoding", []))
    if len(special) > 1:
        _nominated(request, special.get(b"connection", []))
    request.id = _request_id(special.get(b"x-request-id", []))
    length = special.get(b"content-length", [b"0"])
    return int(length[0]), _expects_continue(request, special.get(b"expect", []))


def _target_and_host(request: Request, hosts: list[bytes]) -> None:
    if len(hosts) > 1 or (not hosts and not request.old):
        raise Refused(400, f"a request needs exactly one Host header, got {len(hosts)}")
    if request.method == b"CONNECT":
        raise Refused(501, "CONNECT is not served")
    target = request.target
    if target[:1] != b"/" and target != b"*":
        scheme, _, rest = target.partition(b"://")
        authority, slash, path = rest.partition(b"/")
        if scheme.lower() not in (b"http", b"https") or [authority.lower()] != [
            host.lower() for host in hosts
        ]:
            raise Refused(
                400, "the request target must be a path, or a URL whose host is that of the Host header"
            )
        request.target = slash + path or b"/"
    if hosts:
        request.lines.append(b"host: " + hosts[0])


def _chunked_or_none(request: Request, codings: list[bytes]) -> None:
    if not codings:
        return
    if request.old or len(codings) > 1:
        raise Refused(400, "Transfer-Encoding may come once, and only with HTTP/1.1")
    if codings[0].lower() != b"chunked":
        raise Refused(501, "the only Transfer-Encoding served is chunked")


def _nominated(request: Request, connection: list[bytes]) -> None:
    """Drop the fields that the client declared to be of this hop only."""
    names = {token.strip().lower() for value in connection for token in value.split(b",")}
    names -= {b"close", b"keep-alive", b"host"}
    if names:
        request.lines[:] = [line for line in request.lines if line.partition(b":")[0].lower() not in names]


def _request_id(given: list[bytes]) -> bytes:
    if len(given) == 1 and 0 < len(given[0]) <= 128 and _ID_CHARACTERS.issuperset(given[0]):
        return given[0]
    return b""


def _expects_continue(request: Request, expectations: list[bytes]) -> bool:
    if expectations and expectations[0].lower() != b"100-continue":
        raise Refused(417, "the only Expect served is 100-continue")
    return bool(expectations) and not request.old


def to_replica(request: Request) -> bytes:
    """The whole request as it goes to a replica."""
    bodiless = not request.body and request.method in (b"GET", b"HEAD", b"DELETE", b"OPTIONS")
    framing = b"" if bodiless else b"\r\ncontent-length: %d" % len(request.body)
    if not request.front:
        request.front = front(request)
    return b"%b%b\r\nx-request-id: %b\r\n\r\n%b" % (request.front, framing, request.id, request.body)


def front(request: Request) -> bytes:
    """The part of a request's head that does not change with its body."""
    return b"\r\n".join((b"%b %b HTTP/1.1" % (request.method, request.target), *request.lines))


class AnswerHeaders(list[tuple[bytes, bytes]]):
    """The header fields of a replica's answer; the same object again when the same head comes again."""

    __slots__ = ("length", "passed")

    def __init__(self) -> None:
        super().__init__()
        self.length: int | None = None
        """Its Content-Length."""
        self.passed = b""
        """Status line and the fields that the client gets, once they were needed."""


def to_client(
    status: int, reason: bytes, headers: AnswerHeaders, request: Request, *, close: bool
) -> tuple[bytes, bool]:
    """The head of a replica's answer as the client gets it, and whether its body goes out in chunks.

    The framing is a Content-Length that the replica gave, else chunks; HTTP/1.0 gets the connection's end.
    """
    if not headers.passed:
        headers.passed = _passed(status, reason, headers)
    length, chunked = headers.length, False
    if length is not None and status != 204:
        framing = b"\r\ncontent-length: %d" % length
    elif request.method != b"HEAD" and status not in _NO_BODY and not request.old:
        framing, chunked = b"\r\ntransfer-encoding: chunked", True
    else:
        framing = b""
    if close:
        framing += b"\r\nconnection: close"
    elif request.old:
        framing += b"\r\nconnection: keep-alive"
    return b"%b\r\nx-request-id: %b%b\r\n\r\n" % (headers.passed, request.id, framing), chunked


def _passed(status: int, reason: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    lines = [b"HTTP/1.1 %d %b" % (status, reason)]
    nominated: set[bytes] = set()
    for name, value in headers:
        key = name.lower()
        if key not in HOP_BY_HOP:
            lines.append(name + b": " + value)
        elif key == b"connection":
            nominated |= {token.strip().lower() for token in value.split(b",")}
    if nominated - {b"close", b"keep-alive"}:
        lines[1:] = [line for line in lines[1:] if line.partition(b":")[0].lower() not in nominated]
    return b"\r\n".join(lines)


def own_answer(
    status: int, body: bytes, *, content_type: bytes = b"application/json", request_id: bytes = b"",
    close: bool = False, head_only: bool = False, extra: bytes = b"",
) -> bytes:  # fmt: skip
    """A whole answer of the router itself; `extra` holds further header lines, each with its CRLF."""
    reason = HTTPStatus(status).phrase.encode() if status in HTTPStatus._value2member_map_ else b"Error"
    return b"".join((
        b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\n" % (status, reason, content_type),
        b"content-length: %d\r\n" % len(body),
        b"x-request-id: " + request_id + b"\r\n" if request_id else b"",
        extra,
        b"connection: close\r\n\r\n" if close else b"\r\n",
        b"" if head_only else body,
    ))  # fmt: skip


def error_body(status: int, message: str) -> bytes:
    """An error in the shape that OpenAI's clients read."""
    kind = "invalid_request_error" if status < 500 else "router_error"
    return json.dumps({"error": {"message": message, "type": kind, "code": status}}).encode()
