"""Metrics, limits and capture on the local cluster: the real proxy and uploader beside a real engine."""

import re
from typing import Any

import aiohttp
import pytest

from hyperpod_inference.cli.scraping import Watched
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.resources import PODS, SERVICES
from hyperpod_inference.local import tryout
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.install import wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]
WITHIN = 300.0
LONG = {
    "model": "default",
    "messages": [{"role": "user", "content": "Count."}],
    "max_tokens": 1500,
    "ignore_eos": True,
    "stream": True,
}
SHORT = {"model": "default", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}


@pytest.fixture
def watched(endpoint: dict[str, Any]) -> dict[str, Any]:
    """The example with one replica that takes one call at a time and keeps them all."""
    spec = {
        key: value for key, value in endpoint["spec"].items() if key not in ("autoScalingSpec", "tlsConfig")
    }
    worker = spec["worker"] | {"requestLimits": {"maxConcurrentRequests": 1, "overflowStatusCode": 503}}
    capture = {"s3Uri": "s3://captures-111122223333", "modelPod": {"enabled": True}}
    endpoint["spec"] = spec | {"replicas": 1, "worker": worker, "dataCapture": capture}
    return endpoint


async def test_a_call_passes_the_proxy_is_counted_and_kept_and_one_too_many_is_refused(
    local_cluster: LocalCluster, client: Client, watched: dict[str, Any]
) -> None:
    await client.apply(watched, "test")
    name, namespace = watched["metadata"]["name"], watched["metadata"]["namespace"]
    await client.apply(pages(name, namespace), "test")
    seen = await tryout.endpoint_ready(client, namespace, name, replicas=1, within=WITHIN)
    (pod,) = (await client.list(PODS, namespace, label_selector=f"app={name}")).items
    assert [each["name"] for each in pod["spec"]["containers"]] == [
        name,
        "sidecar-reverse-proxy",
        "otel-collector",
        "s3-uploader",
    ]
    assert all(each["ready"] for each in pod["status"]["containerStatuses"])
    assert seen["status"]["metricsStatus"]["state"] == "Enabled"
    ready = {each["type"] for each in seen["status"]["conditions"] if each["status"] == "True"}
    assert {"MetricsReady", "RequestLimitsReady", "DataCaptureReady"} <= ready

    url = f"{local_cluster.front_door}/{namespace}/{name}"
    assert "Paris" in (await tryout.ask(url, tryout.QUESTION)).text
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{url}/v1/chat/completions", json=LONG) as first:
            assert first.status == 200
            await first.content.readany()
            async with session.post(f"{url}/v1/chat/completions", json=SHORT) as second:
                assert second.status == 503
                assert await second.json() == {
                    "error": "Too many concurrent requests",
                    "max_concurrent": 1,
                    "max_queue_size": 0,
                    "current": 1,
                }
        metrics = f"{local_cluster.front_door}/{namespace}/{name}-pages"
        await wait_for("the proxy to count", lambda: counted(session, f"{metrics}:9113/metrics"), WITHIN)
        watched_by_top = Watched(client, namespace)
        await watched_by_top.rows()
        async with session.post(f"{url}/v1/chat/completions", json=SHORT) as once_more:
            assert once_more.status == 200
        (row,) = [each for each in await watched_by_top.rows() if each.name == name]
        assert (row.state, row.ready, row.gpus, row.active, watched_by_top.unread) == ("Ready", 1, 1, 0, "")
        assert row.calls is not None and row.calls > 0
        assert row.first_token_p95 is not None and row.first_token_p95 > 0
        await wait_for("the collector", lambda: collected(session, f"{metrics}:8889/metrics"), WITHIN)

    await client.delete(tryout.ENDPOINTS, name, namespace)
    # Nothing stands for S3 here, so the uploader would use all of the grace period.
    await client.delete(PODS, pod["metadata"]["name"], namespace, grace_period_seconds=0)
    await client.delete(SERVICES, f"{name}-pages", namespace)


def pages(name: str, namespace: str) -> dict[str, Any]:
    """A Service that leads to the metrics of the one pod."""
    ports = [{"name": f"p{number}", "port": number, "targetPort": number} for number in (9113, 8889)]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"{name}-pages", "namespace": namespace},
        "spec": {"selector": {"app": name}, "ports": ports},
    }


async def counted(session: aiohttp.ClientSession, url: str) -> str | None:
    """Whether the proxy tells the answered call, the one that left, and the refused one."""
    async with session.get(url) as answer:
        text = await answer.text()
    values = {
        what: re.search(pattern, text, re.M)
        for what, pattern in {
            "calls": r'^model_invocations_total\{.*resource_name="llm-fallback".*\} 3\.0$',
            "refused": r'^model_errors_total\{.*status="503".*\} 1\.0$',
            "kept": r'^model_captured_calls_total\{.*outcome="written".*\} [1-9]\.0$',
        }.items()
    }
    missing = [what for what, found in values.items() if not found]
    return f"{', '.join(missing)} not there: {text[:2000]}" if missing else None


async def collected(session: aiohttp.ClientSession, url: str) -> str | None:
    """Whether the metrics of both are on the collector's page."""
    async with session.get(url) as answer:
        text = await answer.text()
    wanted = ('metric_source="reverse-proxy"', 'metric_source="model-container"')
    missing = [each for each in wanted if each not in text]
    return f"{missing} not there" if missing else None
