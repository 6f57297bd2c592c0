"""The HTTP face of the local engine: passes the OpenAI API through, adds /ping, /invocations, vLLM's metrics.

Bodies are not parsed, except for /invocations, whose meaning depends on them.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp import web

MAX_BODY = 64 * 1024 * 1024
_HOP_BY_HOP = frozenset(("connection", "keep-alive", "transfer-encoding", "host", "content-length", "server"))
_VLLM_NAMES = {
    "llamacpp:requests_processing": ("vllm:num_requests_running", "gauge"),
    "llamacpp:requests_deferred": ("vllm:num_requests_waiting", "gauge"),
    "llamacpp:prompt_tokens_total": ("vllm:prompt_tokens_total", "counter"),
    "llamacpp:tokens_predicted_total": ("vllm:generation_tokens_total", "counter"),
}


def vllm_metrics(text: str, model: str) -> str:
    """llama.cpp's metrics, followed by those that vLLM has too, under its names and labels."""
    lines = [text.rstrip("\n")]
    labels = f'{{engine="0",model_name="{model}"}}'
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name in _VLLM_NAMES:
            theirs, kind = _VLLM_NAMES[name]
            lines += [f"# TYPE {theirs} {kind}", f"{theirs}{labels} {value}"]
    return "\n".join(lines) + "\n"


def invocation_path(body: bytes) -> str:
    """Where a SageMaker invocation goes: chat if it has messages, else completion.

    Raises:
        ValueError: it is neither; the text says what is expected.
    """
    try:
        parsed = json.loads(body)
    except ValueError as error:
        raise ValueError(f"the body is not JSON: {error}") from None
    if isinstance(parsed, dict) and "messages" in parsed:
        return "/v1/chat/completions"
    if isinstance(parsed, dict) and "prompt" in parsed:
        return "/v1/completions"
    raise ValueError("the body has neither 'messages' nor 'prompt'")


class Front:
    """Handlers around one engine on a Unix socket."""

    def __init__(self, engine: aiohttp.ClientSession, model: str) -> None:
        self._engine, self._model = engine, model

    def application(self) -> web.Application:
        """The routes."""
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_get("/ping", self._ping)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_post("/invocations", self._invocations)
        app.router.add_route("*", "/{path:.*}", self._pass)
        return app

    async def _ping(self, _: web.Request) -> web.Response:
        async with self._engine.get("http://engine/health") as answer:
            return web.Response(status=answer.status)

    async def _metrics(self, _: web.Request) -> web.Response:
        async with self._engine.get("http://engine/metrics") as answer:
            text = vllm_metrics(await answer.text(), self._model)
        return web.Response(text=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    async def _invocations(self, request: web.Request) -> web.StreamResponse:
        try:
            path = invocation_path(await request.read())
        except ValueError as error:
            return web.json_response({"error": {"message": str(error), "code": 400}}, status=400)
        return await self._forward(request, path)

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        return await self._forward(request, request.raw_path)

    async def _forward(self, request: web.Request, path: str) -> web.StreamResponse:
        body = await request.read() or None
        headers = {key: value for key, value in request.headers.items() if key.lower() not in _HOP_BY_HOP}
        async with self._engine.request(
            request.method, f"http://engine{path}", data=body, headers=headers
        ) as answer:
            kept = {key: value for key, value in answer.headers.items() if key.lower() not in _HOP_BY_HOP}
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response


@asynccontextmanager
async def running(address: str, port: int, socket: Path, model: str) -> AsyncIterator[None]:
    """Listen on address:port in front of the engine while the block runs."""
    timeout = aiohttp.ClientTimeout(total=None)
    connector = aiohttp.UnixConnector(path=str(socket), limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as engine:
        runner = web.AppRunner(
            Front(engine, model).application(),
            access_log=None,
            shutdown_timeout=1.0,
            handler_cancellation=True,
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, address, port, backlog=512).start()
            yield
        finally:
            await runner.cleanup()
