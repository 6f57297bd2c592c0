"""A small valid endpoint, and a clock that tests set."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hyperpod_inference.api import names
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.webhook.keeper import hosts

Body = dict[str, Any]


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def webhook_hosts() -> list[str]:
    return hosts(OperatorSettings().namespace)


@pytest.fixture
def endpoint() -> Callable[..., Body]:
    """endpoint(**spec): a valid v1 endpoint with these fields in its spec."""

    def of(**spec: Any) -> Body:
        return {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND_ENDPOINT,
            "metadata": {"name": "chat", "namespace": "default"},
            "spec": {
                "modelName": "chat",
                "modelSourceConfig": {
                    "modelSourceType": "s3",
                    "s3Storage": {"bucketName": "weights", "region": "us-west-2"},
                },
                "worker": {
                    "image": "vllm/vllm-openai:v0.10.2",
                    "modelInvocationPort": {"containerPort": 8000},
                    "modelVolumeMount": {"name": "model-weights"},
                    "resources": {"limits": {"nvidia.com/gpu": 1}},
                },
                **spec,
            },
        }

    return of


@pytest.fixture
def misnamed_volume(endpoint: Callable[..., Body]) -> Body:
    """Wrong in a way that CEL cannot say: no volume has the name of the model's mount."""
    source = {"modelSourceType": "kubernetesVolume"}
    return endpoint(modelSourceConfig=source, kubernetes={"volumes": [{"name": "scratch", "emptyDir": {}}]})
