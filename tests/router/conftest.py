"""Routers and model servers on loopback: real sockets, no mocks; the loop is uvloop, as in production."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Self

import pytest
import uvloop

from hyperpod_inference.router.accesslog import AccessLog
from hyperpod_inference.router.app import Listen, Router
from hyperpod_inference.router.discovery import Fixed
from hyperpod_inference.router.exchange import Exchange
from hyperpod_inference.router.exposition import RouterMetrics
from hyperpod_inference.router.metrics import Metrics
from hyperpod_inference.router.replicas import Address
from hyperpod_inference.router.settings import HeadLimits, RouterSettings

Behaviour = Callable[["Asked", asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@dataclasses.dataclass
class Asked:
    """A request as a model server got it."""

    head: bytes
    body: bytes
    reader: asyncio.StreamReader

    @property
    def fields(self) -> dict[str, str]:
        """Header fields, names in lower case."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
        }


class ModelServer:
    """A scripted replica: `behave` is called for each request."""

    def __init__(self, behave: Behaviour) -> None:
        self.behave = behave
        self.asked: list[Asked] = []
        self.connections = 0
        self.left = 0
        self.address = Address("127.0.0.1", 1)
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = Address("127.0.0.1", self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                asked = Asked(head, b"", reader)
                asked.body = await reader.readexactly(int(asked.fields.get("content-length", 0)))
                self.asked.append(asked)
                await self.behave(asked, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.left += 1
            self._tasks.discard(task)
            writer.close()


async def answer_ok(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """200 with an empty object."""
    writer.write(OK)


@dataclasses.dataclass
class Answer:
    """What a client read: raw bytes and their parts."""

    raw: bytes

    @property
    def status(self) -> int:
        """0 when nothing came."""
        return int(self.raw.split(b" ", 2)[1]) if self.raw else 0

    @property
    def body(self) -> bytes:
        """After the first head."""
        return self.raw.partition(b"\r\n\r\n")[2]

    @property
    def head(self) -> bytes:
        """The first head, in lower case."""
        return self.raw.partition(b"\r\n\r\n")[0].lower()


class Bench:
    """Starts model servers and routers, and talks to them."""

    OK = OK
    QUICK = HeadLimits(head_seconds=0.3, body_seconds=0.3, idle_seconds=0.3)

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.log: list[str] = []

    async def server(self, behave: Behaviour = answer_ok) -> ModelServer:
        """A model server."""
        return await self._stack.enter_async_context(ModelServer(behave))

    async def router(
        self, *servers: ModelServer | Address, collector: Any = RouterMetrics, metrics: Any = Metrics,
        exchange: Any = Exchange, tls: Any = None, prefill: Sequence[ModelServer] = (), log: Any = None,
        **settings: object,
    ) -> Router:  # fmt: skip
        """A router in front of them; short deadlines unless `settings` say otherwise.

        With `prefill` servers, the others decode.
        """
        defaults = {
            "strategy": "roundrobin",
            "drain_delay": 0.0,
            "drain_seconds": 5.0,
            "connect_seconds": 1.0,
        }
        made = RouterSettings(**defaults | settings)  # type: ignore[arg-type]
        addresses = [server if isinstance(server, Address) else server.address for server in servers]
        return await self._stack.enter_async_context(
            Router(
                made,
                Listen("127.0.0.1", 0, 0, tls),
                Fixed(addresses),
                collector=collector,
                metrics=metrics,
                exchange=exchange,
                log=log or AccessLog(self.log.append, 0.0),
                prefill=Fixed([server.address for server in prefill]) if prefill else None,
            )
        )

    async def connect(self, router: Router) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A client's connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", router.port)
        self._stack.callback(writer.close)
        return reader, writer

    async def ask(self, router: Router, raw: bytes) -> Answer:
        """Send bytes, read until the router closes (send `Connection: close`)."""
        reader, writer = await asyncio.open_connection("127.0.0.1", router.port)
        with contextlib.closing(writer):
            writer.write(raw)
            async with asyncio.timeout(10):
                got = bytearray()
                with contextlib.suppress(ConnectionError):
                    while data := await reader.read(65536):
                        got += data
                return Answer(bytes(got))

    async def admin(self, router: Router, path: str) -> Answer:
        """GET from the admin port."""
        reader, writer = await asyncio.open_connection("127.0.0.1", router.admin_port)
        self._stack.callback(writer.close)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        async with asyncio.timeout(10):
            return Answer(await reader.read(-1))

    @staticmethod
    def post(
        body: bytes = b"{}", path: str = "/v1/completions", extra: str = "", *, close: bool = True
    ) -> bytes:
        """A well-formed request."""
        connection = "Connection: close\r\n" if close else ""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: model\r\nContent-Length: {len(body)}\r\n{connection}{extra}\r\n"
        )
        return head.encode() + body

    @staticmethod
    async def until(condition: Callable[[], bool]) -> None:
        """Wait for a condition, 10 seconds at most."""
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.005)


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], Any]]:
    """The loop of production."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """Everything it starts ends with the test."""
    async with AsyncExitStack() as stack:
        yield Bench(stack)
