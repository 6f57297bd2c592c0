"""The program over TLS: what passes, what does not, and what is counted."""

import asyncio
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hyperpod_inference.router.options import tls
from hyperpod_inference.webhook.certificates import issued


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A certificate for the name `model`, its key, and who signed it."""
    material = issued(["model"], datetime.now(UTC))
    found = {name: tmp_path / name for name in ("chain", "key", "authority")}
    found["chain"].write_bytes(material.certificate)
    found["key"].write_bytes(material.key)
    found["authority"].write_bytes(material.authorities)
    return found


async def test_a_call_over_tls_is_answered_and_plain_http_is_not(bench: Any, files: dict[str, Path]) -> None:
    router = await bench.router(await bench.server(), tls=tls(files["chain"], files["key"]))
    trusting = ssl.create_default_context(cafile=str(files["authority"]))
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", router.port, ssl=trusting, server_hostname="model"
    )
    writer.write(bench.post())
    async with asyncio.timeout(10):
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
    writer.close()
    assert (await bench.ask(router, bench.post())).status == 0
    assert router.proxy.metrics.invocations == 1
