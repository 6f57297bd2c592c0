"""Carries TCP connections from a listener of the host to an address inside the private network.

The listener was opened on the host and handed over as a descriptor: connections accepted from it belong to
the host's network, connections opened here to the cluster's. Bytes pass through unread, so TLS stays end to
end.
"""

import asyncio
import contextlib
import socket

_CHUNK = 64 * 1024


async def serve(listener: socket.socket, host: str, port: int) -> asyncio.Server:
    """Start relaying every connection that `listener` accepts to `host:port`."""

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection(host, port)
        except OSError:
            writer.transport.abort()
            return
        await _join(reader, upstream_writer, upstream_reader, writer)

    return await asyncio.start_server(relay, sock=listener)


async def _join(
    reader: asyncio.StreamReader,
    upstream_writer: asyncio.StreamWriter,
    upstream_reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(_pump(reader, upstream_writer))
            both.create_task(_pump(upstream_reader, writer))
    except* OSError:
        pass  # one side hung up hard; both are closed below
    finally:
        writer.close()
        upstream_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK):
        writer.write(chunk)
        await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()
