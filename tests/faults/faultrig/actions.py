"""What the proxy does to a request instead of passing it on unharmed. Used by the rows of the table."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import ClientResponse, web
from faultrig.calls import Call

Hook = Callable[[], None]


class Upstream(Protocol):
    """The way to the real API server."""

    async def answer(self, request: web.Request) -> web.Response:
        """Pass the request on, and hand back the whole answer."""
        ...

    async def stream(self, request: web.Request, edit: "Edit") -> web.StreamResponse:
        """Pass a watch on, and its lines through `edit`."""
        ...


class Action(Protocol):
    """One way to treat a request."""

    async def __call__(self, upstream: Upstream, request: web.Request, call: Call) -> web.StreamResponse:
        """Answer the request."""
        ...


Edit = Callable[[AsyncIterator[bytes], ClientResponse], AsyncIterator[bytes]]
"""Lines of a watch as they come, to the bytes that go out; ending it closes the watch."""


def status_object(code: int, reason: str, message: str) -> dict[str, Any]:
    """A Kubernetes Status."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
    }


@dataclass(frozen=True)
class Answer:
    """Refuse, without any effect."""

    status: int
    reason: str = ""
    message: str = "told to by the fault proxy"
    retry_after: int | None = None

    async def __call__(self, upstream: Upstream, request: web.Request, call: Call) -> web.StreamResponse:
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        body = status_object(self.status, self.reason, self.message)
        return web.json_response(body, status=self.status, headers=headers)


@dataclass(frozen=True)
class Lose:
    """Take effect, or not, then break the connection without an answer. `hook` runs in between."""

    effect: bool = True
    hook: Hook = lambda: None

    async def __call__(self, upstream: Upstream, request: web.Request, call: Call) -> web.StreamResponse:
        if self.effect:
            await upstream.answer(request)
        self.hook()
        if request.transport is not None:
            request.transport.abort()
        return web.Response()


@dataclass(frozen=True)
class Then:
    """Answer as usual, then run `hook` once the answer is on its way."""

    hook: Hook

    async def __call__(self, upstream: Upstream, request: web.Request, call: Call) -> web.StreamResponse:
        response = await upstream.answer(request)
        await response.prepare(request)
        await response.write_eof()
        await asyncio.sleep(0.02)  # the client reads it
        self.hook()
        return response


@dataclass(frozen=True)
class Wait:
    """Answer late, or with `until`, not before that is over."""

    until: Callable[[], Awaitable[object]]

    async def __call__(self, upstream: Upstream, request: web.Request, call: Call) -> web.StreamResponse:
        await self.until()
        return await upstream.answer(request)


@dataclass(frozen=True)
class Stream:
    """Change what a watch brings."""

    edit: Edit

    async def __call__(self, upstream: Upstream, request: web.Request, call: Call) -> web.StreamResponse:
        return await upstream.stream(request, self.edit)


@dataclass(frozen=True)
class Replay:
    """Answer with what was recorded before: an API server that lags behind."""

    body: bytes

    async def __call__(self, upstream: Upstream, request: web.Request, call: Call) -> web.StreamResponse:
        return web.Response(body=self.body, content_type="application/json")


async def untouched(lines: AsyncIterator[bytes], response: ClientResponse) -> AsyncIterator[bytes]:
    """Every line as it is."""
    async for line in lines:
        yield line


def after(count: int, *said: bytes, hang: bool = False) -> Edit:
    """So many events, then these bytes; then the watch closes, or stays open and silent."""

    async def edit(lines: AsyncIterator[bytes], response: ClientResponse) -> AsyncIterator[bytes]:
        passed = 0
        while passed < count:
            line = await anext(lines, None)
            if line is None:
                return
            yield line
            passed += 1
        for each in said:
            yield each
        if hang:
            await asyncio.Event().wait()

    return edit


def closed_after(seconds: float) -> Edit:
    """All that comes in so many seconds, then the end."""

    async def edit(lines: AsyncIterator[bytes], response: ClientResponse) -> AsyncIterator[bytes]:
        try:
            async with asyncio.timeout(seconds):
                async for line in lines:
                    yield line
        except TimeoutError:
            return

    return edit


def each_line(change: Callable[[bytes], Iterable[bytes]]) -> Edit:
    """Each line becomes none, one or several."""

    async def edit(lines: AsyncIterator[bytes], response: ClientResponse) -> AsyncIterator[bytes]:
        async for line in lines:
            for each in change(line):
                yield each

    return edit


def error_event(code: int, reason: str) -> bytes:
    """The line of an ERROR event."""
    event = {"type": "ERROR", "object": status_object(code, reason, "told to by the fault proxy")}
    return json.dumps(event).encode() + b"\n"
