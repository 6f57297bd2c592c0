"""One request on its way through a load balancer: what is measured, and told in the end."""

import secrets
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from aiohttp import web

from hyperpod_inference.local.agent.endpoints import Address
from hyperpod_inference.local.alb.access_log import NEVER, Entry

CLIENT_LEFT = 460
"""ALB's status for a client that closed the connection before it had an answer."""
_PORTS = {"https": 443, "http": 80}


class Call:
    """Measures one request. Times by the clock of `time.perf_counter`."""

    def __init__(self, request: web.BaseRequest, *, port: int) -> None:
        self.request, self.port = request, port
        self.created, self._began = datetime.now(UTC), time.perf_counter()
        self.secure = request.transport is not None and request.transport.get_extra_info("cipher") is not None
        self.trace = _trace(request.headers.get("X-Amzn-Trace-Id", ""), self._began)
        self.status = self.target_status = self.priority = self.sent = 0
        self.received = len(request.method) + len(request.raw_path) + 12 + _size(request.raw_headers)
        self.action, self.group = "forward", ""
        self.target: Address | None = None
        self._asked = self._answered = NEVER

    @property
    def client(self) -> tuple[str, int]:
        """Address and port of the client."""
        transport = self.request.transport
        found: Any = transport.get_extra_info("peername") if transport else None
        return (str(found[0]), int(found[1])) if found else ("127.0.0.1", 0)

    def headers(self) -> dict[str, str]:
        """What an ALB adds for the target."""
        before = self.request.headers.get("X-Forwarded-For")
        return {
            "X-Forwarded-For": f"{before}, {self.client[0]}" if before else self.client[0],
            "X-Forwarded-Proto": "https" if self.secure else "http",
            "X-Forwarded-Port": str(self.port),
            "X-Amzn-Trace-Id": self.trace,
        }

    async def body(self) -> AsyncIterator[bytes]:
        """The client's body, counted."""
        async for chunk in self.request.content.iter_any():
            self.received += len(chunk)
            yield chunk

    def asked(self, target: Address) -> None:
        """The request goes to a target now."""
        self.target, self._asked = target, time.perf_counter()

    def answered(self, status: int) -> None:
        """The target has begun to answer."""
        self.target_status, self._answered = status, time.perf_counter()

    def begins(self, status: int, headers: Mapping[str, str]) -> None:
        """The answer to the client begins."""
        self.status = status
        self.sent = 17 + len(_phrase(status)) + sum(len(key) + len(headers[key]) + 4 for key in headers)

    def entry(self, balancer: str, certificate: str, name: str, connection: str) -> Entry:
        """What the access log says of it, now that it is over."""
        over = time.perf_counter()
        answered = self._answered >= 0
        cipher: Any = self.request.transport and self.request.transport.get_extra_info("cipher")
        cipher = cipher or ("", "")
        scheme = "https" if self.secure else "http"
        host = self.request.host.partition(":")[0]
        return Entry(
            ended=self.created + timedelta(seconds=over - self._began),
            created=self.created,
            balancer=balancer,
            client="{}:{}".format(*self.client),
            secure=self.secure,
            method=self.request.method,
            url=f"{scheme}://{host}:{self.port}{self.request.raw_path}",
            status=self.status or CLIENT_LEFT,
            received=self.received,
            sent=self.sent,
            user_agent=self.request.headers.get("User-Agent", ""),
            cipher=cipher[0],
            protocol=cipher[1],
            server_name=name,
            certificate=certificate if self.secure else "",
            trace=self.trace,
            connection=connection,
            priority=self.priority,
            action=self.action,
            group=self.group,
            target="{}:{}".format(*self.target) if self.target else "",
            target_status=self.target_status,
            before_target=self._asked - self._began if answered else NEVER,
            at_target=self._answered - self._asked if answered else NEVER,
            after_target=over - self._answered if answered else NEVER,
        )


def _trace(given: str, clock: float) -> str:
    own = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    return f"Self={own};{given}" if given else f"Root={own}"


def _size(headers: Iterable[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers)


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""
