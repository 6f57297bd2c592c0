"""The kubelet's HTTPS endpoint of every node: `kubectl logs` ends up here.

The API server connects to the node's address and port and proves itself with a client certificate. Logs, the
pod list and health are served; what needs a terminal (exec, attach, port-forward) is refused with a reason.
"""

import ssl
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web

from hyperpod_inference.local.agent import logs
from hyperpod_inference.local.agent.manager import Manager
from hyperpod_inference.local.nodes import KUBELET_PORT, LocalNode

_REFUSED = ("exec", "attach", "portForward", "run", "checkpoint", "stats", "metrics")


class BadQuery(ValueError):  # noqa: N818 - what the client sent
    """A log option is not what it should be; the text says which and what is allowed."""


def parse_query(raw: Mapping[str, str], now: datetime) -> logs.Query:
    """The log options of a request.

    Raises:
        BadQuery: an option is not of its type.
    """
    since = None
    if raw.get("sinceSeconds"):
        since = now - timedelta(seconds=_number(raw, "sinceSeconds") or 0)
    elif raw.get("sinceTime"):
        since = _time(raw["sinceTime"])
    return logs.Query(
        tail_lines=_number(raw, "tailLines"),
        since=since,
        limit_bytes=_number(raw, "limitBytes"),
        timestamps=_flag(raw, "timestamps"),
        follow=_flag(raw, "follow"),
    )


def _number(raw: Mapping[str, str], key: str) -> int | None:
    text = raw.get(key)
    if not text:
        return None
    if not text.isdigit():
        raise BadQuery(f"{key}={text!r}: expected a whole number, zero or more")
    return int(text)


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise BadQuery(f"sinceTime={text!r}: expected a time such as 2026-01-02T03:04:05Z") from None


def _flag(raw: Mapping[str, str], key: str) -> bool:
    text = raw.get(key, "").lower()
    if text not in ("", "true", "false", "1", "0"):
        raise BadQuery(f"{key}={text!r}: expected true or false")
    return text in ("true", "1")


class KubeletApi:
    """The endpoint's handlers; the same for every node, since pods are found by name."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager

    def application(self) -> web.Application:
        """The routes."""
        app = web.Application()
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/pods", self._pods)
        app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", self._logs)
        for word in _REFUSED:
            app.router.add_route("*", f"/{word}{{rest:.*}}", self._refuse)
        return app

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _pods(self, _: web.Request) -> web.Response:
        return web.json_response({"kind": "PodList", "apiVersion": "v1", "items": self._manager.store.list()})

    async def _refuse(self, request: web.Request) -> web.Response:
        word = request.path.strip("/").split("/")[0]
        text = f"local nodes run containers as plain processes and do not offer {word}; logs are available\n"
        return web.Response(status=501, text=text)

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        namespace, name, container = (request.match_info[key] for key in ("namespace", "pod", "container"))
        try:
            query = parse_query(request.query, datetime.now(UTC))
            previous = _flag(request.query, "previous")
        except BadQuery as error:
            return web.Response(status=400, text=f"{error}\n")
        worker = self._manager.worker(namespace, name)
        runner = worker.runners.get(container) if worker else None
        if runner is None:
            return web.Response(
                status=404, text=f"no container {container!r} in pod {namespace}/{name} here\n"
            )
        log = runner.log(previous)
        if log is None:
            which = "previous terminated" if previous else "running"
            text = f'{which} container "{container}" in pod "{name}" not found\n'
            return web.Response(status=400, text=text)
        return await _stream(request, log, query)


async def _stream(request: web.Request, log: logs.Log, query: logs.Query) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    async for chunk in logs.read(log, query):
        await response.write(chunk)
    await response.write_eof()
    return response


def tls(pki: Path) -> ssl.SSLContext:
    """Serve with the nodes' certificate, and only to clients that the cluster's CA signed."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pki / "ca.crt"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(pki / "kubelet-serving.crt", pki / "kubelet-serving.key")
    return context


async def serve(stack: AsyncExitStack, manager: Manager, nodes: Iterable[LocalNode], pki: Path) -> None:
    """Listen on every node's address until the stack is closed."""
    runner = web.AppRunner(
        KubeletApi(manager).application(), access_log=None, shutdown_timeout=0.5, handler_cancellation=True
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    context = tls(pki)
    for node in nodes:
        await web.TCPSite(runner, node.address, KUBELET_PORT, ssl_context=context).start()
