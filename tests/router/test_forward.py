"""What runs behind a SageMaker endpoint: invocations reach the load balancer, over TLS that it trusts."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from click.testing import CliRunner

from hyperpod_inference.api import names
from hyperpod_inference.controllers.serving import serving
from hyperpod_inference.router import main as command
from hyperpod_inference.router.forward import Forwarder, Target, application
from hyperpod_inference.webhook.certificates import issued

CA = "s3://hyperpod-tls-example/ca.pem"


class Upstream:
    """A load balancer with a certificate for `model`, replaced on demand by one of a new authority."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = 0
        self.calls: list[web.Request] = []
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.renew()

    def renew(self) -> None:
        material = issued(["model"], datetime.now(UTC))
        self.authority = material.authorities
        chain = self._folder / "chain.pem"
        chain.write_bytes(material.certificate + material.key)
        self.tls.load_cert_chain(chain)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.calls.append(request)
        body = await request.read()
        if b"long" in body:
            packed = web.Response(body=body)
            packed.enable_compression()  # if the caller takes it
            return packed
        if b"stream" not in body:
            return web.Response(status=429 if b"busy" in body else 200, body=body, headers={"x-model": "a"})
        response = web.StreamResponse()
        await response.prepare(request)
        for part in (b"one ", b"two"):
            await response.write(part)
        return response


@pytest.fixture
async def upstream(tmp_path: Path) -> AsyncIterator[Upstream]:
    made = Upstream(tmp_path)
    app = web.Application()
    app.router.add_post("/v1/completions", made.answer)
    async with serving(app, "127.0.0.1", 0, made.tls) as port:
        made.port = port
        yield made


@asynccontextmanager
async def forwarding(target: Target, load: Callable[[str], bytes]) -> AsyncIterator[Any]:
    """Calls the container that SageMaker would start: `call(path, data)` gives status, headers and body."""
    async with (
        serving(application(Forwarder(target, load)), "127.0.0.1", 0) as port,
        aiohttp.ClientSession() as session,
    ):

        async def call(method: str, path: str, data: bytes = b"", **more: str) -> tuple[int, Any, bytes]:
            headers = {"X-Amzn-SageMaker-Custom-Attributes": "trace=1"} | more
            url = f"http://127.0.0.1:{port}{path}"
            async with session.request(method, url, data=data, headers=headers) as answer:
                return answer.status, answer.headers, await answer.read()

        yield call


def target(port: int) -> Target:
    return Target(f"https://127.0.0.1:{port}/v1/completions", (CA,), "model")


async def test_invocations_reach_the_load_balancer_with_body_headers_and_answer(upstream: Upstream) -> None:
    async with forwarding(target(upstream.port), lambda _: upstream.authority) as call:
        assert (await call("GET", "/ping"))[0] == 200
        status, headers, body = await call("POST", "/invocations", b'{"a": 1}')
        assert (status, body, headers["x-model"]) == (200, b'{"a": 1}', "a")
        (request,) = upstream.calls
        assert request.path == "/v1/completions"
        assert request.headers["X-Amzn-SageMaker-Custom-Attributes"] == "trace=1"
        assert (await call("POST", "/invocations", b"busy"))[0] == 429
        assert (await call("POST", "/invocations", b"stream"))[2] == b"one two"


@pytest.mark.parametrize(("taken", "packed"), [("gzip", "gzip"), ("identity", None)])
async def test_an_answer_is_packed_for_those_who_take_it_packed(
    upstream: Upstream, taken: str, packed: str | None
) -> None:
    async with forwarding(target(upstream.port), lambda _: upstream.authority) as call:
        asked = {"Accept-Encoding": taken}
        status, headers, body = await call("POST", "/invocations", b"long " * 100, **asked)
        assert (status, body, headers.get("Content-Encoding")) == (200, b"long " * 100, packed)


async def test_a_renewed_authority_is_read_again_and_a_stranger_is_not_trusted(upstream: Upstream) -> None:
    published = [upstream.authority]
    async with forwarding(target(upstream.port), lambda _: published[-1]) as call:
        assert (await call("POST", "/invocations", b"a"))[0] == 200
        upstream.renew()
        async with forwarding(target(upstream.port), lambda _: published[-1]) as other:
            status, _, body = await other("POST", "/invocations", b"a")
            assert status == 502
            assert b"the load balancer cannot be reached" in body
            published.append(upstream.authority)
            assert (await other("POST", "/invocations", b"a"))[0] == 200


async def test_without_what_to_trust_it_is_not_healthy(upstream: Upstream) -> None:
    def nothing(uri: str) -> bytes:
        raise FileNotFoundError(f"there is no {uri}")

    async with forwarding(target(upstream.port), nothing) as call:
        assert (await call("GET", "/ping"))[0] == 500


def test_a_model_of_sagemakers_says_where_to_go_and_serve_goes_there(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {names.FORWARD_TO: "https://lb/x", names.FORWARD_TRUST: f"{CA} s3://b/k"}
    assert Target.of({}) is None
    wanted = Target("https://lb/x", (CA, "s3://b/k"), "")
    assert Target.of(environment) == wanted
    started: list[Any] = []
    monkeypatch.setattr(command, "run_forwarder", lambda *arguments: started.append(arguments))
    ran = CliRunner().invoke(command.main, ["serve"], env=environment)
    assert ran.exit_code == 0, ran.output
    assert started == [("0.0.0.0", 8080, wanted)]  # noqa: S104 - as SageMaker calls it
