"""Every metric that a panel or a rule reads is exposed by one of our programs, or listed as somebody else's.

The programs are asked: their own pages of `/metrics` say what there is.
"""

import re
from typing import Any

import promql_parser

from hyperpod_charts import rules
from hyperpod_charts.dashboards.boards import BOARDS, OTHERS
from hyperpod_inference.controllers.caches import Caches
from hyperpod_inference.controllers.cold_starts import ColdStarts
from hyperpod_inference.controllers.endpoint_metrics import EndpointMetrics
from hyperpod_inference.kube.metrics import Metrics
from hyperpod_inference.local.servers.simulator.__main__ import Options, running
from hyperpod_inference.router.model_metrics import ModelCounts, ModelMetrics, labels_from
from hyperpod_inference.router.replicas import Address

HISTOGRAM = ("_bucket", "_sum", "_count")
FAMILY = re.compile(r"^# TYPE (\S+) (\w+)$", re.M)


def names_of(page: str) -> set[str]:
    """The names of the series that a page of `/metrics` announces."""
    found: set[str] = set()
    for name, kind in FAMILY.findall(page):
        found |= {f"{name}{ending}" for ending in HISTOGRAM} if kind == "histogram" else {name}
    return found


def read_by(expr: str) -> set[str]:
    """The metrics that an expression selects."""
    selectors: set[str] = set()

    def visit(node: Any) -> bool:
        if isinstance(node, promql_parser.VectorSelector) and node.name:
            selectors.add(node.name)
        return True

    promql_parser.walk(promql_parser.parse(expr), visit)
    return selectors


def asked() -> dict[str, set[str]]:
    """What each panel and each rule reads, without what rules record."""
    recorded = {rule["record"] for rule in rules.records()}
    queries = [(f"{board.title}: {title}", expr) for board in BOARDS for title, expr in board.queries()]
    queries += [
        (rule.get("record") or rule["alert"], rule["expr"]) for rule in [*rules.records(), *rules.alerts()]
    ]
    found: dict[str, set[str]] = {}
    for where, expr in queries:
        found.setdefault(where, set()).update(read_by(expr) - recorded)
    return found


def of_others() -> set[str]:
    """Listed as others', each as it is and as a histogram."""
    return {f"{name}{ending}" for some in OTHERS.values() for name in some for ending in ("", *HISTOGRAM)}


async def exposed(bench: Any) -> set[str]:
    """What the operator, the router in all its forms, the sidecar and the simulator announce."""
    metrics = Metrics()
    metrics.registry.register(EndpointMetrics([Caches()]))
    metrics.registry.register(ColdStarts([Caches()], lambda: True))
    found = names_of(metrics.expose().decode())
    counts = ModelCounts()
    async with running(Options(port=0)) as replica:
        address = Address("127.0.0.1", replica.port)
        programs = [
            await bench.router(address, strategy="kvaware"),
            await bench.router(address, prefill=[await bench.server()], routing_threshold=100),
            await bench.router(
                address,
                metrics=lambda: counts,
                collector=lambda proxy: ModelMetrics(proxy, counts, labels_from({})),
            ),
        ]
        for program in programs:
            found |= names_of((await bench.admin(program, "/metrics")).body.decode())
        page = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        found |= names_of((await bench.ask(programs[0], page)).body.decode())
    return found


async def test_every_metric_of_panels_and_rules_is_exposed_or_listed_as_others(bench: Any) -> None:
    there = await exposed(bench)
    assert {"model_ttfb_milliseconds_bucket", "router_ttfb_seconds_bucket", "workqueue_depth"} <= there
    known = there | of_others()
    strangers = {where: names - known for where, names in asked().items() if names - known}
    assert strangers == {}


async def test_what_we_expose_is_not_listed_as_others(bench: Any) -> None:
    there = await exposed(bench)
    assert of_others() & there == set()


def test_nothing_is_listed_that_nobody_reads() -> None:
    read = {name for names in asked().values() for name in names}
    idle = [
        name
        for some in OTHERS.values()
        for name in some
        if not read & {f"{name}{ending}" for ending in ("", *HISTOGRAM)}
    ]
    assert idle == []
