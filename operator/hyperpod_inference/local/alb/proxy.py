"""One load balancer at work: each request goes to a target of its rule, and its answer streams back.

Bodies pass untouched in both directions. What an ALB answers by itself (404, 502, 503, 504) is
answered in its words.
"""

import secrets
import weakref
from collections.abc import Mapping
from http import HTTPStatus

import aiohttp
from aiohttp import web
from yarl import URL

from hyperpod_inference.local.agent.endpoints import Address
from hyperpod_inference.local.alb.call import Call
from hyperpod_inference.local.alb.elb import Deployed
from hyperpod_inference.local.alb.health import TargetGroup
from hyperpod_inference.local.alb.logs import AccessLogs
from hyperpod_inference.local.alb.tls import Presented
from hyperpod_inference.local.alb.wanted import Backend, Wanted
from hyperpod_inference.local.passing import passed_on

CONNECT_SECONDS = 10.0
_SERVER = {"Server": "awselb/2.0"}
_PAGE = """<html>\r
<head><title>{0}</title></head>\r
<body>\r
<center><h1>{0}</h1></center>\r
</body>\r
</html>\r
"""
_WORDS = {503: "503 Service Temporarily Unavailable", 504: "504 Gateway Time-out"}


def session() -> aiohttp.ClientSession:
    """For calls of targets: nothing followed, unpacked, kept or verified, as an ALB does not."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=False, limit=0),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )


class Balancer:
    """Serves connections that `front` hands over.

    presented: the certificate; None without an HTTPS listener. logs: None: none are kept.
    """

    def __init__(
        self,
        wanted: Wanted,
        deployed: Deployed,
        groups: Mapping[Backend, TargetGroup],
        calls: aiohttp.ClientSession,
        *,
        presented: Presented | None = None,
        logs: AccessLogs | None = None,
    ) -> None:
        self.wanted, self.deployed, self.groups = wanted, deployed, groups
        self.presented, self.logs, self._calls = presented, logs, calls
        self._connections: weakref.WeakKeyDictionary[object, str] = weakref.WeakKeyDictionary()
        self.server = web.Server(
            self._handle,
            handler_cancellation=True,  # a client that leaves ends the model's work too
            keepalive_timeout=wanted.settings.idle_seconds,
            auto_decompress=False,
            access_log=None,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The names by which clients know it: its own first, then those of its certificate."""
        return (self.deployed.dns_name, *(self.presented.names() if self.presented else ()))

    def port(self, *, secure: bool) -> int | None:
        """The port on which it listens for HTTPS or HTTP; None: it does not."""
        wanted = "HTTPS" if secure else "HTTP"
        return next((port for port, protocol in self.wanted.settings.listeners if protocol == wanted), None)

    async def close(self, drain: float = 1.0) -> None:
        """End it, with the last of its logs. drain: seconds for what is in work."""
        await self.server.shutdown(timeout=drain)
        for group in self.groups.values():
            await group.close()
        if self.logs is not None:
            await self.logs.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        secure = request.transport is not None and request.transport.get_extra_info("cipher") is not None
        call = Call(request, port=self.port(secure=secure) or 0)
        name, connection = self._connection(request)
        try:
            return await self._serve(call)
        finally:
            if self.logs is not None:
                certificate = self.wanted.settings.certificates[:1]
                self.logs.add(call.entry(self.deployed.log_name, "".join(certificate), name, connection))

    async def _serve(self, call: Call) -> web.StreamResponse:
        request = call.request
        chosen = self.wanted.choose(request.host.partition(":")[0], request.rel_url.raw_path)
        if chosen is None:
            call.action = "fixed-response"
            return _own(call, 404, "")
        call.priority, backend = chosen
        group = self.groups[backend]
        call.group = group.arn
        target = group.choose()
        if target is None:
            return _failed(call, 503)
        group.outstanding[target] += 1
        try:
            return await self._pass(call, target)
        finally:
            group.outstanding[target] -= 1

    async def _pass(self, call: Call, target: Address) -> web.StreamResponse:
        request, settings = call.request, self.wanted.settings
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        call.asked(target)
        headers = passed_on(request.headers, "expect")
        headers.update(call.headers())
        idle = settings.idle_seconds
        limit = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=idle)
        origin = f"{settings.backend_protocol.lower()}://{target[0]}:{target[1]}"
        try:
            upstream = await self._calls.request(
                request.method,
                URL(origin + request.raw_path, encoded=True),
                headers=headers,
                data=call.body() if request.body_exists else None,
                allow_redirects=False,
                timeout=limit,
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            )
        except TimeoutError:
            return _failed(call, 504)
        except (aiohttp.ClientError, OSError):
            return _failed(call, 502)
        async with upstream:
            call.answered(upstream.status)
            return await _stream(call, upstream)

    def _connection(self, request: web.BaseRequest) -> tuple[str, str]:
        """The name that the client asked for, and the connection's own id."""
        transport = request.transport
        if transport is None:
            return "", ""
        known = self._connections.setdefault(transport, f"TID_{secrets.token_hex(16)}")
        return getattr(transport.get_extra_info("ssl_object"), "asked_name", None) or "", known


async def _stream(call: Call, upstream: aiohttp.ClientResponse) -> web.StreamResponse:
    response = web.StreamResponse(
        status=upstream.status, reason=upstream.reason, headers=passed_on(upstream.headers)
    )
    call.begins(upstream.status, upstream.headers)
    await response.prepare(call.request)
    try:
        async for chunk in upstream.content.iter_any():
            await response.write(chunk)
            call.sent += len(chunk)
        await response.write_eof()
    except (TimeoutError, aiohttp.ClientError):
        # The status is sent: only a connection that breaks off can still tell the client.
        if call.request.transport is not None:
            call.request.transport.abort()
    return response


def _failed(call: Call, status: int) -> web.Response:
    words = _WORDS.get(status, f"{status} {HTTPStatus(status).phrase}")
    return _own(call, status, _PAGE.format(words), "text/html")


def _own(call: Call, status: int, text: str, content_type: str = "text/plain") -> web.Response:
    response = web.Response(status=status, text=text, content_type=content_type, headers=_SERVER)
    call.begins(status, response.headers)
    call.sent += len(text)
    return response
