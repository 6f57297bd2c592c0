"""The HTTP around the reviews: `/convert` and `/validate`."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from hyperpod_inference.api import names
from hyperpod_inference.webhook.reviews import BadReview, admitted, converted

MAX_BODY = 16 * 1024**2
"""Bytes of one request: a review of several of the largest objects that etcd takes."""
Answer = Callable[[Mapping[str, Any]], dict[str, Any]]


def application() -> web.Application:
    """The two paths. A body that is no review gets 400; a fault of ours 500 and a traceback in the log."""
    served = web.Application(client_max_size=MAX_BODY)
    served.router.add_post(names.CONVERT_PATH, _handler(converted))
    served.router.add_post(names.VALIDATE_PATH, _handler(admitted))
    return served


def _handler(answer: Answer) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            return web.json_response(answer(await request.json()))
        except (BadReview, json.JSONDecodeError) as error:
            return web.Response(status=400, text=f"{error}\n")

    return handle
