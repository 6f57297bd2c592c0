"""What goes over the wire, and what comes back as which exception."""

from typing import Any

import pytest

from hyperpod_inference.kube import errors
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.config import ClusterConfig, no_token
from hyperpod_inference.kube.resources import DEPLOYMENTS, NODES, PERSISTENT_VOLUMES, PODS, Resource


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (400, "BadRequest", errors.BadRequest),
        (403, "Forbidden", errors.Forbidden),
        (404, "NotFound", errors.NotFound),
        (409, "Conflict", errors.Conflict),
        (409, "AlreadyExists", errors.AlreadyExists),
        (410, "Expired", errors.Gone),
        (422, "Invalid", errors.Invalid),
        (429, "TooManyRequests", errors.TooManyRequests),
        (500, "InternalError", errors.ServerError),
        (503, "ServiceUnavailable", errors.ServerError),
        (418, "", errors.ApiError),
    ],
)
async def test_each_status_has_its_exception(
    code: int, reason: str, kind: type, api: Any, client: Client
) -> None:
    api.other = api.status(code, reason, {"Retry-After": "3"})
    with pytest.raises(errors.ApiError) as caught:
        await client.get(NODES, "n")
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.retry_after) == (code, 3.0)
    assert f"GET /api/v1/nodes/n: {code}" in str(caught.value)


async def test_a_refused_connection_is_a_transport_error() -> None:
    async with Client(ClusterConfig("http://127.0.0.1:1", None, no_token)) as client:
        with pytest.raises(errors.TransportError, match="GET /api/v1/nodes/n"):
            await client.get(NODES, "n")


async def test_no_answer_in_time_is_a_transport_error(api: Any, client: Client) -> None:
    api.other = api.stream()
    with pytest.raises(errors.TransportError, match="no answer in time"):
        await client.request("GET", "/slow", timeout=0.05)


async def test_an_answer_that_is_not_json_is_a_transport_error(api: Any, client: Client) -> None:
    api.other = api.stream(b"<html>", close=True)
    with pytest.raises(errors.TransportError, match="not JSON"):
        await client.get(NODES, "n")


async def test_a_401_asks_once_for_a_fresh_token(api: Any) -> None:
    asked: list[bool] = []

    async def token(*, renew: bool = False) -> str:
        asked.append(renew)
        return "fresh" if renew else "stale"

    async def answer(request: Any) -> Any:
        fresh = request.headers["Authorization"] == "Bearer fresh"
        return await (api.page() if fresh else api.status(401))(request)

    api.other = answer
    async with Client(ClusterConfig(api.url, None, token)) as client:
        await client.get(NODES, "n")
    assert asked == [False, True]


async def test_apply_is_server_side_under_one_manager(api: Any, client: Client) -> None:
    api.other = api.page()
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": "ns"}}
    await client.apply(body, "me", subresource="status")
    (request,) = api.requests
    assert (request.method, request.path) == ("PATCH", "/apis/apps/v1/namespaces/ns/deployments/d/status")
    assert dict(request.query) == {"fieldManager": "me", "force": "true"}
    assert request.content_type == "application/apply-patch+yaml"
    assert api.bodies == [body]


async def test_apply_asks_the_server_about_kinds_that_are_not_registered(api: Any, client: Client) -> None:
    async def answer(request: Any) -> Any:
        import aiohttp.web

        served = [{"name": "widgets", "kind": "Widget", "namespaced": True}]
        return aiohttp.web.json_response({"groupVersion": "example.com/v1", "resources": served})

    api.lists = [answer]  # the path has the depth of a list
    api.other = answer
    body = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "ns"}}
    await client.apply(body, "me")
    assert api.requests[-1].path == "/apis/example.com/v1/namespaces/ns/widgets/w"


async def test_a_kind_that_nobody_knows_is_named(api: Any, client: Client) -> None:
    api.lists = [api.status(404)]
    with pytest.raises(LookupError, match=r"'example\.org/v1', kind 'Nothing'"):
        await client.apply({"apiVersion": "example.org/v1", "kind": "Nothing", "metadata": {}}, "me")


async def test_delete_carries_its_preconditions(api: Any, client: Client) -> None:
    api.other = api.page()
    await client.delete(PODS, "p", "ns", uid="u", resource_version="7")
    assert api.bodies[0]["preconditions"] == {"uid": "u", "resourceVersion": "7"}
    assert api.bodies[0]["propagationPolicy"] == "Background"


async def test_who_may_not_write_does_not_reach_the_server(api: Any) -> None:
    api.other = api.page()
    config = ClusterConfig(api.url, None, no_token)
    async with Client(config, may_write=lambda: False) as client:
        await client.get(NODES, "n")
        with pytest.raises(errors.NotLeading):
            await client.delete(NODES, "n")
    assert [request.method for request in api.requests] == ["GET"]


async def test_every_answer_is_counted(api: Any) -> None:
    seen: list[tuple[str, int]] = []
    api.other = api.status(404)
    config = ClusterConfig(api.url, None, no_token)
    async with Client(config, on_answer=lambda method, code: seen.append((method, code))) as client:
        with pytest.raises(errors.NotFound):
            await client.get(NODES, "n")
    assert seen == [("GET", 404)]


@pytest.mark.parametrize(
    ("resource", "arguments", "path"),
    [
        (PODS, (), "/api/v1/pods"),
        (PODS, ("ns",), "/api/v1/namespaces/ns/pods"),
        (PODS, ("ns", "p", "log"), "/api/v1/namespaces/ns/pods/p/log"),
        (DEPLOYMENTS, ("ns", "d"), "/apis/apps/v1/namespaces/ns/deployments/d"),
        (PERSISTENT_VOLUMES, ("ignored", "v"), "/api/v1/persistentvolumes/v"),
    ],
)
def test_paths(resource: Resource, arguments: tuple[str, ...], path: str) -> None:
    assert resource.path(*arguments) == path


def test_a_namespaced_name_needs_its_namespace() -> None:
    with pytest.raises(ValueError, match="Pod 'p' lives in a namespace"):
        PODS.path(name="p")
