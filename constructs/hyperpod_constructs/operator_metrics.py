"""What this project's operator tells CloudWatch of endpoints and of itself, once a minute.

It does so where it is asked to: `HyperPodInference(engine=Engine.SELF_HOSTED, cloudwatch_metrics=True)`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from hyperpod_inference.api import names

FIVE_MINUTES: Final = Duration.minutes(5)


class EndpointState:
    """What the operator tells of one endpoint.

    Args:
        name, namespace: of the resource.
        cluster_name: the operator's `EKS_CLUSTER_NAME`; default not set.
    """

    def __init__(self, name: str, namespace: str = "default", cluster_name: str | None = None) -> None:
        self._dimensions = {"resource_name": name, "namespace": namespace, **_cluster(cluster_name)}

    def ready(self, **options: Any) -> cloudwatch.Metric:
        """1 while the endpoint is `Ready`; maximum over 5 minutes."""
        return self._of(names.METRIC_ENDPOINT_READY, "Maximum", options)

    def desired_replicas(self, **options: Any) -> cloudwatch.Metric:
        """Replicas asked for by the spec or a scaler; minimum over 5 minutes."""
        return self._of(names.METRIC_ENDPOINT_DESIRED, "Minimum", options)

    def replicas(self, **options: Any) -> cloudwatch.Metric:
        """Ready replicas; minimum over 5 minutes."""
        return self._of(names.METRIC_ENDPOINT_REPLICAS, "Minimum", options)

    def fallback_replicas(self, **options: Any) -> cloudwatch.Metric:
        """Ready replicas on another type than the first of `instanceTypes`; minimum over 5 minutes."""
        return self._of(names.CLOUDWATCH_FALLBACK_REPLICAS, "Minimum", options)

    def false_conditions(self, **options: Any) -> cloudwatch.Metric:
        """How many of the endpoint's conditions are False; maximum over 5 minutes."""
        return self._of(names.METRIC_ENDPOINT_FAILING, "Maximum", options)

    def certificate_days_left(self, **options: Any) -> cloudwatch.Metric:
        """Days until the load balancer's certificate ends; minimum over 5 minutes."""
        return self._of(names.CLOUDWATCH_CERTIFICATE_DAYS, "Minimum", options)

    def _of(self, name: str, statistic: str, options: Mapping[str, Any]) -> cloudwatch.Metric:
        return metric(name, self._dimensions, {"statistic": statistic, **options})


class OperatorMetrics:
    """What the operator tells of itself. cluster_name: its `EKS_CLUSTER_NAME`; default not set."""

    def __init__(self, cluster_name: str | None = None) -> None:
        self._cluster = _cluster(cluster_name)

    def leaders(self, **options: Any) -> cloudwatch.Metric:
        """1 while a replica of the operator leads; maximum over 5 minutes."""
        return metric(names.METRIC_LEADER, self._cluster, {"statistic": "Maximum", **options})

    def memory(self, **options: Any) -> cloudwatch.Metric:
        """Bytes of the leading replica; maximum over 5 minutes."""
        return metric("process_resident_memory_bytes", self._cluster, {"statistic": "Maximum", **options})

    def reconciles(self) -> cloudwatch.MathExpression:
        """Reconciles by controller and result, for a dashboard; sums over 5 minutes."""
        return self._each(names.METRIC_RECONCILES, ("controller", "result"), "Sum")

    def reconcile_errors(self) -> cloudwatch.MathExpression:
        """Reconciles that failed by controller, for a dashboard; sums over 5 minutes."""
        return self._each(names.METRIC_RECONCILE_ERRORS, ("controller",), "Sum")

    def queue_depth(self) -> cloudwatch.MathExpression:
        """Resources that wait by controller, for a dashboard; maxima over 5 minutes."""
        return self._each("workqueue_depth", ("name",), "Maximum")

    def _each(self, name: str, by: Sequence[str], statistic: str) -> cloudwatch.MathExpression:
        """Every series of a metric: which there are is known only when somebody looks."""
        schema = ",".join((names.CLOUDWATCH_NAMESPACE, *self._cluster, *by))
        here = "".join(f' {key}="{value}"' for key, value in self._cluster.items())
        seconds = int(FIVE_MINUTES.to_seconds())
        search = f"""SEARCH('{{{schema}}} MetricName="{name}"{here}', '{statistic}', {seconds})"""
        return cloudwatch.MathExpression(
            expression=search, using_metrics={}, period=FIVE_MINUTES, label=f"${{PROP('Dim.{by[0]}')}}"
        )


def _cluster(name: str | None) -> dict[str, str]:
    return {"cluster_name": name} if name else {}


def metric(name: str, dimensions: Mapping[str, str], options: Mapping[str, Any]) -> cloudwatch.Metric:
    """A metric of the namespace; over 5 minutes unless the options, of `cloudwatch.Metric`, say otherwise."""
    values: dict[str, Any] = {"period": FIVE_MINUTES, "dimensions_map": dict(dimensions), **options}
    return cloudwatch.Metric(namespace=names.CLOUDWATCH_NAMESPACE, metric_name=name, **values)
