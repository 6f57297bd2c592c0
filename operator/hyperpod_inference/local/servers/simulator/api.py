"""The HTTP face: OpenAI's completions and chat, streamed or whole, `/tokenize`, models, health, metrics."""

import json
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from aiohttp import web

from hyperpod_inference.local.servers.simulator.engine import Engine
from hyperpod_inference.local.servers.simulator.metrics import exposition
from hyperpod_inference.local.servers.simulator.tokens import BadRequest, prompt_tokens

MAX_BODY = 64 * 1024 * 1024
DEFAULT_TOKENS = 16


class Api:
    """Handlers around one engine; `step` tokens make one chunk of a streamed answer.

    others: whose metric names the page of metrics has beside vLLM's.
    """

    def __init__(self, engine: Engine, model: str, step: int = 1, others: Sequence[str] = ()) -> None:
        self._engine, self._model, self._step, self._others = engine, model, step, others

    def application(self) -> web.Application:
        """The routes."""
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_post("/v1/completions", self._complete)
        app.router.add_post("/invocations", self._complete)
        app.router.add_post("/tokenize", self._tokenize)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/metrics", self._metrics)
        for path in ("/health", "/ping"):
            app.router.add_get(path, self._healthy)
        return app

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        try:
            body = await _json(request)
            tokens = prompt_tokens(body)
            count = _count(body)
        except BadRequest as error:
            return _bad(str(error))
        room = self._engine.cache.capacity * self._engine.cache.block_size
        if len(tokens) > room:
            return _bad(f"the prompt has {len(tokens)} tokens, the cache has room for {room}")
        chat = "messages" in body
        steps = self._engine.run(tokens, count, self._step if body.get("stream") else count)
        if body.get("stream"):
            return await self._stream(request, steps, chat=chat)
        run, done = [step async for step in steps][-1]
        text = "".join(run.words[:done])
        content = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        choice = {"index": 0, "finish_reason": "length", **content}
        usage = {
            "prompt_tokens": len(tokens), "completion_tokens": done, "total_tokens": len(tokens) + done,
            "prompt_tokens_details": {"cached_tokens": run.cached},
        }  # fmt: skip
        kind = "chat.completion" if chat else "text_completion"
        return web.json_response(self._frame(kind, [choice]) | {"usage": usage})

    async def _stream(
        self, request: web.Request, steps: AsyncIterator[tuple[Any, int]], *, chat: bool
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        kind = "chat.completion.chunk" if chat else "text_completion"
        frame, sent = self._frame(kind, []), 0
        async for run, done in steps:
            if not response.prepared:
                await response.prepare(request)
            text = "".join(run.words[sent:done])
            content = {"delta": {"content": text}} if chat else {"text": text}
            end = "length" if done == len(run.words) else None
            frame["choices"] = [{"index": 0, "finish_reason": end, **content}]
            await response.write(b"data: " + json.dumps(frame).encode() + b"\n\n")
            sent = done
        await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        return response

    def _frame(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        made = {"id": f"sim-{uuid.uuid4().hex}", "object": kind, "created": int(time.time())}
        return made | {"model": self._model, "choices": choices}

    async def _tokenize(self, request: web.Request) -> web.Response:
        try:
            tokens = prompt_tokens(await _json(request))
        except BadRequest as error:
            return _bad(str(error))
        room = self._engine.cache.capacity * self._engine.cache.block_size
        return web.json_response({"count": len(tokens), "max_model_len": room, "tokens": tokens})

    async def _models(self, _: web.Request) -> web.Response:
        model = {"id": self._model, "object": "model", "created": 0, "owned_by": "vllm"}
        return web.json_response({"object": "list", "data": [model]})

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(
            body=exposition(self._engine, self._model, self._others),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )

    async def _healthy(self, _: web.Request) -> web.Response:
        return web.Response()


async def _json(request: web.Request) -> Mapping[str, Any]:
    try:
        body = json.loads(await request.read())
    except ValueError as error:
        raise BadRequest(f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise BadRequest(f"the body is {type(body).__name__}, expected an object")
    return body


def _count(body: Mapping[str, Any]) -> int:
    count = body.get("max_completion_tokens") or body.get("max_tokens") or DEFAULT_TOKENS
    if not isinstance(count, int) or not 0 < count <= 1_000_000:
        raise BadRequest(f"max_tokens: got {count!r}, expected 1 to 1000000")
    return count


def _bad(message: str) -> web.Response:
    error = {"message": message, "type": "BadRequestError", "code": 400}
    return web.json_response({"error": error}, status=400)
