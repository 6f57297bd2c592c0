"""Requests to the API server as coroutines: one connection pool, one identity, plain dicts in and out.

Everything above (reflector, lease, apply, controllers, the node agent) talks to the cluster through this.
It never retries by itself: who calls knows whether to wait, give up or requeue, and `ApiError.retry_after`
tells how long the server asked to wait.
"""

import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

import aiohttp

from hyperpod_inference.kube.config import ClusterConfig
from hyperpod_inference.kube.errors import (
    Gone,
    NotFound,
    NotLeading,
    WatchSilent,
)
from hyperpod_inference.kube.resources import Body, Resource, discovered, resource_for
from hyperpod_inference.kube.wire import (
    WatchEvent,
    event,
    lines,
    page_of,
    parsed,
    raise_for_status,
    translated,
)

PAGE_LIMIT = 500
REQUEST_TIMEOUT = 30.0
WATCH_SILENCE = 70.0
"""Seconds without a byte that end a watch: the server sends a bookmark about once a minute."""

JSON = "application/json"
APPLY_PATCH = "application/apply-patch+yaml"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"


@dataclass(frozen=True, slots=True)
class ListResult:
    """The objects of a collection and the resourceVersion to watch from."""

    items: list[Body]
    resource_version: str


@dataclass(frozen=True, slots=True)
class Scope:
    """Which objects of a kind: in one namespace or all, by labels and fields; and how much of each.

    metadata_only: the server sends no more. shape: a TypedDict of what is read of what it sends.
    """

    namespace: str | None = None
    label_selector: str | None = None
    field_selector: str | None = None
    metadata_only: bool = False
    shape: Any = Body

    def params(self) -> dict[str, str]:
        """The query that selects them."""
        named = {"labelSelector": self.label_selector, "fieldSelector": self.field_selector}
        return {key: value for key, value in named.items() if value}

    def accept(self, kind: str) -> str:
        """The media type to ask for; `kind` is PartialObjectMetadata or its list."""
        return f"application/json;as={kind};g=meta.k8s.io;v=v1" if self.metadata_only else JSON


