"""Spans on the local cluster: one call through the router and the proxy beside the model is one trace."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest

from hyperpod_inference.api import names
from hyperpod_inference.cli.install import LOCAL_SETTINGS, charted, install_operator
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.resources import PODS
from hyperpod_inference.local import tryout
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.install import deployment_available, install, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]
WITHIN = 300.0
Body = dict[str, Any]
TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
REQUEST = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
SINK = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "spans", "namespace": "default", "labels": {"app": "spans"}},
    "spec": {
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "sink", "image": "hyperpod-local/http-sink:1"}],
    },
}


@pytest.fixture
async def sink(client: Client, operator: None) -> AsyncIterator[str]:
    """The path of its log; the operator tells data planes to send their spans there."""
    await client.apply(SINK, "test")
    await tryout.pod_running(client, SINK)
    address = (await client.get(PODS, "spans", "default"))["status"]["podIP"]
    settings = LOCAL_SETTINGS.model_copy(update={"otlp_endpoint": f"http://{address}:4318"})
    await install(client, charted(settings))
    await deployment_available(client, names.OPERATOR_NAMESPACE, names.OPERATOR_NAME)
    yield PODS.path("default", "spans", "log")
    await client.delete(PODS, "spans", "default", grace_period_seconds=0)
    await install_operator(client, lambda _: None)  # without it again


@pytest.fixture
def traced(sink: str, endpoint: Body) -> Body:
    """One simulated server with the proxy beside it, behind a router."""
    dropped = ("autoScalingSpec", "tlsConfig")
    spec = {key: value for key, value in endpoint["spec"].items() if key not in dropped}
    endpoint["spec"] = spec | {
        "replicas": 1,
        "worker": spec["worker"] | {"image": "hyperpod-local/simulator:1"},
        "intelligentRoutingSpec": {"enabled": True, "routingStrategy": "prefixaware"},
    }
    return endpoint


async def test_a_call_is_one_trace_from_its_caller_to_the_router_to_the_proxy(
    local_cluster: LocalCluster, client: Client, sink: str, traced: Body
) -> None:
    await client.apply(traced, "test")
    name, namespace = traced["metadata"]["name"], traced["metadata"]["namespace"]
    await tryout.endpoint_ready(client, namespace, name, replicas=1, within=WITHIN)
    service = names.routing_service_name(name, namespace)
    url = f"{local_cluster.front_door}/{names.OPERATOR_NAMESPACE}/{service}/v1/chat/completions"
    found: list[tuple[Body, Body]] = []

    async def missing() -> str | None:
        refused = await _asked(url)  # until the pods are those that the operator's new settings ask for
        spans = [*_spans(await client.text(sink))]
        routers = {each["spanId"]: each for each in spans if each["service"] == "hyperpod-router"}
        proxies = [each for each in spans if each["service"] == "hyperpod-sidecar"]
        found[:] = [
            (routers[each["parentSpanId"]], each) for each in proxies if each["parentSpanId"] in routers
        ]
        return None if found else refused or f"{len(routers)} spans of routers, {len(proxies)} of proxies"

    await wait_for("a call that both tell of", missing, WITHIN)
    router, proxy = found[0]
    assert router["parentSpanId"] == CALLER
    assert router["resource_name"] == proxy["resource_name"] == name


async def _asked(url: str) -> str | None:
    parent = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
    async with aiohttp.ClientSession(headers=parent) as session, session.post(url, json=REQUEST) as answer:
        return None if answer.status == 200 else f"it answers {answer.status}"


def _spans(log: str) -> Iterator[Body]:
    """Spans of our trace in what the sink took, each with its service and endpoint."""
    for line in log.splitlines():
        if not line.startswith("{"):
            continue
        taken = json.loads(line)
        assert taken["path"] == "/v1/traces"
        for resource in json.loads(taken["body"])["resourceSpans"]:
            told = {each["key"]: each["value"]["stringValue"] for each in resource["resource"]["attributes"]}
            whose = {"service": told["service.name"], "resource_name": told["hyperpod.resource_name"]}
            for scope in resource["scopeSpans"]:
                yield from (span | whose for span in scope["spans"] if span["traceId"] == TRACE)
