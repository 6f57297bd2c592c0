"""The program as it runs: commands, ports, draining on SIGTERM, the sidecar's metrics."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hyperpod_inference.router.app import Listen, Router
from hyperpod_inference.router.discovery import Fixed
from hyperpod_inference.router.main import main

Running = tuple[asyncio.subprocess.Process, int, int]


@asynccontextmanager
async def program(
    *arguments: str, **environ: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, int, int]]:
    """`hyperpod-router` on free ports: the process, its traffic port and its admin port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from hyperpod_inference.router.main import main; main()", *arguments,
        stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env={**os.environ, **environ},
    )  # fmt: skip
    try:
        assert process.stderr
        async with asyncio.timeout(30):
            line = (await process.stderr.readline()).decode()
        ports = re.search(r"listening on [^ ]+:(\d+), probes and metrics on :(\d+)", line)
        assert ports, line
        yield process, int(ports[1]), int(ports[2])
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def get(port: int, path: str) -> str:
    """The body of an answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    async with asyncio.timeout(10):
        answer = (await reader.read(-1)).decode()
    writer.close()
    return answer


async def test_sigterm_lets_the_answer_under_way_end_and_then_the_process(bench: Any) -> None:
    go = asyncio.Event()

    async def wait(asked: Any, writer: asyncio.StreamWriter) -> None:
        await go.wait()
        writer.write(bench.OK)

    server = await bench.server(wait)
    settings = ["--port", "0", "--admin-port", "0", "--drain-delay", "0", "--replica", str(server.address)]
    async with program("serve", *settings) as (process, port, admin):
        assert "200 OK" in await get(admin, "/readyz")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        idle, idler = await asyncio.open_connection("127.0.0.1", port)
        writer.write(bench.post(close=False))
        await bench.until(lambda: len(server.asked) == 1)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await idle.read() == b""
            assert "503" in await get(admin, "/readyz")
            go.set()
            answer = await reader.read()
            assert answer.startswith(b"HTTP/1.1 200")
            assert b"connection: close" in answer
            assert await process.wait() == 0
        writer.close()
        idler.close()


async def test_the_sidecar_serves_awss_metrics_with_its_labels(bench: Any) -> None:
    server = await bench.server()
    arguments = [
        "--port",
        "0",
        "--metrics-port",
        "0",
        "--drain-delay",
        "0",
        "--upstream",
        str(server.address),
    ]
    async with program("sidecar", *arguments, MODEL_LABEL_MODEL_NAME="qwen") as (_, port, metrics):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(bench.post())
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()
        text = await get(metrics, "/metrics")
    for name in ("model_invocations_total", "model_errors_total", "model_concurrent_requests"):
        assert re.search(rf"^{name}{{.*model_name=\"qwen\".*}} \d", text, re.M), name
    for name in ("model_latency_milliseconds", "model_ttfb_milliseconds"):
        assert re.search(rf"^{name}_bucket{{.*le=\"5\".*}} \d", text, re.M), name
        assert re.search(rf"^{name}_count{{.*metric_source=\"reverse-proxy\".*}} 1", text, re.M), name


async def test_the_routers_own_metrics_tell_decisions_by_reason(bench: Any) -> None:
    router = await bench.router(await bench.server(), strategy="kvaware")
    await bench.ask(router, bench.post(b'{"prompt": "%b"}' % (b"a" * 1000)))
    text = (await bench.admin(router, "/metrics")).body.decode()
    assert 'router_decisions_total{reason="kv_fallback"} 1.0' in text
    assert 'router_requests_total{code="200",path="/v1/completions"} 1.0' in text
    assert "router_ttfb_seconds_count 1.0" in text
    assert "router_prompt_blocks_total 3.0" in text


async def test_the_admin_port_answers_nothing_else(bench: Any) -> None:
    router = await bench.router(await bench.server())
    assert (await bench.admin(router, "/healthz")).status == 200
    assert (await bench.admin(router, "/other")).status == 404


async def test_not_ready_before_the_replicas_are_known(bench: Any) -> None:
    router = await bench.router(await bench.server())
    router.proxy.replicas.synced = False
    assert (await bench.admin(router, "/readyz")).status == 503


def test_explain_says_which_and_why(tmp_path: Path) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": "word " * 200}]})
    (tmp_path / "a.json").write_text(body)
    replicas = ["--replica", "10.0.0.1:8000", "--replica", "10.0.0.2:8000"]
    file = str(tmp_path / "a.json")
    result = CliRunner().invoke(main, ["explain", file, *replicas, "--after", file])
    assert result.exit_code == 0, result.output
    chosen, verdict = (
        re.search(r"^-> (\S+)  holds 4 of 4 blocks", result.output, re.M),
        result.output.splitlines()[-1],
    )
    assert chosen
    assert verdict.startswith(f"prefixaware chooses {chosen[1]}: it holds the beginning of this prompt")
    loaded = CliRunner().invoke(
        main, ["explain", file, *replicas, "--after", file, "--pending", chosen[1], "900"]
    )
    assert "(balance)" in loaded.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serve"], "exactly one of --replica, --replicas-file, --service"),
        (["serve", "--replica", "nonsense"], "got 'nonsense', expected HOST:PORT"),
        (["serve", "--service", "name"], "expected NAMESPACE/NAME"),
        (["sidecar", "--upstream", "a:0"], "got 'a:0', expected HOST:PORT"),
    ],
)
def test_a_wrong_command_says_what_is_expected(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert said in result.output


async def test_discovery_that_fails_ends_the_process_loudly(bench: Any) -> None:
    class Broken(Fixed):
        async def run(self, update: Any) -> None:
            raise RuntimeError("no cluster")

    ready = await bench.router(await bench.server())
    router = Router(
        ready.proxy.settings,
        Listen("127.0.0.1", 0, 0),
        Broken([]),
        collector=ready._collector,
        log=ready._log,
    )
    with pytest.raises(RuntimeError, match="no cluster"):
        async with router:
            await router.run_until(asyncio.Event())
