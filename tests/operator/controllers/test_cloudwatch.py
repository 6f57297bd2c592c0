"""What CloudWatch is told: decided as values, and sent over HTTP to AWS on loopback."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from hyperpod_inference.api import names
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.cloud.cloudwatch import MOST, CloudWatch
from hyperpod_inference.cloud.session import Session
from hyperpod_inference.controllers.caches import Caches
from hyperpod_inference.controllers.cloudwatch import TOLD, CloudWatchPush, data, totals
from hyperpod_inference.controllers.endpoint_metrics import EndpointMetrics
from hyperpod_inference.controllers.manager import lead
from hyperpod_inference.controllers.wiring import Operator
from hyperpod_inference.kube.metrics import Metrics
from hyperpod_inference.local.aws.double import AwsDouble
from hyperpod_inference.local.aws.faults import denied

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SETTINGS = OperatorSettings(region="us-west-2", eks_cluster_name="mine")
Found = dict[tuple[str, ...], float]


@pytest.fixture
def caches() -> Caches:
    """An endpoint with three ready replicas, one of them on the second choice."""
    made = Caches()
    made.endpoints.put(
        {
            "metadata": {"name": "chat", "namespace": "team-a"},
            "spec": {"instanceTypes": ["ml.p4d.24xlarge", "ml.g5.8xlarge"]},
            "status": {
                "conditions": [
                    {"type": "Ready", "status": "False", "reason": "CrashLoop"},
                    {"type": "TLSReady", "status": "False", "reason": "CertificateExpiring"},
                ],
                "tlsCertificate": {"lastCertExpiryTime": "2026-01-11T12:00:00Z"},
            },
        }
    )
    for node, kind in (("a", "ml.p4d.24xlarge"), ("b", "ml.g5.8xlarge")):
        labels = {names.NODE_INSTANCE_TYPE: kind}
        made.nodes.put({"metadata": {"name": node, "labels": labels}})
    owner = {
        names.LABEL_OWNER_KIND: names.KIND_ENDPOINT,
        names.LABEL_OWNER_NAMESPACE: "team-a",
        names.LABEL_OWNER_NAME: "chat",
    }
    for name, node in (("1", "a"), ("2", "a"), ("3", "b")):
        made.pods.put(
            {
                "metadata": {"name": name, "namespace": "team-a", "labels": owner},
                "spec": {"nodeName": node},
                "status": {"conditions": [{"type": "Ready", "status": "True"}]},
            }
        )
    return made


@pytest.fixture
def metrics(caches: Caches) -> Metrics:
    made = Metrics()
    made.registry.register(EndpointMetrics([caches]))
    made.leader.labels(names.OPERATOR_LEASE).set(1)
    made.reconciles.labels("node", "success").inc(5)
    return made


def _values(metrics: Metrics, before: Any = None, cluster: str = "mine") -> Found:
    told = data(totals(metrics.registry.collect()), before or {}, NOW, cluster)
    return {
        (each["MetricName"], *(pair["Value"] for pair in each["Dimensions"])): each["Value"] for each in told
    }


def test_an_endpoint_is_told_by_cluster_namespace_and_name_with_what_alarms_need(metrics: Metrics) -> None:
    found = _values(metrics)
    own = ("mine", "team-a", "chat")
    assert found[names.METRIC_ENDPOINT_READY, *own] == 0
    assert found[names.METRIC_ENDPOINT_REPLICAS, *own] == 3
    assert found[names.CLOUDWATCH_FALLBACK_REPLICAS, *own] == 1
    assert found[names.METRIC_ENDPOINT_FAILING, *own] == 2
    assert found[names.CLOUDWATCH_CERTIFICATE_DAYS, *own] == 10.5
    assert found[names.METRIC_LEADER, "mine"] == 1


def test_an_endpoint_without_replicas_is_told_as_zero_so_that_an_alarm_ends(
    metrics: Metrics, caches: Caches
) -> None:
    for name in ("1", "2", "3"):
        caches.pods.remove(("team-a", name))
    found = _values(metrics)
    assert found[names.METRIC_ENDPOINT_REPLICAS, "mine", "team-a", "chat"] == 0
    assert found[names.CLOUDWATCH_FALLBACK_REPLICAS, "mine", "team-a", "chat"] == 0


def test_a_counter_is_told_by_what_was_added(metrics: Metrics) -> None:
    series = (names.METRIC_RECONCILES, "mine", "node", "success")
    before = totals(metrics.registry.collect())
    metrics.reconciles.labels("node", "success").inc(2)
    assert (_values(metrics)[series], _values(metrics, before)[series]) == (7, 2)


def test_a_cluster_without_a_name_is_no_dimension(metrics: Metrics) -> None:
    assert _values(metrics, cluster="")[names.METRIC_ENDPOINT_READY, "team-a", "chat"] == 0


def test_everything_that_is_told_is_there_to_be_scraped(metrics: Metrics) -> None:
    metrics.errors.labels("node").inc()
    metrics.depth.labels("node", "node").set(1)
    told = {name for name, _ in totals(metrics.registry.collect())}
    assert told == {each.name for each in TOLD}


def _push(metrics: Metrics, opened: Callable[[], CloudWatch]) -> CloudWatchPush:
    return CloudWatchPush(metrics.registry, SETTINGS, opened, lambda: datetime.now(UTC))


def _never() -> CloudWatch:
    raise AssertionError("nobody asks for it")


def _sum(session: Session, name: str, **dimensions: str) -> list[float]:
    client: Any = session.client("cloudwatch")
    now = datetime.now(UTC)
    answer = client.get_metric_statistics(
        Namespace=names.CLOUDWATCH_NAMESPACE,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=86400,
        Statistics=["Sum"],
    )
    return [each["Sum"] for each in answer["Datapoints"]]


def test_a_call_has_a_thousand_values_at_most(double: AwsDouble, session: Session) -> None:
    double.reset()
    client: Any = session.client("cloudwatch")
    sizes: list[int] = []

    def sized(params: Any, **_: Any) -> None:
        sizes.append(len(params["MetricData"]))

    event = "provide-client-params.cloudwatch.PutMetricData"
    client.meta.events.register(event, sized)
    try:
        CloudWatch(session).put("Many", [{"MetricName": "m", "Value": 1.0}] * (2 * MOST + 1))
    finally:
        client.meta.events.unregister(event, sized)
    assert sizes == [1000, 1000, 1]


@pytest.mark.parametrize("asked", [True, False])
def test_the_operator_tells_nothing_unless_it_is_asked_to(asked: bool) -> None:
    client: Any = None
    settings = SETTINGS.model_copy(update={"enable_cloudwatch_metrics": asked})
    assert (Operator(client, settings, Metrics()).cloudwatch is not None) == asked


async def test_it_is_told_while_this_process_leads_and_a_defect_ends_nothing(
    metrics: Metrics, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("hyperpod_inference.controllers.cloudwatch.EVERY", 0)
    push, twice, stop, queue = _push(metrics, _never), asyncio.Event(), asyncio.Event(), asyncio.Event()
    failures: list[int] = []

    async def broken() -> None:
        failures.append(1)
        if len(failures) == 2:
            twice.set()
        raise RuntimeError("a defect")

    monkeypatch.setattr(push, "push", broken)

    async def nothing() -> None: ...

    operator: Any = SimpleNamespace(
        essential=[],
        optional=[],
        scalers=SimpleNamespace(tried=nothing),
        controllers=[SimpleNamespace(run=queue.wait, queue=SimpleNamespace(shutdown=queue.set))],
        cloudwatch=push,
        metrics=metrics,
    )
    leading = asyncio.ensure_future(lead(operator, stop))
    await twice.wait()
    assert not leading.done()
    stop.set()
    await leading
    told = len(failures)
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(failures) == told
    assert "telling CloudWatch failed" in caplog.text


async def test_it_arrives_and_what_a_failure_held_back_comes_with_the_next_telling(
    metrics: Metrics, double: AwsDouble, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    double.reset()
    push = _push(metrics, lambda: CloudWatch(session))
    caplog.set_level(logging.INFO)
    double.faults.add(denied("cloudwatch:PutMetricData", times=2))
    await push.push()
    await push.push()
    assert _sum(session, names.METRIC_ENDPOINT_READY, cluster_name="mine") == []
    metrics.reconciles.labels("node", "success").inc(2)
    await push.push()
    own = {"cluster_name": "mine", "namespace": "team-a", "resource_name": "chat"}
    assert _sum(session, names.METRIC_ENDPOINT_REPLICAS, **own) == [3]
    counted = {"cluster_name": "mine", "controller": "node", "result": "success"}
    assert _sum(session, names.METRIC_RECONCILES, **counted) == [7]
    await push.push()
    assert sum(_sum(session, names.METRIC_RECONCILES, **counted)) == 7
    refused, again = [each.getMessage() for each in caplog.records if each.name.endswith("cloudwatch")]
    assert "cloudwatch:PutMetricData" in refused
    assert again == "metrics reach CloudWatch again"
