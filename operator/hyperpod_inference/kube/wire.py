"""Bytes and exceptions of HTTP on one side, Kubernetes' terms on the other. Only the client uses this."""

import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import aiohttp

from hyperpod_inference.kube.config import ConfigError
from hyperpod_inference.kube.errors import TransportError, from_status
from hyperpod_inference.kube.resources import Body


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One change: ADDED, MODIFIED, DELETED or BOOKMARK, with the object after it (before it, for DELETED)."""

    type: str
    object: Body


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


def parsed(raw: bytes, request: str) -> Body:
    """The JSON object in `raw`; raises `TransportError` when it is anything else."""
    try:
        parsed = json.loads(raw)
    except ValueError as error:
        raise TransportError(f"the answer is not JSON: {raw[:80]!r}", request=request) from error
    if not isinstance(parsed, dict):
        raise TransportError(f"the answer is not a JSON object: {raw[:80]!r}", request=request)
    return parsed


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


def event(line: bytes, request: str) -> WatchEvent:
    """One line of a watch; an ERROR event raises the `ApiError` that it describes."""
    raw = parsed(line, request)
    kind, subject = raw.get("type"), raw.get("object")
    if not isinstance(kind, str) or not isinstance(subject, dict):
        raise TransportError(f"not a watch event: {line[:80]!r}", request=request)
    if kind == "ERROR":
        raise from_status(int(subject.get("code") or 500), subject, request=request)
    return WatchEvent(kind, subject)
