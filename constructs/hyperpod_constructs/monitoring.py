"""Metrics of one endpoint in CloudWatch, namespace `HyperPodInference`, and alarms on them.

AWS's `model_*` names, and those of the model server, come by a collector that writes to CloudWatch; the
dimensions are labels of the metrics, and others can be passed where the collector is set up otherwise. What
`EndpointMetrics.state` names is told by this project's operator itself: see `operator_metrics`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from hyperpod_constructs.operator_metrics import FIVE_MINUTES, EndpointState, metric
from hyperpod_inference.api import names
from hyperpod_inference.installation.errors import require
from hyperpod_inference.installation.values import NAMESPACE, check


class EndpointMetrics:
    """The metrics of an endpoint, and alarms on them.

    Args:
        name: of the resource.
        namespace: its Kubernetes namespace; default `default`.
        dimensions: others than resource_name and namespace; default none.

    Attributes:
        name, namespace: of the resource.
    """

    def __init__(
        self,
        name: str,
        namespace: str = "default",
        dimensions: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        check("EndpointMetrics", "namespace", namespace, NAMESPACE)
        self.name, self.namespace = name, namespace
        self._dimensions = {"resource_name": name, "namespace": namespace, **dimensions}

    def invocations(self, **options: Any) -> cloudwatch.Metric:
        """Requests; sum over 5 minutes. `options` are those of `cloudwatch.Metric`."""
        return self.metric(names.METRIC_INVOCATIONS, statistic="Sum", **options)

    def errors(self, **options: Any) -> cloudwatch.Metric:
        """Requests answered with 400 or above, or not at all; sum over 5 minutes."""
        return self.metric(names.METRIC_ERRORS, statistic="Sum", **options)

    def concurrent_requests(self, **options: Any) -> cloudwatch.Metric:
        """Requests in work; maximum over 5 minutes."""
        return self.metric(names.METRIC_CONCURRENT, statistic="Maximum", **options)

    def latency(self, **options: Any) -> cloudwatch.Metric:
        """Milliseconds from request to the end of the answer; p90 over 5 minutes."""
        return self.metric(names.METRIC_LATENCY, statistic="p90", **options)

    def time_to_first_byte(self, **options: Any) -> cloudwatch.Metric:
        """Milliseconds from request to the first byte of the answer; p90 over 5 minutes."""
        return self.metric(names.METRIC_TTFB, statistic="p90", **options)

    def error_rate(self, period: Duration = FIVE_MINUTES) -> cloudwatch.MathExpression:
        """Errors as a percentage of the requests; 0 where there are none."""
        return cloudwatch.MathExpression(
            expression="IF(requests > 0, 100 * errors / requests, 0)",
            using_metrics={"requests": self.invocations(period=period), "errors": self.errors(period=period)},
            label=f"{self.name}: errors (%)",
            period=period,
        )

    def slow_first_bytes(self, milliseconds: float, **options: Any) -> cloudwatch.Metric:
        """Percentage of the requests whose first byte came later than that."""
        statistic = f"PR({milliseconds:g}:)"
        return self.metric(names.METRIC_TTFB, statistic=statistic, **options)

    def kv_cache_usage(self, **options: Any) -> cloudwatch.Metric:
        """How full vLLM's KV cache is, 0 to 1; maximum over 5 minutes."""
        return self.metric("vllm:kv_cache_usage_perc", statistic="Maximum", **options)

    def waiting_requests(self, **options: Any) -> cloudwatch.Metric:
        """Requests that wait in vLLM; maximum over 5 minutes."""
        return self.metric("vllm:num_requests_waiting", statistic="Maximum", **options)

    def state(self, cluster_name: str | None = None) -> EndpointState:
        """What the operator tells of the endpoint. cluster_name: its `EKS_CLUSTER_NAME`; default not set."""
        return EndpointState(self.name, self.namespace, cluster_name)

    def metric(self, metric_name: str, **options: Any) -> cloudwatch.Metric:
        """Any metric of the endpoint by its name."""
        return metric(metric_name, self._dimensions, options)

    def alarm_on_errors(
        self, scope: Construct, construct_id: str, *, percent: float = 5, periods: int = 3, **options: Any
    ) -> cloudwatch.Alarm:
        """An alarm when more than `percent` of the requests fail for `periods` times 5 minutes."""
        require(0 < percent <= 100, scope, "percent", percent, "more than 0, at most 100 percent")
        return self._alarm(scope, construct_id, self.error_rate(), percent, periods, "errors (%)", options)

    def alarm_on_latency(
        self, scope: Construct, construct_id: str, *, milliseconds: float, periods: int = 3, **options: Any
    ) -> cloudwatch.Alarm:
        """An alarm when the p90 is above `milliseconds` for `periods` times 5 minutes."""
        require(milliseconds > 0, scope, "milliseconds", milliseconds, "more than 0")
        return self._alarm(
            scope, construct_id, self.latency(), milliseconds, periods, "latency (ms)", options
        )

    def alarm_on_time_to_first_byte(
        self, scope: Construct, construct_id: str, *, milliseconds: float, periods: int = 3, **options: Any
    ) -> cloudwatch.Alarm:
        """An alarm when the p90 is above `milliseconds` for `periods` times 5 minutes."""
        require(milliseconds > 0, scope, "milliseconds", milliseconds, "more than 0")
        return self._alarm(
            scope,
            construct_id,
            self.time_to_first_byte(),
            milliseconds,
            periods,
            "time to first byte (ms)",
            options,
        )

    def _alarm(
        self,
        scope: Construct,
        construct_id: str,
        metric: cloudwatch.IMetric,
        threshold: float,
        periods: int,
        what: str,
        options: Mapping[str, Any],
    ) -> cloudwatch.Alarm:
        values: dict[str, Any] = {
            "alarm_description": f"{self.name}: {what} above {threshold:g}",
            "treat_missing_data": cloudwatch.TreatMissingData.NOT_BREACHING,
            **options,
        }
        return cloudwatch.Alarm(
            scope,
            construct_id,
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            **values,
        )
