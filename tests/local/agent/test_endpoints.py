"""Which pods stand behind a Service's port, and the forwarding to them."""

import asyncio
from typing import Any

import pytest

from hyperpod_inference.local.agent.endpoints import Frontend, backends, frontends
from hyperpod_inference.local.agent.serviceproxy import Listener

FRONT = Frontend("n", "web", "10.96.0.9", 80, "http")


def a_slice(port: int | None = 8000, name: str = "http", **ready: bool) -> dict[str, Any]:
    endpoints = [
        {"addresses": [address.replace("_", ".")[2:]], "conditions": {"ready": is_ready}}
        for address, is_ready in ready.items()
    ]
    return {"ports": [{"name": name, "port": port}], "endpoints": endpoints}


@pytest.mark.parametrize(
    ("slices", "expected"),
    [
        ([], ()),
        ([a_slice(a_10_1=True, a_10_2=False)], (("10.1", 8000),)),
        ([a_slice(a_10_1=True), a_slice(9000, a_10_2=True)], (("10.1", 8000), ("10.2", 9000))),
        ([a_slice(name="metrics", a_10_1=True)], ()),
        ([a_slice(None, a_10_1=True)], ()),
    ],
)
def test_only_ready_endpoints_of_the_same_port_are_behind_it(slices: Any, expected: Any) -> None:
    assert backends(FRONT, slices) == expected


@pytest.mark.parametrize(
    ("spec", "count"),
    [
        ({"clusterIP": "10.96.0.9", "ports": [{"port": 80}, {"port": 53, "protocol": "UDP"}]}, 1),
        ({"clusterIP": "None", "ports": [{"port": 80}]}, 0),
        ({"type": "ExternalName"}, 0),
    ],
)
def test_only_tcp_ports_of_services_with_an_address_are_forwarded(spec: dict[str, Any], count: int) -> None:
    assert len(frontends({"metadata": {"namespace": "n", "name": "s"}, "spec": spec})) == count


async def echo(name: str) -> asyncio.Server:
    """A server that says its name, then sends back what it gets until the client has said all."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(name.encode() + b":")
        writer.write(await reader.read())
        await writer.drain()
        writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", 0)


async def say(port: int, text: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


async def test_connections_go_round_and_a_dead_endpoint_is_passed_over() -> None:
    servers = [await echo(name) for name in ("a", "b")]
    addresses = [server.sockets[0].getsockname() for server in servers]
    listener = Listener()
    await listener.listen(Frontend("n", "s", "127.0.0.1", 0, ""))
    listener.backends = (addresses[0], ("127.0.0.1", 1), addresses[1])
    assert listener.port
    payload = b"x" * 300_000
    answers = [await say(listener.port, payload) for _ in range(6)]
    assert {answer[:2] for answer in answers} == {b"a:", b"b:"}
    assert all(answer[2:] == payload for answer in answers)
    listener.close()
    for server in servers:
        server.close()
        await server.wait_closed()


async def test_without_a_living_endpoint_the_connection_is_closed() -> None:
    listener = Listener()
    await listener.listen(Frontend("n", "s", "127.0.0.1", 0, ""))
    listener.backends = (("127.0.0.1", 1),)
    with pytest.raises(ConnectionError):
        if await say(listener.port, b"x") == b"":
            raise ConnectionResetError
    listener.close()
