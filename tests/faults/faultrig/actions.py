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


@dataclass
class Crash:
    """Kill the writer around its write, by `hook`; whatever else it sends while it dies is lost.

    effect: the write reaches the API server. answered: and the writer still reads the answer.
    """

    hook: Hook
    effect: bool = True
    answered: bool = False
    dying: bool = False

    async def __call__(self, upstream: Upstream, request: web.Request, call: Call) -> web.StreamResponse:
        if self.dying:
            await asyncio.Event().wait()
        self.dying = True
        action = Then(self.hook) if self.answered else Lose(self.effect, self.hook)
        try:
            return await action(upstream, request, call)
        finally:
            self.dying = False


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


def coalesced(seconds: float) -> Edit:
    """Only the last state of each object in every so many seconds; what came and went is never seen."""

    async def edit(lines: AsyncIterator[bytes], response: ClientResponse) -> AsyncIterator[bytes]:
        async for batch in batches(lines, seconds):
            latest: dict[str, dict[str, Any]] = {}
            for line in batch:
                event = json.loads(line)
                uid = event["object"]["metadata"].get("uid", "")
                before = latest.pop(uid, None)
                if before is not None and before["type"] == "ADDED":
                    if event["type"] == "DELETED":
                        continue
                    event["type"] = "ADDED"
                latest[uid] = event
            for event in latest.values():
                yield json.dumps(event).encode() + b"\n"

    return edit


async def batches(lines: AsyncIterator[bytes], seconds: float) -> AsyncIterator[list[bytes]]:
    """The lines that come within so many seconds of the first of them, together."""
    queue: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def read() -> None:
        async for line in lines:
            queue.put_nowait(line)
        queue.put_nowait(None)

    reading = asyncio.ensure_future(read())
    try:
        while (line := await queue.get()) is not None:
            batch = [line]
            await asyncio.sleep(seconds)
            while not queue.empty() and (more := queue.get_nowait()) is not None:
                batch.append(more)
            yield batch
            if reading.done() and queue.empty():
                return
    finally:
        reading.cancel()


def replayed(count: int) -> Edit:
    """After each event, up to so many that came before it, once more."""

    async def edit(lines: AsyncIterator[bytes], response: ClientResponse) -> AsyncIterator[bytes]:
        before: list[bytes] = []
        async for line in lines:
            yield line
            for old in before[-count:]:
                yield old
            before.append(line)

    return edit


def delayed(seconds: float) -> Edit:
    """Every event so many seconds late, so that those of other kinds overtake it."""

    async def edit(lines: AsyncIterator[bytes], response: ClientResponse) -> AsyncIterator[bytes]:
        async for batch in batches(lines, seconds):
            for line in batch:
                yield line

    return edit


def error_event(code: int, reason: str) -> bytes:
    """The line of an ERROR event."""
    event = {"type": "ERROR", "object": status_object(code, reason, "told to by the fault proxy")}
    return json.dumps(event).encode() + b"\n"
