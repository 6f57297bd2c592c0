"""Every panel and record on a real Prometheus: it scrapes the local cluster as the monitors say, under load.

HYPERPOD_PROMETHEUS names the program `prometheus` (Debian: `apt install prometheus`); without it this is left
out. With HYPERPOD_PANELS=FILE the load goes on for some minutes, and what every panel shows is written there
(`make pictures`). The pods are reached through the API server, since they are in a network of their own.
"""

import asyncio
import base64
import json
import math
import os
import re
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import boto3
import pytest
import yaml

from hyperpod_charts import rules
from hyperpod_charts.dashboards.boards import BOARDS
from hyperpod_charts.dashboards.model import Board, Panel
from hyperpod_charts.monitors import operator_monitor, router_monitor
from hyperpod_inference.api import names
from hyperpod_inference.cli.install import LOCAL_SETTINGS, example
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.kube.resources import NODES, PODS
from hyperpod_inference.local import tryout
from hyperpod_inference.local.agent.dcgm import PORT as DCGM_PORT
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.install import wait_for

PROMETHEUS, PANELS = os.environ.get("HYPERPOD_PROMETHEUS"), os.environ.get("HYPERPOD_PANELS")
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not PROMETHEUS, reason="HYPERPOD_PROMETHEUS names no prometheus"),
]
Body = dict[str, Any]
NAMESPACE, SPLIT, BROKEN = "default", "split", "broken"
NAMES_OF_OTHERS = ["--also-metrics-of", "lmcache,tgi,lmi"]
SHOWN, STEP, MISTAKES = 300, 5, 30
"""Seconds in a picture, seconds between two points of it; requests that the server refuses."""


