"""What nodes tell of their GPUs under DCGM's names: who holds them, how busy they are."""

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from hyperpod_charts.dashboards.boards import OTHERS
from hyperpod_inference.local import nodes, ports
from hyperpod_inference.local.agent import dcgm
from hyperpod_inference.local.agent.dcgm import Exporter, computed, look
from hyperpod_inference.local.agent.gpus import Holder, Use, assigned, claims, families
from hyperpod_inference.local.servers.simulator.engine import BusyClock

Body = dict[str, Any]
START = datetime(2026, 1, 1, tzinfo=UTC)
(NODE, CPU_NODE) = nodes.make(["ml.g5.24xlarge", "ml.c5.4xlarge"])


def pod(name: str, gpus: int, *, phase: str = "Running", started: str = "00:00:00", **spec: Any) -> Body:
    container = {"name": "llm", "resources": {"limits": {"nvidia.com/gpu": str(gpus)}}, **spec}
    return {
        "metadata": {"name": name, "namespace": "team-a", "uid": f"uid-{name}"},
        "spec": {"nodeName": NODE.name, "containers": [container, {"name": "sidecar-reverse-proxy"}]},
        "status": {"phase": phase, "podIP": "127.0.0.1", "startTime": f"2026-01-01T{started}Z"},
    }


def held(pods: Iterable[Body], before: dict[int, Holder] | None = None) -> dict[int, str]:
    return {gpu: holder.pod for gpu, holder in assigned(before or {}, claims(pods), 4).items()}


def test_the_oldest_pod_has_the_lowest_gpus_and_a_pod_that_ended_has_none() -> None:
    found = held(
        [
            pod("young", 1, started="00:00:09"),
            pod("old", 2),
            pod("over", 4, phase="Succeeded"),
            pod("none", 0),
        ]
    )
    assert found == {0: "old", 1: "old", 2: "young"}


def test_a_gpu_stays_with_its_pod_while_others_come_and_go() -> None:
    before = assigned({}, claims([pod("a", 1), pod("b", 2)]), 4)
    after = held([pod("b", 2), pod("c", 2)], before)
    assert after == {0: "c", 1: "b", 2: "b", 3: "c"}


@pytest.mark.parametrize(
    ("arguments", "share"),
    [
        ({}, 0.9),
        ({"args": ["--gpu-memory-utilization", "0.5"]}, 0.5),
        ({"command": ["vllm", "serve", "--gpu-memory-utilization=0.75"]}, 0.75),
        ({"args": ["--gpu-memory-utilization"]}, 0.9),
        ({"args": ["--gpu-memory-utilization", "most"]}, 0.9),
    ],
)
def test_a_server_takes_the_memory_that_its_command_line_says(arguments: Body, share: float) -> None:
    (claim,) = claims([pod("a", 1, **arguments)])
    assert claim.memory == share


def values(found: Any) -> dict[str, dict[str, float]]:
    return {family.name: {each.labels["gpu"]: each.value for each in family.samples} for family in found}


def test_a_gpu_at_work_is_warm_takes_power_and_memory_and_names_its_container() -> None:
    holder = Holder("team-a", "chat", "llm", "uid")
    found = families(NODE, {0: holder, 1: holder}, {holder: Use(busy=0.5, memory=0.9)})
    told = values(found)
    assert told["DCGM_FI_DEV_GPU_UTIL"] == {"0": 50, "1": 50, "2": 0, "3": 0}
    assert told["DCGM_FI_DEV_FB_USED"] == {"0": 22118, "1": 22118, "2": 4, "3": 4}
    assert told["DCGM_FI_DEV_FB_FREE"]["0"] == 24 * 1024 - 22118
    assert told["DCGM_FI_DEV_POWER_USAGE"] == {"0": 172.5, "1": 172.5, "2": 45, "3": 45}
    assert told["DCGM_FI_DEV_GPU_TEMP"] == {"0": 52, "1": 52, "2": 30, "3": 30}
    first, _, idle, _ = [each.labels for each in found[0].samples]
    assert {key: first[key] for key in ("namespace", "pod", "container", "modelName", "device")} == {
        "namespace": "team-a",
        "pod": "chat",
        "container": "llm",
        "modelName": "NVIDIA A10G",
        "device": "nvidia0",
    }
    assert (first["Hostname"], "pod" in idle) == (NODE.name, False)
    assert first["UUID"].startswith("GPU-") and first["UUID"] != idle["UUID"]


def test_what_dashboards_read_of_dcgm_is_told() -> None:
    assert set(OTHERS["DCGM exporter"]) <= {each.name for each in families(NODE, {}, {})}


