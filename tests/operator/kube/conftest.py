"""A scriptable API server on loopback, and an event loop whose clock is virtual."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import pytest
from aiohttp import web

from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.config import ClusterConfig, no_token

Body = dict[str, Any]
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FakeApi:
    """Answers LISTs and WATCHes from two scripts, one entry per request; the last list answer repeats.

    A watch without an entry left stays open and silent. Everything else is answered by `other`.
    """

    def __init__(self) -> None:
        self.lists: list[Answer] = []
        self.watches: list[Answer] = []
        self.other: Answer = self.status(404, "NotFound")
        self.requests: list[web.Request] = []
        self.bodies: list[Any] = []
        self.released = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        raw = await request.read()
        self.bodies.append(json.loads(raw) if raw else None)
        if request.method != "GET" or request.path.count("/") != 3:
            return await self.other(request)
        if "watch" in request.query:
            return await (self.watches.pop(0) if self.watches else self.stream())(request)
        return await (self.lists.pop(0) if len(self.lists) > 1 else self.lists[0])(request)

    def queries(self, *, watch: bool) -> list[dict[str, str]]:
        """The queries of all LISTs, or of all WATCHes, so far."""
        return [dict(each.query) for each in self.requests if ("watch" in each.query) == watch]

    @staticmethod
    def page(*items: Body, version: str = "10", token: str = "") -> Answer:
        """A page of a list; `token` says that there is another."""

        async def answer(_: web.Request) -> web.StreamResponse:
            return web.json_response(
                {"metadata": {"resourceVersion": version, "continue": token}, "items": [*items]}
            )

        return answer

    @staticmethod
    def status(code: int, reason: str = "", headers: dict[str, str] | None = None) -> Answer:
        """A Status object with its HTTP status."""

        async def answer(_: web.Request) -> web.StreamResponse:
            body = {"kind": "Status", "code": code, "reason": reason, "message": f"told to say {code}"}
            return web.json_response(body, status=code, headers=headers)

        return answer

    def stream(self, *lines: bytes | Body, close: bool = False) -> Answer:
        """A watch that sends these lines (events as mappings, the rest as bytes), then closes or hangs."""

        async def answer(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            for line in lines:
                await response.write(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")
            if not close:
                await self.released.wait()
            return response

        return answer


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    """The fake, serving on a free port of 127.0.0.1; `api.url` is its address."""
    fake = FakeApi()
    application = web.Application(client_max_size=2**24)
    application.router.add_route("*", "/{path:.*}", fake.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"  # type: ignore[attr-defined]
    yield fake
    fake.released.set()
    await runner.cleanup()


@pytest.fixture
async def client(api: FakeApi) -> AsyncIterator[Client]:
    """A client of the fake."""
    async with Client(ClusterConfig(api.url, None, no_token)) as connected:  # type: ignore[attr-defined]
        yield connected


@pytest.fixture
def pod() -> Callable[..., Body]:
    """Makes pods: `pod("a", 3)` is version 3 of pod a."""

    def make(name: str, version: int = 1, uid: str = "", **metadata: Any) -> Body:
        identity = {"name": name, "namespace": "ns", "uid": uid or f"uid-{name}"}
        return {"metadata": identity | {"resourceVersion": str(version)} | metadata}

    return make


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """Waits, within bounds, until a condition holds."""

    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - the server offers no event to wait for
                await asyncio.sleep(0.002)

    return wait


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer when nothing else is ready: hours pass in no time."""

    def __init__(self) -> None:
        super().__init__()
        self._virtual = 0.0
        real_select = self._selector.select  # type: ignore[attr-defined]

        def select(timeout: float | None) -> Any:
            if timeout:
                self._virtual += timeout
            return real_select(0)

        self._selector.select = select  # type: ignore[attr-defined]

    def time(self) -> float:
        return self._virtual


@pytest.fixture
def virtually() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs a coroutine on the virtual clock."""

    def run(work: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(work)

    return run
