"""What goes into `manifest` is what comes out of the chart."""

from __future__ import annotations

from typing import Any

import pytest
from cdk8s import App, Chart

from hyperpod_charts.manifest import add_all, manifest

CONFIG_MAP: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {
        "name": "words",
        "namespace": "default",
        "labels": {"app": "x"},
        "annotations": {"a/b": "1"},
    },
    "immutable": True,
    "data": {"on": "yes", "octal": "0777", "lines": "one\n  two\n"},
}


@pytest.fixture
def chart() -> Chart:
    return Chart(App(), "chart")


def test_an_object_comes_out_as_it_went_in(chart: Chart) -> None:
    manifest(chart, "words", CONFIG_MAP)
    assert chart.to_json() == [CONFIG_MAP]


def test_empty_values_and_whole_numbers_survive(chart: Chart) -> None:
    spec = {"emptyDir": {}, "args": [], "text": "", "zero": 0, "no": False, "nested": {"n": [1, {"m": {}}]}}
    manifest(chart, "x", {"apiVersion": "v1", "kind": "Anything", "metadata": {"name": "x"}, "spec": spec})
    assert chart.to_json()[0]["spec"] == spec


def test_objects_keep_their_order(chart: Chart) -> None:
    bodies = [{**CONFIG_MAP, "metadata": {"name": name}} for name in ("zebra", "ant", "mole")]
    add_all(chart, bodies)
    assert [body["metadata"]["name"] for body in chart.to_json()] == ["zebra", "ant", "mole"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": ""}, "missing: kind"),
        ({"metadata": {}}, "missing: metadata"),
        ({"metadata": {"namespace": "default"}}, "metadata.name is missing"),
        (
            {"metadata": {"name": "x", "uid": "1", "generation": 2}},
            "metadata holds generation, uid; a chart sets",
        ),
    ],
)
def test_an_object_a_chart_cannot_hold_is_refused_with_its_id(
    chart: Chart, change: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says) as refused:
        manifest(chart, "the-id", {**CONFIG_MAP, **change})
    assert str(refused.value).startswith("the-id: ")
