"""The front door: HTTP on the host, one path prefix per Service of the cluster.

`/NAMESPACE/SERVICE[:PORT]/REST` becomes `/REST` on that Service's ClusterIP. Bodies stream through in both
directions, untouched. `supervisor` serves it on a listener of the host; Services come from `services`.
"""

import socket
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from yarl import URL

from hyperpod_inference.local.inside.services import Directory, KnownService, Port
from hyperpod_inference.local.passing import passed_on

_USAGE = "use /NAMESPACE/SERVICE[:PORT]/PATH"


class RefusalError(Exception):
    """A request that cannot be passed on: the status to answer and why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes."""

    service: KnownService
    port: Port
    rest: str

    @property
    def url(self) -> URL:
        """The URL inside the cluster, the path exactly as the client wrote it."""
        origin = f"{self.port.scheme}://{self.service.address}:{self.port.number}"
        return URL(f"{origin}/{self.rest}", encoded=True)


def route(path: str, services: tuple[KnownService, ...]) -> Target:
    """The target of a raw path with its query, or a RefusalError that names what there is."""
    location, question, query = path.partition("?")
    namespace, _, after = location.lstrip("/").partition("/")
    label, _, rest = after.partition("/")
    name, _, wanted = label.partition(":")
    known = ", ".join(f"/{one.namespace}/{one.name}" for one in services) or "none"
    if not name:
        raise RefusalError(404, f"no service in {location!r}: {_USAGE}; known services: {known}")
    service = next((one for one in services if (one.namespace, one.name) == (namespace, name)), None)
    if service is None:
        raise RefusalError(404, f"no service {name!r} in namespace {namespace!r}; known services: {known}")
    port = service.port(wanted)
    if port is None:
        ports = ", ".join(" ".join(filter(None, (str(one.number), one.name))) for one in service.ports)
        raise RefusalError(404, f"service {namespace}/{name} has no port {wanted!r}; its ports: {ports}")
    return Target(service, port, rest + question + query)


class FrontDoor:
    """An HTTP server that passes requests on to Services."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._session: aiohttp.ClientSession | None = None
        self._runner = web.ServerRunner(web.Server(self._handle, access_log=None))

    async def start(self, listener: socket.socket) -> None:
        """Serve on an open listener."""
        self._session = aiohttp.ClientSession(
            # A Service's certificate names the Service's host, not its address: encryption without a name
            # check. A connection for each request: one that is kept stays with its pod, and breaks with it.
            connector=aiohttp.TCPConnector(ssl=False, limit=0, force_close=True),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()

    async def stop(self) -> None:
        """Close the listener and every connection."""
        await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            target = route(request.raw_path, await self._directory.services())
            return await self._pass_on(request, target)
        except RefusalError as refusal:
            return _answer(refusal.status, str(refusal))
        except (aiohttp.ClientError, TimeoutError) as error:
            return _answer(
                502, f"the API server does not answer: {error}; see `hyperpod-inference local status`"
            )

    async def _pass_on(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        if self._session is None:
            raise RefusalError(503, "the front door is closing")
        headers = passed_on(request.headers, "host")
        body = request.content if request.body_exists else None
        try:
            upstream = await self._session.request(
                request.method, target.url, headers=headers, data=body, allow_redirects=False
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise RefusalError(502, _unreachable(target, error)) from error
        async with upstream:
            return await _stream(request, upstream)


async def _stream(request: web.BaseRequest, upstream: aiohttp.ClientResponse) -> web.StreamResponse:
    response = web.StreamResponse(
        status=upstream.status, reason=upstream.reason, headers=passed_on(upstream.headers)
    )
    await response.prepare(request)
    try:
        async for chunk in upstream.content.iter_any():
            await response.write(chunk)
        await response.write_eof()
    except (TimeoutError, aiohttp.ClientError):
        # The status is sent: only a connection that breaks off can still tell the client.
        if request.transport is not None:
            request.transport.abort()
    return response


def _unreachable(target: Target, error: Exception) -> str:
    service = target.service
    return (
        f"service {service.namespace}/{service.name} ({service.address}:{target.port.number}) does not "
        f"answer: {error or type(error).__name__}; has it ready pods? "
        f"kubectl -n {service.namespace} get endpointslices -l kubernetes.io/service-name={service.name}"
    )


def _answer(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"code": status, "message": message}}, status=status)
