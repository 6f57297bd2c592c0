"""HTTPS: the two paths, and certificates that change while requests go on."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from hyperpod_inference.controllers.serving import serving
from hyperpod_inference.webhook.certificates import Material, issued, renewed
from hyperpod_inference.webhook.server import application
from hyperpod_inference.webhook.tls import ServingContext

Clock = Any


@pytest.fixture
def tls() -> ServingContext:
    return ServingContext()


@pytest.fixture
async def port(tls: ServingContext) -> AsyncIterator[int]:
    async with serving(application(), "127.0.0.1", 0, tls.context) as listening:
        yield listening


@pytest.fixture
def material(clock: Clock) -> Material:
    return issued(["localhost"], clock())


def trusting(material: Material) -> ssl.SSLContext:
    # The clock of the test is not that of OpenSSL, so only the chain is checked, at any time.
    context = ssl.create_default_context(cadata=material.authorities.decode())
    context.verify_flags |= ssl.VerifyFlags(0x200000)  # X509_V_FLAG_NO_CHECK_TIME
    return context


async def post(port: int, trust: ssl.SSLContext, path: str, data: str) -> tuple[int, Any]:
    """A request on a connection of its own."""
    connector = aiohttp.TCPConnector(ssl=trust, force_close=True)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.post(f"https://localhost:{port}{path}", data=data) as response,
    ):
        return response.status, await response.text()


async def test_a_review_is_answered_and_anything_else_refused(
    port: int, tls: ServingContext, material: Material
) -> None:
    tls.load(material)
    review = '{"kind": "ConversionReview", "apiVersion": "v1", "request": {"uid": "7", "objects": [], '
    review += '"desiredAPIVersion": "v1"}}'
    status, text = await post(port, trusting(material), "/convert", review)
    assert (status, '"uid": "7"' in text) == (200, True)
    for wrong in ("{", "{}"):
        assert (await post(port, trusting(material), "/convert", wrong))[0] == 400
        assert (await post(port, trusting(material), "/validate", wrong))[0] == 400
    assert (await post(port, trusting(material), "/other", "{}"))[0] == 404


async def test_there_is_no_answer_before_there_is_a_certificate(port: int, material: Material) -> None:
    with pytest.raises(aiohttp.ClientConnectorError):
        await post(port, trusting(material), "/convert", "{}")


async def test_no_request_is_lost_while_certificates_and_authorities_are_replaced(
    port: int, tls: ServingContext, material: Material, clock: Clock
) -> None:
    tls.load(material)
    trust, answers, done = trusting(material), [], asyncio.Event()
    served = {material.certificate}

    async def ask() -> None:
        while not done.is_set():
            answers.append((await post(port, trust, "/convert", "{}"))[0])

    asking = [asyncio.create_task(ask()) for _ in range(4)]
    for _ in range(12):
        clock.forward(days=300)
        for _ in range(2):
            material = renewed(material, ["localhost"], clock())
            trust = trusting(material)  # as the API server hears of it, before the certificate is used
            tls.load(material)
            served.add(material.certificate)
            clock.forward(minutes=20)
            answers.append((await post(port, trust, "/convert", "{}"))[0])
    done.set()
    await asyncio.gather(*asking)
    assert len(served) > 12
    assert set(answers) == {400}, "every request was answered"


async def test_loading_the_same_certificate_again_changes_nothing(
    tls: ServingContext, material: Material
) -> None:
    assert not tls.is_loaded
    assert tls.load(material)
    assert not tls.load(material)
    assert tls.is_loaded
