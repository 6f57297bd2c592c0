import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from hyperpod_inference.local.inside import relay


def loopback() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


@pytest.fixture
async def relayed() -> AsyncIterator[tuple[asyncio.Server, int]]:
    """A server that sends everything back in one piece after the client has ended, behind a relay."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read())
        await writer.drain()
        writer.close()

    behind = loopback()
    target = behind.getsockname()[1]
    server = await asyncio.start_server(echo, sock=behind)
    listener = loopback()
    port = listener.getsockname()[1]
    front = await relay.serve(listener, "127.0.0.1", target)
    yield server, port
    front.close()
    server.close()


async def test_bytes_and_the_end_of_each_direction_pass_through(relayed) -> None:
    _, port = relayed
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sent = bytes(range(256)) * 4096
    writer.write(sent)
    writer.write_eof()
    assert await reader.read() == sent
    writer.close()
    await writer.wait_closed()


async def test_with_nobody_behind_it_the_connection_is_closed(relayed) -> None:
    server, port = relayed
    server.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    writer.close()
