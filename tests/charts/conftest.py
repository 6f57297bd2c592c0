"""Fixtures of the chart tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hyperpod_charts import helm
from hyperpod_inference.api.settings import OperatorSettings

Body = dict[str, Any]


@pytest.fixture
def chart_settings() -> OperatorSettings:
    """Every setting of an installation on AWS."""
    return OperatorSettings(
        region="us-west-2",
        execution_role_arn="arn:aws:iam::111122223333:role/SageMakerHyperPodInference-example",
        eks_cluster_name="example",
        hyperpod_cluster_arn="arn:aws:sagemaker:us-west-2:111122223333:cluster/abcdefghijkl",
        tls_certificate_output_s3_uri="s3://hyperpod-tls-example",
    )


@pytest.fixture
def comparable() -> Callable[[Body], Body]:
    """An object without what only Helm's form of it has."""
    return _comparable


def _comparable(body: Body) -> Body:
    """Without what only Helm's form has: empty blocks, variables that are not set, the mark to keep CRDs."""
    metadata = dict(body["metadata"])
    annotations = {
        key: each for key, each in (metadata.pop("annotations", None) or {}).items() if key not in helm.KEEP
    }
    body = body | {"metadata": metadata | ({"annotations": annotations} if annotations else {})}
    if body["kind"] == "Deployment":
        (container,) = body["spec"]["template"]["spec"]["containers"]
        if "env" in container:
            container["env"] = [each for each in container["env"] if each.get("value") != ""]
    return body
