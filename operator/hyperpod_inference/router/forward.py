"""`hyperpod-router forward`: what runs behind a SageMaker endpoint, and hands invocations to the cluster.

SageMaker starts a container with `serve` and calls `/ping` and `/invocations` on port 8080; where to go, the
environment of its model says. The load balancer is trusted by the authority that the operator published in
S3, which is read again when it is not enough any more: it may have been renewed.
"""

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

import aiohttp
import click
from aiohttp import web
from aiohttp.abc import AbstractResolver

from hyperpod_inference.api import names
from hyperpod_inference.router.heads import HOP_BY_HOP

logger = logging.getLogger(__name__)

Load = Callable[[str], bytes]
"""The PEM bytes at an s3:// URI. Blocks."""
LARGEST = 32 * 1024 * 1024
SECONDS = 3600.0
"""SageMaker ends a call long before."""
_HOP = frozenset(name.decode() for name in HOP_BY_HOP) - {"x-request-id"}
_NOT_ASKED = _HOP | {"host", "content-encoding"}  # what came packed, the server has unpacked


@dataclass(frozen=True, slots=True)
class Target:
    """Where calls go. trust: s3:// URIs of PEM files; server_name: to expect instead of the URL's host."""

    url: str
    trust: tuple[str, ...] = ()
    server_name: str = ""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Target | None":
        """What a model's environment says; None when it says nothing."""
        url = environment.get(names.FORWARD_TO, "")
        trust = tuple(environment.get(names.FORWARD_TRUST, "").split())
        return cls(url, trust, environment.get(names.FORWARD_NAME, "")) if url else None


class Forwarder:
    """Calls one target. `resolver` finds its host otherwise than by DNS."""

    def __init__(self, target: Target, load: Load, resolver: AbstractResolver | None = None) -> None:
        self._target, self._load, self._resolver = target, load, resolver
        self._context: ssl.SSLContext | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Forwarder":
        timeout = aiohttp.ClientTimeout(total=SECONDS, connect=10)
        connector = aiohttp.TCPConnector(resolver=self._resolver, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False)
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def trust(self) -> ssl.SSLContext:
        """Whom to trust: the system's authorities, and those of the files."""
        if self._context is None:
            pems = [await asyncio.to_thread(self._load, uri) for uri in self._target.trust]
            context = ssl.create_default_context()
            for pem in pems:
                context.load_verify_locations(cadata=pem.decode())
            self._context = context
        return self._context

    async def call(self, body: bytes, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        """POST to the target. Raises aiohttp.ClientError."""
        try:
            return await self._call(body, headers)
        except aiohttp.ClientConnectorCertificateError as error:
            if self._context is None:
                raise
            logger.info("whom to trust is read again: %s", error)
            self._context = None
            return await self._call(body, headers)

    async def _call(self, body: bytes, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        assert self._session is not None  # noqa: S101 - inside its context
        kept = {name: value for name, value in headers.items() if name.lower() not in _NOT_ASKED}
        secure = self._target.url.startswith("https:")
        return await self._session.post(
            self._target.url,
            data=body,
            headers=kept,
            skip_auto_headers=("Accept-Encoding",),  # the answer is handed on as it comes
            ssl=await self.trust() if secure else True,
            server_hostname=self._target.server_name or None,
        )


def application(forwarder: Forwarder) -> web.Application:
    """The two paths of a SageMaker container."""

    async def ping(_: web.Request) -> web.Response:
        await forwarder.trust()
        return web.Response()

    async def invocations(request: web.Request) -> web.StreamResponse:
        try:
            answer = await forwarder.call(await request.read(), request.headers)
        except (aiohttp.ClientError, TimeoutError) as error:
            logger.warning("the load balancer cannot be reached: %s", error)
            words = json.dumps({"error": f"the load balancer cannot be reached: {error}"})
            return web.Response(status=502, text=words, content_type="application/json")
        async with answer:
            passed = {key: value for key, value in answer.headers.items() if key.lower() not in _HOP}
            response = web.StreamResponse(status=answer.status, headers=passed)
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response

    async def around(_app: web.Application) -> AsyncIterator[None]:
        async with forwarder:
            yield

    made = web.Application(client_max_size=LARGEST)
    made.router.add_get("/ping", ping)
    made.router.add_post("/invocations", invocations)
    made.cleanup_ctx.append(around)
    return made


def from_s3(uri: str) -> bytes:
    """The bytes of an object; raises CloudError, FileNotFoundError."""
    from hyperpod_inference.cloud.s3 import S3, split_uri  # here: the router does without the AWS client
    from hyperpod_inference.cloud.session import Session

    bucket, key = split_uri(uri)
    found = S3(Session()).get(bucket, key)
    if found is None:
        raise FileNotFoundError(f"there is no {uri}")
    return found


@click.command()
@click.option("--host", default="0.0.0.0", show_default=True, help="Address to listen on.")  # noqa: S104 - as SageMaker calls it
@click.option("--port", type=int, default=names.ROUTER_PORT, show_default=True)
@click.option("--to", "url", envvar=names.FORWARD_TO, required=True, help="URL that invocations are sent to.")
@click.option(
    "--trust", envvar=names.FORWARD_TRUST, multiple=True, metavar="s3://BUCKET/KEY",
    help="PEM file of an authority to trust, beside the system's.",
)  # fmt: skip
@click.option("--server-name", envvar=names.FORWARD_NAME, default="", help="To expect in the certificate.")
def forward(host: str, port: int, url: str, trust: tuple[str, ...], server_name: str) -> None:
    """Run behind a SageMaker endpoint: hand POST /invocations to the cluster's load balancer."""
    run_forwarder(host, port, Target(url, trust, server_name))


def run_forwarder(host: str, port: int, target: Target) -> None:
    """Serve until SIGTERM."""
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logger.info("forwarding :%d/invocations to %s", port, target.url)
    made = application(Forwarder(target, from_s3))
    web.run_app(made, host=host, port=port, print=None, access_log=None)
