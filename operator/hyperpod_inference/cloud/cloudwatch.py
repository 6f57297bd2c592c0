"""CloudWatch: metrics of one's own. Each call blocks, and raises CloudError."""

from collections.abc import Mapping, Sequence
from typing import Any

from hyperpod_inference.cloud.errors import translated
from hyperpod_inference.cloud.session import Session

MOST = 1000
"""Values in one call, by CloudWatch's own limit."""


class CloudWatch:
    """The metrics of one account and region."""

    def __init__(self, session: Session) -> None:
        self._client: Any = session.client("cloudwatch")

    def put(self, namespace: str, values: Sequence[Mapping[str, Any]]) -> None:
        """Add values, each as PutMetricData takes it, in as few calls as it allows."""
        for start in range(0, len(values), MOST):
            with translated("cloudwatch:PutMetricData"):
                self._client.put_metric_data(Namespace=namespace, MetricData=[*values[start : start + MOST]])
