"""Health and metrics over HTTP."""

import aiohttp
import pytest

from hyperpod_inference.controllers.serving import CannotListen, exposition, health, serving
from hyperpod_inference.kube.metrics import Metrics


async def get(port: int, path: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{path}") as response,
    ):
        return response.status, await response.text()


@pytest.mark.parametrize(
    ("complaint", "answer"), [(None, (200, "ok\n")), ("waiting for pods", (503, "waiting for pods\n"))]
)
async def test_ready_is_when_nobody_complains(complaint: str | None, answer: tuple[int, str]) -> None:
    async with serving(health(lambda: complaint), "127.0.0.1", 0) as port:
        assert await get(port, "/readyz") == answer
        assert await get(port, "/healthz") == (200, "ok\n")


async def test_metrics_are_exposed_as_text() -> None:
    metrics = Metrics()
    metrics.counted("GET", 200)
    metrics.counted("PATCH", 0)
    async with serving(exposition(metrics), "127.0.0.1", 0) as port:
        status, text = await get(port, "/metrics")
    assert status == 200
    assert 'rest_client_requests_total{code="200",method="GET"} 1.0' in text
    assert 'rest_client_requests_total{code="<error>",method="PATCH"} 1.0' in text
    assert "process_resident_memory_bytes" in text


async def test_a_port_in_use_is_named() -> None:
    async with serving(health(lambda: None), "127.0.0.1", 0) as port:
        with pytest.raises(CannotListen, match=f"cannot listen on 127.0.0.1:{port}"):
            async with serving(health(lambda: None), "127.0.0.1", port):
                pass