class Client:
    """A client for one cluster; `async with Client(config) as client`.

    `may_write` is asked before every request that changes something, so that a process that is no longer the
    leader cannot write by accident; `on_answer(method, status)` hears of every answer, 0 when none came.
    """

    def __init__(
        self,
        config: ClusterConfig,
        user_agent: str = "hyperpod-inference",
        *,
        may_write: Callable[[], bool] = lambda: True,
        on_answer: Callable[[str, int], None] = lambda method, status: None,
    ) -> None:
        self.config = config
        self._user_agent, self._may_write, self._on_answer = user_agent, may_write, on_answer
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self.config.ssl or True, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, headers={"User-Agent": self._user_agent})
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, resource: Resource, name: str, namespace: str | None = None) -> Body:
        """The object; raises `NotFound`."""
        return await self.request("GET", resource.path(namespace, name))

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> ListResult:
        """The whole collection, read in pages; every item carries its apiVersion and kind."""
        items: list[Body] = []
        version = ""
        async for page in self.pages(resource, Scope(namespace, label_selector, field_selector)):
            items, version = ([*items, *page.items], page.resource_version) if page else ([], "")
        return ListResult(items, version)

    async def pages(self, resource: Resource, scope: Scope) -> AsyncIterator[ListResult | None]:
        """The collection page by page, so that a caller can strip each page before the next is read.

        None means: what came before is void. It comes when the list expired half-way (410); the list is then
        read once more in a single page, which cannot expire.
        """
        params = scope.params() | {"limit": str(PAGE_LIMIT)}
        path, accept = resource.path(scope.namespace), scope.accept("PartialObjectMetadataList")
        shape = page_of(scope.shape)
        while True:
            try:
                answer = await self.request("GET", path, params=params, accept=accept, shape=shape)
            except Gone:
                if "continue" not in params:
                    raise
                params = scope.params()
                yield None
                continue
            metadata = answer.get("metadata") or {}
            yield ListResult(_typed(resource, answer.get("items") or []), metadata.get("resourceVersion", ""))
            if not metadata.get("continue"):
                return
            params["continue"] = metadata["continue"]

    async def watch(
        self,
        resource: Resource,
        scope: Scope,
        resource_version: str,
        *,
        timeout_seconds: int = 300,
        silence: float = WATCH_SILENCE,
    ) -> AsyncGenerator[WatchEvent, None]:
        """Changes after `resource_version`, until the server ends the stream after `timeout_seconds`.

        Raises:
            Gone: the version is too old; comes as an HTTP status or as an ERROR event.
            WatchSilent: no byte came for `silence` seconds.
            TransportError: the connection broke, or a line is not JSON.
            ApiError: any other refusal, in either form.
        """
        params = scope.params() | {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(timeout_seconds),
        }
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=REQUEST_TIMEOUT, sock_read=silence)
        path, accept = resource.path(scope.namespace), scope.accept("PartialObjectMetadata")
        request = f"WATCH {path}"
        with translated(request):
            async with await self._send("GET", path, params, timeout, accept=accept) as response:
                await raise_for_status(response, request)
                try:
                    async for line in lines(response.content):
                        yield event(line, request, scope.shape)
                except TimeoutError as error:
                    raise WatchSilent(f"silent for {silence:g} s", request=request) from error

    async def create(
        self, resource: Resource, body: Mapping[str, Any], subresource: str | None = None
    ) -> Body:
        """Create the object, or its subresource (as pods' `binding`); raises `AlreadyExists`."""
        metadata = body.get("metadata") or {}
        name = metadata.get("name") if subresource else None
        path = resource.path(metadata.get("namespace"), name, subresource)
        return await self.request("POST", path, body=body)

    async def replace(
        self, resource: Resource, body: Mapping[str, Any], subresource: str | None = None
    ) -> Body:
        """Write the whole object; raises `Conflict` when the resourceVersion it carries is not the newest."""
        metadata = body["metadata"]
        path = resource.path(metadata.get("namespace"), metadata["name"], subresource)
        return await self.request("PUT", path, body=body)

    async def patch(
        self,
        resource: Resource,
        name: str,
        namespace: str | None,
        body: Any,
        content_type: str = MERGE_PATCH,
        subresource: str | None = None,
    ) -> Body:
        """Change parts of an object; `content_type` says how `body` is meant."""
        path = resource.path(namespace, name, subresource)
        return await self.request("PATCH", path, body=body, content_type=content_type)

    async def apply(
        self, body: Mapping[str, Any], field_manager: str, force: bool = True, subresource: str | None = None
    ) -> Body:
        """Server-side apply: these fields, under this manager's name; `force` takes them from other managers.

        Raises:
            Conflict: another manager owns a field and `force` is off.
            LookupError: neither this process nor the API server knows the kind.
        """
        metadata = body["metadata"]
        path = (await self.resource_of(body)).path(metadata.get("namespace"), metadata["name"], subresource)
        params = {"fieldManager": field_manager, "force": "true" if force else "false"}
        return await self.request("PATCH", path, params=params, body=body, content_type=APPLY_PATCH)

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: Literal["Background", "Foreground", "Orphan"] = "Background",
        grace_period_seconds: int | None = None,
    ) -> Body:
        """Delete the object, only if it still is the one with that uid and version (else `Conflict`)."""
        preconditions = {"uid": uid, "resourceVersion": resource_version}
        options: Body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        options["preconditions"] = {key: value for key, value in preconditions.items() if value}
        if grace_period_seconds is not None:
            options["gracePeriodSeconds"] = grace_period_seconds
        return await self.request("DELETE", resource.path(namespace, name), body=options)

    async def resource_of(self, body: Mapping[str, Any]) -> Resource:
        """The resource of a manifest; the API server is asked about kinds that are not registered.

        Raises:
            LookupError: the API server does not know the kind either.
        """
        try:
            return resource_for(body)
        except LookupError:
            with contextlib.suppress(NotFound):
                version = str(body.get("apiVersion"))
                served = await self.request(
                    "GET", f"/apis/{version}" if "/" in version else f"/api/{version}"
                )
                if (found := discovered(served, str(body.get("kind")))) is not None:
                    return found
            raise

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        timeout: float = REQUEST_TIMEOUT,  # noqa: ASYNC109 - passed on to the transport
        content_type: str = JSON,
        accept: str = JSON,
        shape: Any = Body,
    ) -> Body:
        """Any request whose answer is JSON; `timeout` in seconds covers it from connecting to the last byte.

        The answer comes as `shape`, by default as a dictionary of everything.

        Raises:
            ApiError: by the answer's status, `TransportError` when no usable answer came.
        """
        sent = (method, path, params, aiohttp.ClientTimeout(total=timeout), body, content_type, accept)
        answer: Body = parsed(await self._answer(*sent), f"{method} {path}", shape)
        return answer

    async def text(self, path: str, params: Mapping[str, str] | None = None) -> str:
        """The answer to a GET that is no JSON, as that of a pod's `log`. Raises ApiError."""
        limit = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT)
        return (await self._answer("GET", path, params, limit, accept="*/*")).decode(errors="replace")

    async def _answer(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - passed on to the transport
        body: Any = None,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> bytes:
        request = f"{method} {path}"
        with translated(request):
            for renew in (False, True):
                sent = self._send(method, path, params, timeout, body, content_type, accept, renew)
                async with await sent as response:
                    # A token rotated since it was cached answers 401 once: ask for a fresh one, then give up.
                    if response.status == 401 and not renew:
                        continue
                    await raise_for_status(response, request)
                    return await response.read()
        raise AssertionError("unreachable")

    async def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - passed on to the transport
        body: Any = None,
        content_type: str = JSON,
        accept: str = JSON,
        renew: bool = False,
    ) -> aiohttp.ClientResponse:
        if self._session is None:
            raise RuntimeError("the client is closed; use it inside `async with Client(...)`")
        if method != "GET" and not self._may_write():
            raise NotLeading("this process is not the leader any more", request=f"{method} {path}")
        headers = {"Accept": accept}
        if body is not None:
            headers["Content-Type"] = content_type
        if token := await self.config.token(renew=renew):
            headers["Authorization"] = f"Bearer {token}"
        status = 0
        try:
            response = await self._session.request(
                method,
                self.config.server + path,
                params=params,
                data=None if body is None else json.dumps(body, separators=(",", ":")).encode(),
                headers=headers,
                timeout=timeout,
                server_hostname=self.config.server_hostname,
                allow_redirects=False,
            )
            status = response.status
            return response
        finally:
            self._on_answer(method, status)


def _typed(resource: Resource, items: list[Body]) -> list[Body]:
    """The server leaves apiVersion and kind out of a list's items; put them back."""
    for item in items:
        item.setdefault("apiVersion", resource.api_version)
        item.setdefault("kind", resource.kind)
    return items
