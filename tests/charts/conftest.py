"""Fixtures of the chart tests."""

from __future__ import annotations

import pytest

from hyperpod_inference.api.settings import OperatorSettings


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
