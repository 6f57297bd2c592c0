"""Whom a new connection is for, from its first bytes: the SNI of a TLS ClientHello, or HTTP's Host. Pure."""

from dataclasses import dataclass

HANDSHAKE = 0x16
_SERVER_NAME = 0
LONGEST = 16 * 1024
"""Bytes that are looked at; a ClientHello or a head longer than that names nobody."""


@dataclass(frozen=True, slots=True)
class Hello:
    """What a client opens with. name: '' when it names nobody."""

    secure: bool
    name: str


def hello(data: bytes) -> Hello | None:
    """What the first bytes say; None: more are needed."""
    if not data:
        return None
    return _tls(data) if data[0] == HANDSHAKE else _http(data)


def _tls(data: bytes) -> Hello | None:
    if len(data) < 5:
        return None
    if len(data) < min(5 + int.from_bytes(data[3:5], "big"), LONGEST):
        return None
    try:
        return Hello(True, _server_name(data))
    except IndexError:  # shorter than it says; the handshake will refuse it
        return Hello(True, "")


def _server_name(data: bytes) -> str:
    """RFC 8446, 4.1.2 and RFC 6066, 3. Raises IndexError for what ends too early."""
    at = 5 + 4 + 2 + 32  # record, handshake, version, random
    at += 1 + data[at]  # session
    at += 2 + _number(data, at)  # cipher suites
    at += 1 + data[at]  # compression
    end = at + 2 + _number(data, at)
    at += 2
    while at < end:
        kind, size = _number(data, at), _number(data, at + 2)
        if kind == _SERVER_NAME:
            length = _number(data, at + 7)
            return data[at + 9 : at + 9 + length].decode("ascii", "replace").lower()
        at += 4 + size
    return ""


def _number(data: bytes, at: int) -> int:
    return data[at] << 8 | data[at + 1]


def _http(data: bytes) -> Hello | None:
    head, end, _ = data.partition(b"\r\n\r\n")
    if not end and len(data) < LONGEST:
        return None
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"host":
            return Hello(False, value.decode("latin-1").strip().rpartition(":")[0].lower() or _bare(value))
    return Hello(False, "")


def _bare(value: bytes) -> str:
    return value.decode("latin-1").strip().lower()
