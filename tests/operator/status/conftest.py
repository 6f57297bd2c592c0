"""A world to judge: an endpoint, its Deployment and its pods, in the states that a cluster puts them."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.parse import parse
from hyperpod_inference.status import Observed, judge

Body = dict[str, Any]
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
P4D, G5 = "ml.p4d.24xlarge", "ml.g5.24xlarge"


class World:
    """Makers of valid objects; every one can be overridden."""

    now = NOW

    @staticmethod
    def endpoint(metadata: Mapping[str, Any] | None = None, **spec: Any) -> InferenceEndpointConfig:
        source = {
            "modelSourceType": "s3",
            "s3Storage": {"bucketName": "weights", "region": "us-west-2"},
            "modelLocation": "chat",
        }
        worker = {
            "image": "vllm/vllm-openai:v0.10.2",
            "modelInvocationPort": {"containerPort": 8000},
            "modelVolumeMount": {"name": "model-weights"},
            "resources": {"limits": {"nvidia.com/gpu": 1}},
        }
        parsed = parse(
            {
                "apiVersion": "inference.sagemaker.aws.amazon.com/v1",
                "kind": "InferenceEndpointConfig",
                "metadata": {
                    "name": "chat",
                    "namespace": "team-a",
                    "uid": "uid-1",
                    "generation": 1,
                    **(metadata or {}),
                },
                "spec": {"modelName": "chat", "modelSourceConfig": source, "worker": worker, **spec},
            }
        )
        assert isinstance(parsed, InferenceEndpointConfig)
        return parsed

    @staticmethod
    def deployment(replicas: int = 1, ready: int = 0, total: int | None = None, **status: Any) -> Body:
        counts = {
            "replicas": replicas if total is None else total,
            "updatedReplicas": replicas,
            "readyReplicas": ready,
            "availableReplicas": ready,
            "observedGeneration": 1,
        }
        return {
            "metadata": {"name": "chat", "namespace": "team-a", "generation": 1},
            "spec": {"replicas": replicas},
            "status": counts | status,
        }

    @staticmethod
    def pod(name: str = "chat-1", *, node: str | None = None, ready: bool = False, **status: Any) -> Body:
        spec: Body = {
            "containers": [{"name": "chat", "resources": {"limits": {"memory": "24Gi"}}}],
        }
        own = {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}
        return {
            "metadata": {"name": name, "namespace": "team-a", "uid": f"uid-of-{name}"},
            "spec": spec | ({"nodeName": node} if node else {}),
            "status": own | status,
        }

    @staticmethod
    def container(**state: Any) -> Body:
        return {
            "name": "chat",
            "image": "vllm/vllm-openai:v0.10.2",
            "ready": False,
            "restartCount": 0,
            **state,
        }

    @staticmethod
    def event(reason: str, message: str, pod: str = "chat-1") -> Body:
        return {
            "involvedObject": {"kind": "Pod", "name": pod, "uid": f"uid-of-{pod}"},
            "reason": reason,
            "message": message,
            "lastTimestamp": "2026-11-23T11:59:00Z",
        }

    def observed(self, **fields: Any) -> Observed:
        defaults: Body = {
            "deployment": self.deployment(),
            "services": ({"metadata": {"name": "chat", "namespace": "team-a"}},),
            "claims": (
                {
                    "metadata": {"name": "chat-model-1", "namespace": "team-a"},
                    "spec": {"volumeName": "team-a-chat-model-1"},
                    "status": {"phase": "Bound"},
                },
            ),
        }
        return Observed(**(defaults | fields))

    def serving(self, replicas: int = 1, **fields: Any) -> Observed:
        """An endpoint all of whose replicas serve."""
        pods = tuple(self.pod(f"chat-{n}", node=f"node-{n}", ready=True) for n in range(replicas))
        fields = {"deployment": self.deployment(replicas, replicas), "pods": pods} | fields
        return self.observed(**fields)

    def judged(self, observed: Observed, *, after: float = 0, **endpoint: Any) -> Body:
        """The status `after` seconds."""
        return judge(self.endpoint(**endpoint), observed, NOW + timedelta(seconds=after))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def condition() -> Callable[[Mapping[str, Any], str], Mapping[str, Any]]:
    """condition(status, "Ready"): the condition of that type."""

    def of(status: Mapping[str, Any], type: str) -> Mapping[str, Any]:
        found: list[Mapping[str, Any]] = [each for each in status["conditions"] if each["type"] == type]
        assert len(found) == 1
        return found[0]

    return of
