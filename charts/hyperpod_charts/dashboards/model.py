"""What a dashboard is made of, as values: boards of rows of panels with queries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

# Label matchers of the variables. Router series carry the same labels by the monitor's relabelling.
SCOPE = 'cluster_id=~"$cluster_id",namespace=~"$namespace",resource_name=~"$resource"'
CLUSTER = 'cluster_id=~"$cluster_id"'
SOURCE_ROUTER = "router"
"""What the routers' monitor writes into metric_source."""
WINDOW = "5m"
BY = "namespace, resource_name"
LEGEND = "{{namespace}}/{{resource_name}}"


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression and how its series are named."""

    expr: str
    legend: str = LEGEND


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel.

    kind: timeseries, stat, table or text. warn, bad: where yellow and red begin; falling: red is below them.
    text: what a text panel says, and else the panel's description.
    """

    title: str
    queries: tuple[Query, ...] = ()
    unit: str = "short"
    kind: str = "timeseries"
    warn: float | None = None
    bad: float | None = None
    falling: bool = False
    text: str = ""
    width: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A titled row; a collapsed one opens on a click."""

    title: str
    panels: tuple[Panel, ...]
    collapsed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A variable of the dashboard, with the values of a label."""

    name: str
    query: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A dashboard. file: its name without `.json`, and the end of its uid."""

    file: str
    title: str
    description: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]

    def queries(self) -> Iterator[tuple[str, str]]:
        """Title of the panel and expression, of every query."""
        for row in self.rows:
            for panel in row.panels:
                for query in panel.queries:
                    yield panel.title, query.expr


def p(percent: int, metric: str, labels: str = SCOPE, by: str = BY) -> str:
    """A percentile of a histogram, without its `_bucket`."""
    series = f"sum by (le, {by}) (rate({metric}_bucket{{{labels}}}[{WINDOW}]))"
    return f"histogram_quantile({percent / 100:g}, {series})"


def rate(metric: str, labels: str = SCOPE, by: str = BY) -> str:
    """How fast a counter grows, per second."""
    return f"sum by ({by}) (rate({metric}{{{labels}}}[{WINDOW}]))"


def total(metric: str, labels: str = SCOPE, by: str = BY) -> str:
    """A gauge, added up."""
    return f"sum by ({by}) ({metric}{{{labels}}})"


def mean(metric: str, labels: str = SCOPE, by: str = BY) -> str:
    """A gauge's mean."""
    return f"avg by ({by}) ({metric}{{{labels}}})"


def variables(metric: str) -> tuple[Variable, ...]:
    """Cluster, namespace and endpoint, by the labels of a metric."""
    here = f'{CLUSTER},namespace=~"$namespace"'
    return (
        Variable(name="cluster_name", query=f"label_values({metric}, cluster_name)"),
        Variable(
            name="cluster_id", query=f'label_values({metric}{{cluster_name=~"$cluster_name"}}, cluster_id)'
        ),
        Variable(name="namespace", query=f'label_values({metric}{{cluster_id=~"$cluster_id"}}, namespace)'),
        Variable(
            name="resource",
            query=f"label_values({metric}{{{here}}}, resource_name)",
        ),
    )
