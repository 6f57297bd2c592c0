"""Bytes and exceptions of HTTP on one side, Kubernetes' terms on the other. Only the client uses this."""

import contextlib
import functools
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, TypedDict

import aiohttp
import msgspec

from hyperpod_inference.kube.config import ConfigError
from hyperpod_inference.kube.errors import TransportError, from_status
from hyperpod_inference.kube.resources import Body


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One change: ADDED, MODIFIED, DELETED or BOOKMARK, with the object after it (before it, for DELETED)."""

    type: str
    object: Body


class _Line(msgspec.Struct):
    """A line of a watch; its object is read when it is known what it is."""

    type: str
    object: msgspec.Raw


@contextlib.contextmanager
def translated(request: str) -> Iterator[None]:
    """Turns the HTTP library's and the credentials' failures into `TransportError`."""
    try:
        yield
    except TimeoutError as error:
        raise TransportError("no answer in time", request=request) from error
    except (aiohttp.ClientError, OSError, ConfigError) as error:
        raise TransportError(str(error) or type(error).__name__, request=request) from error


async def raise_for_status(response: aiohttp.ClientResponse, request: str) -> None:
    """Raise the `ApiError` of an answer that is not a success."""
    if response.status < 300:
        return
    raw = await response.read()
    try:
        body = json.loads(raw)
    except ValueError:
        body = {"message": raw[:500].decode(errors="replace").strip() or response.reason}
    header = response.headers.get("Retry-After", "")
    retry_after = float(header) if header.isdigit() else None
    raise from_status(
        response.status, body if isinstance(body, dict) else {}, retry_after=retry_after, request=request
    )


def parsed(raw: bytes | msgspec.Raw, request: str, shape: Any = Body) -> Any:
    """The JSON object in `raw`, as `shape` has it: a TypedDict's keys alone are read, the rest is skipped.

    Most of what a cluster sends is never looked at, and skipping it costs a tenth of reading it.

    Raises:
        TransportError: it is anything else.
    """
    try:
        return _decoder(shape).decode(raw)
    except (msgspec.DecodeError, ValueError) as error:
        start = bytes(raw)[:80]
        raise TransportError(
            f"the answer is not JSON as expected: {start!r}: {error}", request=request
        ) from error


@functools.cache
def page_of(shape: Any) -> Any:
    """The shape of a list of them."""
    make: Any = TypedDict
    return make("Page", {"metadata": Body, "items": list[shape] | None}, total=False)


@functools.cache
def _decoder(shape: Any) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(shape)


async def lines(stream: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Lines of any length (the stream's readline refuses long ones); an unfinished last line is an error."""
    rest = bytearray()
    async for chunk in stream.iter_any():
        seen = len(rest)
        rest += chunk
        start = 0
        while (end := rest.find(b"\n", max(start, seen))) >= 0:
            if line := bytes(rest[start:end]).strip():
                yield line
            start = end + 1
        del rest[:start]
    if rest.strip():
        raise aiohttp.ClientPayloadError(f"the stream ended inside a line: {bytes(rest[:80])!r}")


def event(line: bytes, request: str, shape: Any = Body) -> WatchEvent:
    """One line of a watch, its object as `shape`; an ERROR event raises the `ApiError` that it describes."""
    read: _Line = parsed(line, request, _Line)
    if read.type == "ERROR":
        subject: Body = parsed(read.object, request)
        raise from_status(int(subject.get("code") or 500), subject, request=request)
    # A bookmark is an object without anything in it, not even what each of its kind has.
    return WatchEvent(read.type, parsed(read.object, request, Body if read.type == "BOOKMARK" else shape))
