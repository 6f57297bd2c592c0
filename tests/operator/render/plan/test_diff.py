"""Which fields differ, under which path."""

from typing import Any

import pytest

from hyperpod_inference.render.plan.diff import Change, changes

LONG = "app.kubernetes.io/name"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"spec": {"replicas": 1}}, {"spec": {"replicas": 2}}, [("spec.replicas", 1, 2)]),
        ({"spec": {}}, {"spec": {"a": {"b": 1}}}, [("spec.a", None, {"b": 1})]),
        ({"spec": {"a": 0}}, {"spec": {}}, [("spec.a", 0, None)]),
        ({"spec": {"args": ["a"]}}, {"spec": {"args": ["b"]}}, [("spec.args", ["a"], ["b"])]),
        (
            {"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}]},
            {"containers": [{"name": "b", "image": "z"}, {"name": "a", "image": "x"}]},
            [("containers[b].image", "y", "z")],
        ),
        (
            {"ports": [{"port": 80, "targetPort": 1}]},
            {"ports": [{"port": 80, "targetPort": 2}, {"port": 81}]},
            [("ports[80].targetPort", 1, 2), ("ports[81]", None, {"port": 81})],
        ),
        ({"spec": {LONG: "a"}}, {"spec": {LONG: "b"}}, [(f"spec[{LONG}]", "a", "b")]),
        ({"items": [{"a": 1}]}, {"items": [{"a": 2}]}, [("items", [{"a": 1}], [{"a": 2}])]),
    ],
)
def test_each_field_has_its_path(before: Any, after: Any, expected: list[tuple[Any, ...]]) -> None:
    assert changes(before, after) == tuple(Change(*each) for each in expected)


def test_status_and_the_servers_bookkeeping_are_no_changes() -> None:
    before = {"metadata": {"name": "a", "resourceVersion": "1", "uid": "u"}, "status": {"ready": 1}}
    after = {"metadata": {"name": "a", "generation": 2, "managedFields": []}}
    assert changes(before, after) == ()
