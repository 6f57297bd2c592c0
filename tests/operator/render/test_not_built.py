"""What a spec asks for beyond what is built is said; what it merely mentions is not."""

from collections.abc import Callable
from typing import Any

import pytest

from hyperpod_inference.render import Part, Rendered

Renders = Callable[..., Rendered]
FILLED_BY_CLIENT = {
    "minReplicaCount": 1,
    "maxReplicaCount": 5,
    "cloudWatchTrigger": {"metricStat": "Average", "metricType": "Average", "dimensions": []},
}
CLOUDWATCH = {"metricName": "Invocations", "namespace": "AWS/SageMaker", "targetValue": 10}


def _parts(rendered: Rendered) -> list[Part]:
    return [each.part for each in rendered.not_built]


@pytest.mark.parametrize(
    "spec",
    [
        {"autoScalingSpec": FILLED_BY_CLIENT},
        {"autoScalingSpec": {"minReplicaCount": 1}},
        {"tlsConfig": {}},
        {"endpointName": ""},
        {"metrics": {"enabled": False}},
        {"intelligentRoutingSpec": {"enabled": False, "routingStrategy": "prefixaware"}},
        {"kvCacheSpec": {"enableL1Cache": False}},
        {"dataCapture": {"modelPod": {"enabled": False}}},
        {"worker": {"environmentVariables": [], "resources": {"limits": {"nvidia.com/gpu": "0"}}}},
        {"modelCacheConfig": {"weightsCache": {"enabled": False}}},
        {"inferenceGateway": {"enabled": False}},
    ],
    ids=lambda spec: next(iter(spec)),
)
def test_what_clients_send_by_themselves_asks_for_nothing(rendered: Renders, spec: dict[str, Any]) -> None:
    assert _parts(rendered(**spec)) == []


@pytest.mark.parametrize(
    ("spec", "part", "field"),
    [
        ({"autoScalingSpec": {"cloudWatchTrigger": CLOUDWATCH}}, Part.AUTOSCALING, "spec.autoScalingSpec"),
        (
            {"autoScalingSpec": {"cloudWatchTriggerList": [CLOUDWATCH]}},
            Part.AUTOSCALING,
            "spec.autoScalingSpec",
        ),
        (
            {"dataCapture": {"modelPod": {"enabled": True}}},
            Part.DATA_CAPTURE,
            "spec.dataCapture.modelPod",
        ),
        (
            {"dataCapture": {"sagemakerEndpoint": {"enabled": True}}, "endpointName": "chat"},
            Part.DATA_CAPTURE,
            "spec.dataCapture.sagemakerEndpoint",
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Part) else "",
)
def test_what_is_asked_for_and_not_built_is_named_with_its_field(
    rendered: Renders, spec: dict[str, Any], part: Part, field: str
) -> None:
    (told,) = [each for each in rendered(**spec).not_built if each.part is part]
    assert told.field == field
    assert told.message.endswith(".")
