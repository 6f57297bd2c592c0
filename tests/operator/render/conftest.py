"""Endpoints to render: a small valid one with overrides, and the shipped example."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.parse import parse
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render import Facts, Rendered, render

Body = dict[str, Any]
EXAMPLE = Path(__file__).parents[3] / "charts" / "hyperpod_charts" / "examples" / "llm-fallback.yaml"

HEAD: Body = {
    "apiVersion": "inference.sagemaker.aws.amazon.com/v1",
    "kind": "InferenceEndpointConfig",
    "metadata": {"name": "chat", "namespace": "team-a", "uid": "uid-1", "generation": 1},
}


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> Body:
    """`base` with `changes` put over it, block by block; None removes a field."""
    out = dict(base)
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), Mapping):
            out[key] = merged(base[key], value)
        elif value is None:
            out.pop(key, None)
        else:
            out[key] = value
    return out


@pytest.fixture
def endpoint(chat_spec: Body) -> Callable[..., InferenceEndpointConfig]:
    """endpoint(metadata={...}, instanceTypes=[...], worker={...}): a valid endpoint with these fields."""

    def of(metadata: Mapping[str, Any] | None = None, **spec: Any) -> InferenceEndpointConfig:
        small = HEAD | {"spec": chat_spec}
        parsed = parse(merged(small, {"metadata": metadata or {}, "spec": spec}))
        assert isinstance(parsed, InferenceEndpointConfig)
        return parsed

    return of


@pytest.fixture
def rendered(endpoint: Callable[..., InferenceEndpointConfig]) -> Callable[..., Rendered]:
    """Like `endpoint`, rendered with default settings."""
    return lambda metadata=None, **spec: render(endpoint(metadata, **spec), OperatorSettings(), Facts())


@pytest.fixture
def pod_spec(rendered: Callable[..., Rendered]) -> Callable[..., Body]:
    """The pod spec of the Deployment of such an endpoint."""

    def of(metadata: Mapping[str, Any] | None = None, **spec: Any) -> Body:
        found: Body = rendered(metadata, **spec).manifests[-1]["spec"]["template"]["spec"]
        return found

    return of


@pytest.fixture
def example() -> InferenceEndpointConfig:
    """The example that is shipped to users."""
    parsed = parse(yaml.safe_load(EXAMPLE.read_text()))
    assert isinstance(parsed, InferenceEndpointConfig)
    return parsed
