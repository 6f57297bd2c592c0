"""The charts' dashboards in CloudWatch, as one: a heading for each board, panels by the same titles.

What is not told to CloudWatch has no panel here: for router, caches and GPUs take the charts' own.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from hyperpod_constructs.alarms import InferenceAlarms
from hyperpod_constructs.monitoring import EndpointMetrics
from hyperpod_constructs.operator_metrics import FIVE_MINUTES, EndpointState, OperatorMetrics

NAME: Final = "hyperpod-inference"
_WIDTH: Final = 8
"""Of a panel; the dashboard has 24 columns."""
_MAX: Final = 24

Metrics = list[cloudwatch.IMetric]


class InferenceDashboard(Construct):
    """A dashboard of endpoints and of the operator.

    Args:
        endpoints: those to show.
        cluster_name: the operator's `EKS_CLUSTER_NAME`; default not set.
        alarms: to show on top; default none.
        name: default hyperpod-inference; one account has one dashboard of a name.

    Attributes:
        dashboard: to add widgets of your own to.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        endpoints: Sequence[EndpointMetrics],
        cluster_name: str | None = None,
        alarms: InferenceAlarms | None = None,
        name: str = NAME,
    ) -> None:
        super().__init__(scope, construct_id)
        self.dashboard = cloudwatch.Dashboard(self, "Dashboard", dashboard_name=name)
        if alarms is not None:
            shown = cloudwatch.AlarmStatusWidget(title="Alarms", alarms=[*alarms.alarms.values()], width=_MAX)
            self.dashboard.add_widgets(shown)
        states = {each: each.state(cluster_name) for each in endpoints}
        for title, panels in (
            ("Inference", [*_inference(endpoints)]),
            ("Fleet", [*_fleet(states)]),
            ("Operator", [*_operator(OperatorMetrics(cluster_name))]),
        ):
            self.dashboard.add_widgets(cloudwatch.TextWidget(markdown=f"# {title}", width=_MAX, height=1))
            for first in range(0, len(panels), _MAX // _WIDTH):
                self.dashboard.add_widgets(*panels[first : first + _MAX // _WIDTH])


def _inference(endpoints: Sequence[EndpointMetrics]) -> Iterator[cloudwatch.IWidget]:
    def of(metric: Callable[[EndpointMetrics], cloudwatch.IMetric]) -> Metrics:
        return [_labelled(metric(each), each) for each in endpoints]

    def computed(expression: Callable[[EndpointMetrics, int], cloudwatch.IMetric]) -> Metrics:
        return [expression(each, number) for number, each in enumerate(endpoints)]

    yield _panel("Incoming Request Rate", computed(_rate), "per second")
    yield _panel("Percentage of Successful Requests", computed(_succeeded), "%")
    yield _panel("Total Concurrent Requests", of(EndpointMetrics.concurrent_requests))
    yield _panel("Latency p90", of(EndpointMetrics.latency), "ms")
    yield _panel("TTFB p90", of(EndpointMetrics.time_to_first_byte), "ms")
    yield _panel("KV Cache Usage", of(EndpointMetrics.kv_cache_usage))


def _fleet(states: dict[EndpointMetrics, EndpointState]) -> Iterator[cloudwatch.IWidget]:
    def of(metric: Callable[[EndpointState], cloudwatch.IMetric]) -> Metrics:
        return [_labelled(metric(state), each) for each, state in states.items()]

    ready, wanted = of(EndpointState.replicas), of(EndpointState.desired_replicas)
    yield _panel("Ready", of(EndpointState.ready))
    yield _panel("Replicas: Ready of Wanted", ready, right=wanted)
    yield _panel("Replicas by Choice", of(EndpointState.fallback_replicas), "not the first choice")
    yield _panel("Certificates: Days Left", of(EndpointState.certificate_days_left), "days")
    yield _panel("Conditions That Are False", of(EndpointState.false_conditions))


def _operator(operator: OperatorMetrics) -> Iterator[cloudwatch.IWidget]:
    yield _panel("Leaders", [operator.leaders()])
    yield _panel("Reconciles", [operator.reconciles()], "in 5 minutes")
    yield _panel("Reconcile Errors", [operator.reconcile_errors()], "in 5 minutes")
    yield _panel("Queue Depth", [operator.queue_depth()])
    yield _panel("Memory", [operator.memory()], "bytes")


def _panel(title: str, left: Metrics, unit: str = "", right: Metrics | None = None) -> cloudwatch.GraphWidget:
    axis = cloudwatch.YAxisProps(label=unit, min=0, show_units=False)
    return cloudwatch.GraphWidget(title=title, left=left, right=right, left_y_axis=axis, width=_WIDTH)


def _who(endpoint: EndpointMetrics) -> str:
    return f"{endpoint.namespace}/{endpoint.name}"


def _labelled(metric: cloudwatch.IMetric, endpoint: EndpointMetrics) -> cloudwatch.IMetric:
    return metric.with_(label=_who(endpoint)) if isinstance(metric, cloudwatch.Metric) else metric


def _rate(endpoint: EndpointMetrics, number: int) -> cloudwatch.MathExpression:
    calls = f"calls{number}"  # ids are of the whole panel
    return cloudwatch.MathExpression(
        expression=f"{calls} / {FIVE_MINUTES.to_seconds():g}",
        using_metrics={calls: endpoint.invocations()},
        label=_who(endpoint),
        period=FIVE_MINUTES,
    )


def _succeeded(endpoint: EndpointMetrics, number: int) -> cloudwatch.MathExpression:
    calls, errors = f"calls{number}", f"errors{number}"
    return cloudwatch.MathExpression(
        expression=f"IF({calls} > 0, 100 * (1 - {errors} / {calls}), 100)",
        using_metrics={calls: endpoint.invocations(), errors: endpoint.errors()},
        label=_who(endpoint),
        period=FIVE_MINUTES,
    )
