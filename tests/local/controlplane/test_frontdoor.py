import asyncio
import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from hyperpod_inference.local.inside.frontdoor import FrontDoor, RefusalError, route
from hyperpod_inference.local.inside.services import KnownService, Port

LLM = KnownService("default", "llm", "10.96.0.3", (Port(80, "http"), Port(9113, "metrics"), Port(443, "tls")))
OTHER = KnownService("ml", "other", "10.96.0.4", (Port(8080),))
SERVICES = (LLM, OTHER)


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/default/llm/v1/models", "http://10.96.0.3/v1/models"),
        ("/default/llm", "http://10.96.0.3/"),
        ("/default/llm/", "http://10.96.0.3/"),
        ("/default/llm?x=1", "http://10.96.0.3/?x=1"),
        ("/default/llm:metrics/metrics?a=b%20c", "http://10.96.0.3:9113/metrics?a=b%20c"),
        ("/default/llm:443/x", "https://10.96.0.3/x"),
        ("/ml/other/a%2Fb//c", "http://10.96.0.4:8080/a%2Fb//c"),
    ],
)
def test_the_path_names_the_service_and_the_rest_is_passed_on_untouched(path: str, url: str) -> None:
    assert str(route(path, SERVICES).url) == url


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/", "use /NAMESPACE/SERVICE[:PORT]/PATH; known services: /default/llm, /ml/other"),
        ("/default", "use /NAMESPACE/SERVICE[:PORT]/PATH"),
        ("/ml/llm/x", "no service 'llm' in namespace 'ml'; known services: /default/llm, /ml/other"),
        ("/default/llm:81/x", "has no port '81'; its ports: 80 http, 9113 metrics, 443 tls"),
    ],
)
def test_what_cannot_be_routed_is_answered_with_what_there_is(path: str, message: str) -> None:
    with pytest.raises(RefusalError) as caught:
        route(path, SERVICES)
    assert caught.value.status == 404
    assert message in str(caught.value)


class Fixed:
    """A directory that never changes."""

    def __init__(self, *services: KnownService) -> None:
        self._services = services

    async def services(self) -> tuple[KnownService, ...]:
        return self._services


async def echo(request: web.BaseRequest) -> web.StreamResponse:
    """The service behind the door: one behaviour per path."""
    match request.path:
        case "/stream":
            response = web.StreamResponse(headers={"X-Kind": "stream"})
            await response.prepare(request)
            async for chunk in request.content.iter_any():
                await response.write(chunk.upper())
            return response
        case "/broken":
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"begun")
            request.transport.abort()
            return response
        case "/redirect":
            return web.Response(status=307, headers={"Location": "/elsewhere"})
        case "/packed":
            return web.Response(body=b"\x1f\x8b not unpacked", headers={"Content-Encoding": "gzip"})
    body = await request.read()
    headers = {key.lower(): value for key, value in request.headers.items()}
    return web.json_response({"method": request.method, "size": len(body), "headers": headers})


def loopback() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


@pytest.fixture
async def door() -> AsyncIterator[str]:
    """The URL of a front door with one living service and one that nothing listens for."""
    runner = web.ServerRunner(web.Server(echo))
    await runner.setup()
    behind = loopback()
    await web.SockSite(runner, behind).start()
    with loopback() as unused:
        dead_port = unused.getsockname()[1]
    alive = KnownService("default", "alive", "127.0.0.1", (Port(behind.getsockname()[1]),))
    dead = KnownService("default", "dead", "127.0.0.1", (Port(dead_port),))
    front, listener = FrontDoor(Fixed(alive, dead)), loopback()
    port = listener.getsockname()[1]
    await front.start(listener)
    yield f"http://127.0.0.1:{port}"
    await front.stop()
    await runner.cleanup()


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield session


async def test_a_request_arrives_with_its_method_body_and_headers(door, client) -> None:
    async with client.put(f"{door}/default/alive/x", data=b"12345", headers={"X-Mine": "yes"}) as response:
        got = await response.json()
    assert (got["method"], got["size"], got["headers"]["x-mine"]) == ("PUT", 5, "yes")
    assert got["headers"]["content-length"] == "5"


async def test_chunks_pass_in_both_directions_before_either_body_ends(door, client) -> None:
    more = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        await more.wait()
        yield b"two"

    async with client.post(f"{door}/default/alive/stream", data=body()) as response:
        assert response.headers["X-Kind"] == "stream"
        assert await response.content.readany() == b"ONE"
        more.set()
        assert await response.content.read() == b"TWO"


async def test_an_answer_that_breaks_off_breaks_off_here_too(door, client) -> None:
    async with client.get(f"{door}/default/alive/broken") as response:
        assert response.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


async def test_redirects_and_packed_bodies_are_the_clients_business(door, client) -> None:
    async with client.get(f"{door}/default/alive/redirect", allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (307, "/elsewhere")
    async with client.get(f"{door}/default/alive/packed") as response:
        assert await response.read() == b"\x1f\x8b not unpacked"
        assert response.headers["Content-Encoding"] == "gzip"


async def test_a_service_without_anyone_listening_is_a_bad_gateway_that_says_where_to_look(
    door, client
) -> None:
    async with client.get(f"{door}/default/dead/x") as response:
        message = (await response.json())["error"]["message"]
    assert response.status == 502
    assert "service default/dead" in message
    assert "kubectl -n default get endpointslices -l kubernetes.io/service-name=dead" in message


async def test_an_unknown_service_is_not_found_and_the_known_ones_are_named(door, client) -> None:
    async with client.get(f"{door}/default/nobody/x") as response:
        assert response.status == 404
        error = (await response.json())["error"]
    assert error == {
        "code": 404,
        "message": "no service 'nobody' in namespace 'default'; "
        "known services: /default/alive, /default/dead",
    }
