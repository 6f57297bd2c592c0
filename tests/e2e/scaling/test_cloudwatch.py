"""A metric in CloudWatch, KEDA that asks for it under its role (IRSA), replicas; none while it may not."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from hyperpod_inference.installation.roles import KEDA_OPERATOR, statements
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.resources import EVENTS
from hyperpod_inference.local.alb.names import KEDA_ROLE
from hyperpod_inference.local.install import wait_for

Body = dict[str, Any]
WITHIN = 300.0
NAMESPACE, METRIC = "AWS/SageMaker", "Invocations"
DIMENSIONS = [{"Name": "EndpointName", "Value": "chat"}, {"Name": "VariantName", "Value": "AllTraffic"}]
ROLE = KEDA_ROLE.rpartition("/")[2]
TRIGGER = {
    "namespace": NAMESPACE,
    "metricName": METRIC,
    "dimensions": [{"name": each["Name"], "value": each["Value"]} for each in DIMENSIONS],
    "metricStat": "Sum",
    "metricCollectionPeriod": 10,
    "metricCollectionStartTime": 60,
    "targetValue": 10.5,
    "activationTargetValue": 5,
}


@pytest.fixture
def denied(aws: Callable[[str], Any]) -> Callable[[bool], Any]:
    """Takes from KEDA's role what it may ask CloudWatch, or gives it back."""
    iam = aws("iam")

    def put(statement: list[Body]) -> None:
        document = json.dumps({"Version": "2012-10-17", "Statement": statement})
        iam.put_role_policy(RoleName=ROLE, PolicyName="own", PolicyDocument=document)

    every = statements(str(KEDA_OPERATOR.document))
    return lambda refused: put([each for each in every if not refused or each["Sid"] != "CloudWatch"])


async def test_what_cloudwatch_counts_brings_replicas_once_the_role_may_ask(
    client: Client,
    aws: Callable[[str], Any],
    denied: Callable[[bool], Any],
    scaled: Callable[..., Body],
    seen: Callable[[Body], Any],
) -> None:
    endpoint = scaled(maxReplicaCount=3, cloudWatchTrigger=TRIGGER)
    watched = seen(endpoint)
    await asyncio.to_thread(denied, True)
    try:
        async with _counted(aws("cloudwatch"), 12):
            await client.apply(endpoint, "test")
            await wait_for("KEDA to be refused", lambda: _refused(client, watched), WITHIN)
            await asyncio.to_thread(denied, False)
            await wait_for("KEDA's consent", watched.taken, WITHIN)
            await watched.until(2)
        async with _counted(aws("cloudwatch"), 0):
            await watched.until(0)
    finally:
        await asyncio.to_thread(denied, False)


async def _refused(client: Client, watched: Any) -> str | None:
    """AWS's words in the Events of the ScaledObject."""
    selector = f"involvedObject.name={watched.scaled_object}"
    events = (await client.list(EVENTS, watched.namespace, field_selector=selector)).items
    words = f"assumed-role/{ROLE}/"
    told = [each.get("message", "") for each in events]
    return None if any(words in each and "GetMetricData" in each for each in told) else str(told)


@asynccontextmanager
async def _counted(cloudwatch: Any, value: float) -> AsyncIterator[None]:
    """A point of the metric every ten seconds, so never two in a period, which Sum would add up."""

    def put() -> None:
        now = datetime.now(UTC)
        period = now.replace(second=now.second // 10 * 10, microsecond=0)
        point = {"MetricName": METRIC, "Dimensions": DIMENSIONS, "Timestamp": period, "Value": value}
        cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=[point])

    async def telling() -> None:
        while True:
            await asyncio.to_thread(put)
            await asyncio.sleep(10)

    task = asyncio.create_task(telling())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
