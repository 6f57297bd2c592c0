"""Load balancers on loopback sockets: real TLS, real targets, and an S3 that is a dictionary."""

import asyncio
import gzip
import shlex
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from hyperpod_inference.local.agent.endpoints import Address
from hyperpod_inference.local.alb import proxy
from hyperpod_inference.local.alb.access_log import FIELDS, Place
from hyperpod_inference.local.alb.annotations import Health, Settings
from hyperpod_inference.local.alb.elb import Deployed
from hyperpod_inference.local.alb.front import Front
from hyperpod_inference.local.alb.health import TargetGroup
from hyperpod_inference.local.alb.logs import AccessLogs
from hyperpod_inference.local.alb.proxy import Balancer
from hyperpod_inference.local.alb.tls import Material, Presented
from hyperpod_inference.local.alb.wanted import Backend, Rule, Wanted
from hyperpod_inference.webhook.authority import new_authority, sign

REGION = "us-west-2"
BACKEND = Backend("chat", 80)
CERTIFICATE = f"arn:aws:acm:{REGION}:111122223333:certificate/0000"
SECURE = Settings(listeners=((443, "HTTPS"),), certificates=(CERTIFICATE,), health=Health(interval=3600))
PLAIN = Settings(health=Health(interval=3600))
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Acm:
    """Certificates of one authority, by ARN."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)
        self.authority = new_authority("test", self.now)
        self.held: dict[str, Material] = {}
        self.issue(CERTIFICATE)

    def issue(self, arn: str, *names: str) -> None:
        """Import a new certificate under an ARN."""
        leaf = sign(self.authority, [*names, f"*.{REGION}.elb.amazonaws.com"], self.now, timedelta(days=1))
        self.held[arn] = Material(leaf.certificate, self.authority.certificates, leaf.key)

    def trusting(self) -> ssl.SSLContext:
        """What a client trusts that has the authority."""
        return ssl.create_default_context(cadata=self.authority.certificates.decode())


class Rig:
    """A front with balancers, and clients whose DNS leads to it."""

    def __init__(self, calls: aiohttp.ClientSession) -> None:
        self.acm, self.calls = Acm(), calls
        self.balancers: list[Balancer] = []
        self.front = Front(lambda: self.balancers)
        self.objects: dict[str, bytes] = {}
        self.port = 0
        self.certificate, self.plain, self.secure = CERTIFICATE, PLAIN, SECURE

    def balancer(self, name: str, *targets: Address, settings: Settings = SECURE) -> Balancer:
        """One at work, with access logs that are written when it is closed."""
        arn = f"arn:aws:elasticloadbalancing:{REGION}:111122223333:loadbalancer/app/{name}/0123456789abcdef"
        group = TargetGroup(
            arn.replace("loadbalancer/app", "targetgroup"), settings.health, settings.algorithm, self.calls
        )
        group.register(targets)
        rules = (Rule("", "/v1", "Prefix", BACKEND),)
        logs = AccessLogs(Place("captures", "", arn), self._put, address="127.0.0.1", seconds=3600.0)
        made = Balancer(
            Wanted("default", name, name, settings, rules),
            Deployed(arn, f"{name}.{REGION}.elb.amazonaws.com", {BACKEND: group.arn}),
            {BACKEND: group},
            self.calls,
            presented=Presented(settings.certificates[0], "", self.acm.held.get)
            if settings.certificates
            else None,
            logs=logs,
        )
        self.balancers.append(made)
        return made

    def _put(self, bucket: str, key: str, content: bytes) -> None:
        self.objects[key] = content

    def client(self) -> aiohttp.ClientSession:
        """A client that trusts the authority, and finds every name here."""
        connector = aiohttp.TCPConnector(resolver=_Here(self.port), ssl=self.acm.trusting(), force_close=True)
        return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60))

    async def logged(self, balancer: Balancer) -> list[dict[str, str]]:
        """What its access log says, once it is closed."""
        await balancer.close()
        lines = [
            each
            for content in self.objects.values()
            for each in gzip.decompress(content).decode().splitlines()
        ]
        return [_fields(each) for each in lines]


def _fields(line: str) -> dict[str, str]:
    return dict(zip(FIELDS, shlex.split(line), strict=True))


class _Here(AbstractResolver):
    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        found = {"hostname": host, "host": "127.0.0.1", "port": self._port}
        return [ResolveResult(**found, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is kept."""


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with proxy.session() as calls:
        made = Rig(calls)
        made.port = await made.front.start("127.0.0.1")
        yield made
        await made.front.stop()
        await asyncio.gather(*(each.close() for each in made.balancers))


@pytest.fixture
async def serving() -> AsyncIterator[Callable[[Handler], Awaitable[Address]]]:
    """Starts a target that answers everything with a handler, its health check at `/` too."""
    runners: list[web.AppRunner] = []

    async def start(handler: Handler) -> Address:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", handler)
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        runners.append(runner)
        return "127.0.0.1", int(runner.addresses[0][1])

    yield start
    for runner in runners:
        await runner.cleanup()