def test_two_looks_say_how_busy_a_server_was_in_between() -> None:
    first = look(None, START, START + timedelta(seconds=10), 2.0)
    assert first.busy == 0.2
    second = look(first, START, START + timedelta(seconds=14), 5.0)
    assert second.busy == 0.75
    assert look(second, START, START + timedelta(seconds=14.5), 5.5) == second
    restarted = look(second, START + timedelta(seconds=16), START + timedelta(seconds=18), 1.0)
    assert restarted.busy == 0.5
    assert look(second, START, START + timedelta(seconds=15), 99.0).busy == 1.0


@pytest.mark.parametrize(
    ("page", "seconds"),
    [
        ("# TYPE simulator:gpu_busy_seconds counter\nsimulator:gpu_busy_seconds_total 3.5\n", 3.5),
        (
            "# TYPE llamacpp:prompt_seconds_total counter\nllamacpp:prompt_seconds_total 1\n"
            "# TYPE llamacpp:tokens_predicted_seconds_total counter\n"
            "llamacpp:tokens_predicted_seconds_total 2\n",
            3,
        ),
        ("# TYPE up gauge\nup 1\n", None),
        ("<html>", None),
    ],
)
def test_how_long_a_server_computed_is_read_from_its_page(page: str, seconds: float | None) -> None:
    assert computed(page) == seconds


def test_overlapping_work_is_counted_once() -> None:
    now = [0.0]
    busy = BusyClock(lambda: now[0])
    with busy:
        now[0] = 1.0
        with busy:
            now[0] = 3.0
        now[0] = 4.0
        assert busy.seconds == 4.0
    now[0] = 9.0
    assert busy.seconds == 4.0


class Server:
    """A model server's page, of which a test sets what it has computed."""

    def __init__(self) -> None:
        self.computed = 0.0

    async def page(self, _: web.Request) -> web.Response:
        name = "simulator:gpu_busy_seconds"
        return web.Response(text=f"# TYPE {name} counter\n{name}_total {self.computed}\n")


@pytest.fixture
async def serving() -> AsyncIterator[tuple[Server, int]]:
    server, app = Server(), web.Application()
    app.router.add_get("/metrics", server.page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield server, runner.addresses[0][1]
    await runner.cleanup()


async def test_an_exporter_asks_the_pods_of_its_node(serving: tuple[Server, int]) -> None:
    server, port = serving
    moment = [START + timedelta(seconds=10)]
    both = [{"containerPort": 9}, {"containerPort": port}]
    there = [pod("chat", 2, ports=both), pod("idle", 1, ports=[{"containerPort": 9}], started="00:00:05")]
    manager: Any = SimpleNamespace(pods=lambda node: there if node == NODE.name else [])
    async with aiohttp.ClientSession() as http:
        context: Any = SimpleNamespace(http=http, now=lambda: moment[0])
        exporter = Exporter(context, manager, NODE)
        server.computed = 1.0
        first = values(await exporter.collect())
        moment[0] += timedelta(seconds=10)
        server.computed = 9.0
        second = values(await exporter.collect())
    assert first["DCGM_FI_DEV_GPU_UTIL"] == {"0": 10, "1": 10, "2": 0, "3": 0}
    assert second["DCGM_FI_DEV_GPU_UTIL"] == {"0": 80, "1": 80, "2": 0, "3": 0}
    assert second["DCGM_FI_DEV_FB_USED"]["0"] > second["DCGM_FI_DEV_FB_USED"]["2"] == 4


async def test_only_nodes_with_gpus_listen_and_the_page_is_prometheus(
    serving: tuple[Server, int],
) -> None:
    _, port = serving
    node = nodes.LocalNode("gpus", NODE.instance_type, "127.0.0.1", "g5")
    manager: Any = SimpleNamespace(pods=lambda _: [pod("chat", 1, ports=[{"containerPort": port}])])
    with ports.listen(0, "--port") as listening:
        free = ports.number(listening)
    async with aiohttp.ClientSession() as http, AsyncExitStack() as stack:
        context: Any = SimpleNamespace(http=http, now=lambda: START + timedelta(minutes=1))
        # Where a node without GPUs would listen nothing can.
        await dcgm.serve(stack, context, manager, [node, CPU_NODE], free)
        async with http.get(f"http://127.0.0.1:{free}/metrics") as answer:
            page = await answer.text()
    found = {each.name: each.documentation for each in text_string_to_metric_families(page)}
    assert found["DCGM_FI_DEV_GPU_UTIL"] == "GPU utilization (in %)."
    assert 'pod="chat"' in page
