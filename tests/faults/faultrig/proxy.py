"""The fault proxy: stands between an operator and the real API server, and does to requests what it is told.

It speaks plain HTTP to the operator and the administrator's TLS to the API server. `rules` are tried in
order at each request, the first that matches and is not used up decides; without one the request passes.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from faultrig.actions import Action, Edit, untouched
from faultrig.calls import Call, Match, anything, parse

from hyperpod_inference.kube.config import ClusterConfig

NO_LIMIT = aiohttp.ClientTimeout(total=None)


@dataclass
class Rule:
    """Do `action` to matching calls, `times` times (None: always), after letting `skip` of them pass."""

    match: Match
    action: Action
    times: int | None = None
    skip: int = 0
    hits: int = 0

    def takes(self, call: Call) -> bool:
        """Whether this rule decides about the call; counts it if so."""
        if self.times == 0 or not self.match(call):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.hits += 1
        if self.times is not None:
            self.times -= 1
        return True


@dataclass
class FaultProxy:
    """`async with FaultProxy(config) as proxy`: serves on `proxy.url`, records every call in `calls`."""

    config: ClusterConfig
    rules: list[Rule] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    url: str = ""
    streams: dict[int, tuple[Call, web.Request]] = field(default_factory=dict)
    _handlers: list[web.RequestHandler] = field(default_factory=list)
    _connections: set[asyncio.Transport] = field(default_factory=set)

    async def __aenter__(self) -> "FaultProxy":
        connector = aiohttp.TCPConnector(ssl=self.config.ssl or True, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, timeout=NO_LIMIT, auto_decompress=False)
        application = web.Application(client_max_size=2**24)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True
        )
        await self._runner.setup()
        self._server = await asyncio.get_running_loop().create_server(self._connection, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def _connection(self) -> web.RequestHandler:
        """What serves one connection, remembered also if it never asks for anything."""
        assert self._runner.server is not None
        made: web.RequestHandler = self._runner.server()
        self._handlers.append(made)
        return made

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        server = self._runner.server
        await self._runner.cleanup()
        if server is not None:
            await server.shutdown(0)
        for _ in range(20):  # a connection that was accepted just before becomes known some turns later
            known = {each.transport for each in self._handlers if each.transport is not None}
            for each in known | self._connections:  # the server forgets some that a killed client leaves
                each.abort()
            await asyncio.sleep(0)
        await self._session.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        call = parse(request.method, request.path, request.query, time.monotonic())
        self.calls.append(call)
        if request.transport is not None:
            self._connections.add(request.transport)
        rule = next((each for each in self.rules if each.takes(call)), None)
        if call.watch:
            self.streams[id(request)] = call, request
        try:
            if rule is not None:
                return await rule.action(self, request, call)
            if not call.watch:
                return await self.answer(request)
            return await self.stream(request, untouched)
        except (ConnectionError, aiohttp.ClientError):
            return web.Response(status=502)  # one side is gone
        finally:
            self.streams.pop(id(request), None)

    def cut(self, match: Match = anything) -> None:
        """Break the watches that run now; the operator opens new ones, which meet the rules."""
        for call, request in [*self.streams.values()]:
            if match(call) and request.transport is not None:
                request.transport.abort()

    async def answer(self, request: web.Request) -> web.Response:
        """Pass the request on, and hand back the whole answer."""
        async with await self._forward(request) as response:
            headers = {
                key: value
                for key, value in response.headers.items()
                if key in ("Content-Type", "Retry-After")
            }
            return web.Response(status=response.status, body=await response.read(), headers=headers)

    async def stream(self, request: web.Request, edit: Edit) -> web.StreamResponse:
        """Pass a watch on, and its lines through `edit`; a refused watch is answered as it is."""
        async with await self._forward(request) as upstream:
            out = web.StreamResponse(status=upstream.status, headers={"Content-Type": "application/json"})
            await out.prepare(request)
            async for piece in edit(_lines(upstream), upstream):
                await out.write(piece)
            return out

    async def _forward(self, request: web.Request) -> aiohttp.ClientResponse:
        kept = {key: value for key, value in request.headers.items() if key in ("Content-Type", "Accept")}
        return await self._session.request(
            request.method,
            self.config.server + request.path_qs,
            data=await request.read() or None,
            headers=kept | {"Accept-Encoding": "identity"},
            server_hostname=self.config.server_hostname,
        )

    def writes(self, since: int = 0) -> list[Call]:
        """The writes from the so-manyeth call on."""
        return [call for call in itertools.islice(self.calls, since, None) if call.write]


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in response.content.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line + b"\n"
    if rest:
        yield rest