@pytest.fixture
async def measured(client: Client, account: boto3.Session) -> AsyncIterator[list[Body]]:
    """A routed endpoint, one whose prefill and decode are apart, and one that cannot start."""
    base = example()
    dropped = ("autoScalingSpec", "tlsConfig")
    spec = {key: value for key, value in base["spec"].items() if key not in dropped}
    port = spec["worker"]["modelInvocationPort"]["containerPort"]
    worker = spec["worker"] | {"image": "hyperpod-local/simulator:1", "args": NAMES_OF_OTHERS}
    spec |= {
        "worker": worker,
        "metrics": {"enabled": True, "metricsScrapeIntervalSeconds": 5, "modelMetrics": {"port": port}},
    }
    routed = {"intelligentRoutingSpec": {"enabled": True, "routingStrategy": "prefixaware"}}
    roles = {"pdSpec": {"prefillSpec": {}, "decodingSpec": {}, "routingThreshold": 100}}
    nowhere = {"replicas": 1, "worker": worker | {"image": "nobody/knows:this"}}
    bodies = [
        base | {"metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec | more}
        for name, more in (("chat", {"replicas": 1} | routed), (SPLIT, roles), (BROKEN, nowhere))
    ]
    yield bodies
    for body in bodies:
        with suppress(NotFound):
            await client.delete(tryout.ENDPOINTS, body["metadata"]["name"], NAMESPACE)

    async def left() -> str | None:
        found = (await client.list(tryout.ENDPOINTS, NAMESPACE)).items
        return f"{len(found)} are still there" if found else None

    await wait_for("the endpoints to go", left, 180.0)


async def test_every_panel_and_every_record_has_series_under_load(
    local_cluster: LocalCluster, client: Client, measured: list[Body], asking: Any, tmp_path: Path
) -> None:
    urls = {}
    for body in measured:
        await client.apply(body, "test")
        name = body["metadata"]["name"]
        path = f"{names.OPERATOR_NAMESPACE}/{names.routing_service_name(name, NAMESPACE)}"
        urls[name] = f"{local_cluster.front_door}/{path}/v1/chat/completions"
    await tryout.endpoint_ready(client, NAMESPACE, "chat", replicas=1, within=300.0)
    for name in ("chat", SPLIT):
        await wait_for(f"{name} through its router", lambda url=urls[name]: _answers(url), 300.0)
    pods, nodes = (await client.list(PODS)).items, (await client.list(NODES)).items
    jobs = [job for pod in pods for job in _jobs(pod)] + [_gpus(node) for node in nodes if _has_gpus(node)]
    _write(tmp_path, local_cluster.kubeconfig, jobs)
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(
            aiohttp.ClientSession(stack.enter_context(_running(tmp_path)))
        )
        loads = [
            await stack.enter_async_context(asking(urls[name], request))
            for name, request in (
                ("chat", _request("word " * 200, 20)),
                ("chat", _request("another " * 900, 40)),
                (SPLIT, _request("Hi", 10)),
                (SPLIT, _request("long " * 400, 10)),
            )
        ]
        more = {"spec": {"replicas": 2}}  # a start for it to see
        await client.patch(tryout.ENDPOINTS, "chat", NAMESPACE, more)
        await wait_for("every query", lambda: _silent(session), 600.0, poll=5.0)
        if PANELS:
            for _ in range(2):
                await loads[1].underway(600)  # so that the windows of five minutes are full
            async with asking(urls["chat"], _request("a peak " * 600, 60)) as peak:
                await peak.underway(120)
                for _ in range(MISTAKES):
                    await _mistaken(urls["chat"])
            await loads[1].underway(150)
            shown = [await _shown(session, board) for board in BOARDS]
            await asyncio.to_thread(Path(PANELS).write_text, json.dumps(shown), "utf-8")


def _request(text: str, tokens: int) -> Body:
    return {"model": "m", "messages": [{"role": "user", "content": text}], "max_tokens": tokens}


async def _answers(url: str) -> str | None:
    async with aiohttp.ClientSession() as session, session.post(url, json=_request("Hi", 1)) as answer:
        return None if answer.status == 200 else f"it answers {answer.status}"


async def _mistaken(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.post(url, json={"model": "m"}) as answer:
        assert answer.status == 400


async def _silent(session: aiohttp.ClientSession) -> str | None:
    """The queries that have no number yet."""
    queries = [expr for board in BOARDS for _, expr in board.queries()]
    queries += [rule["record"] for rule in rules.records()]
    missing = [each for each in queries if not await _has_a_number(session, each)]
    return f"{len(missing)} of {len(queries)} without series: {missing}" if missing else None


async def _has_a_number(session: aiohttp.ClientSession, query: str) -> bool:
    """Whether a series has a value: the quantile of an empty histogram is none."""
    found = await _asked(session, "query", query=_chosen(query))
    return any(math.isfinite(float(each["value"][1])) for each in found)


def _chosen(expr: str) -> str:
    """With every variable of the dashboard on "All"."""
    return re.sub(r"\$\w+", ".*", expr)


async def _asked(session: aiohttp.ClientSession, what: str, **asked: str | float) -> list[Body]:
    try:
        async with session.get(f"/api/v1/{what}", params=asked) as answer:
            if answer.status == 503:
                return []  # it is not ready yet
            told = await answer.json()
    except aiohttp.ClientConnectionError:
        return []  # it has only just been started
    assert told["status"] == "success", told
    found: list[Body] = told["data"]["result"]
    return found


async def _shown(session: aiohttp.ClientSession, board: Board) -> Body:
    """What a board shows now: {title, rows: [{title, panels}, ...]}; a panel's series are (name, points)."""
    rows = [
        {"title": row.title, "panels": [await _panel(session, each) for each in row.panels if each.queries]}
        for row in board.rows
    ]
    return {"file": board.file, "title": board.title, "rows": rows}


async def _panel(session: aiohttp.ClientSession, panel: Panel) -> Body:
    (now,) = await _asked(session, "query", query="vector(time())")
    end = float(now["value"][1])
    series = []
    for query in panel.queries:
        times = {"start": end - SHOWN, "end": end, "step": STEP}
        for found in await _asked(session, "query_range", query=_chosen(query.expr), **times):
            labels = found["metric"]
            legend = re.sub(r"\{\{(\w+)\}\}", lambda match, at=labels: at.get(match[1], ""), query.legend)
            points = [(float(at) - end, float(value)) for at, value in found["values"]]
            series.append({"name": legend, "labels": labels, "points": points})
    return {
        "title": panel.title, "unit": panel.unit, "kind": panel.kind, "width": panel.width, "series": series,
    }  # fmt: skip


def _jobs(pod: Body) -> Iterator[Body]:
    """How the monitors have a pod scraped, in the words of Prometheus' own configuration."""
    containers = [each["name"] for each in pod["spec"]["containers"]]
    relabelings: list[Body] = []
    if names.OTEL_CONTAINER in containers:
        port = names.COLLECTOR_METRICS_PORT
    elif containers == [names.ROUTER_CONTAINER]:
        port = names.ROUTER_ADMIN_PORT
        (target,) = router_monitor(LOCAL_SETTINGS)["spec"]["podMetricsEndpoints"]
        relabelings = target["relabelings"]
    elif containers == [names.OPERATOR_CONTAINER]:
        port = names.OPERATOR_METRICS_PORT
        (target,) = operator_monitor(LOCAL_SETTINGS)["spec"]["endpoints"]
        relabelings = target["relabelings"]
    else:
        return
    metadata = pod["metadata"]
    found = metadata.get("labels") or {}
    labels = {f"__meta_kubernetes_pod_label_{re.sub('[^a-zA-Z0-9_]', '_', k)}": v for k, v in found.items()}
    path = PODS.path(metadata["namespace"], f"{metadata['name']}:{port}", "proxy/metrics")
    made = [{_snake(key): value for key, value in each.items()} for each in relabelings]
    yield _job(metadata["name"], path, labels | {"pod": metadata["name"]}, made)


def _has_gpus(node: Body) -> bool:
    return names.RESOURCE_GPU in node["status"]["capacity"]


def _gpus(node: Body) -> Body:
    name = node["metadata"]["name"]
    return _job(name, NODES.path(None, f"{name}:{DCGM_PORT}", "proxy/metrics"), {}, [])


def _job(name: str, path: str, labels: Body, relabelings: list[Body]) -> Body:
    return {
        "job_name": name,
        "metrics_path": path,
        "honor_labels": True,
        "scheme": "https",
        "tls_config": {"ca_file": "ca", "cert_file": "cert", "key_file": "key"},
        "relabel_configs": relabelings,
        "static_configs": [{"targets": ["API"], "labels": labels}],
    }


def _snake(key: str) -> str:
    return re.sub("([A-Z])", lambda found: f"_{found[1].lower()}", key)


def _write(folder: Path, kubeconfig: Path, jobs: list[Body]) -> None:
    config = yaml.safe_load(kubeconfig.read_text("utf-8"))
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    for name, text in (
        ("ca", cluster["certificate-authority-data"]),
        ("cert", user["client-certificate-data"]),
        ("key", user["client-key-data"]),
    ):
        (folder / name).write_bytes(base64.b64decode(text))
    every = {"scrape_interval": "5s", "evaluation_interval": "5s"}
    made = {"global": every, "rule_files": ["rules.yaml"], "scrape_configs": jobs}
    server = cluster["server"].removeprefix("https://")
    (folder / "prometheus.yml").write_text(json.dumps(made).replace('"API"', json.dumps(server)), "utf-8")
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": rules.groups()}), encoding="utf-8")


@contextmanager
def _running(folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        str(PROMETHEUS),
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",  # Debian's own default is one place for all
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)
