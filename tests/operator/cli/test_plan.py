"""`hyperpod-inference plan`: what kubectl's applies mean, and the command against a real API server."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hyperpod_inference.cli.dry_run import applied_by, merge_patch
from hyperpod_inference.cli.main import main

Body = dict[str, Any]
EXAMPLE = Path(__file__).parents[3] / "charts/hyperpod_charts/examples/llm-fallback.yaml"
NAMESPACE = "plan-test"


@pytest.mark.parametrize(
    ("last", "wanted", "expected"),
    [
        ({}, {"a": 1}, {"a": 1}),
        ({"a": 1, "b": 2}, {"a": 1}, {"b": None, "a": 1}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"c": None, "b": 3}}),
        ({"a": [1, 2]}, {"a": [1]}, {"a": [1]}),
        ({"a": {"b": 1}}, {"a": 2}, {"a": 2}),
    ],
)
def test_what_left_the_file_is_removed(last: Body, wanted: Body, expected: Body) -> None:
    assert merge_patch(last, wanted) == expected


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], "kubectl"),
        ([{"manager": "flux", "operation": "Apply"}], "flux"),
        ([{"manager": "kubectl-edit", "operation": "Update"}], "kubectl"),
        ([{"manager": "hyperpod-inference", "operation": "Apply"}], "kubectl"),
        ([{"manager": "flux", "operation": "Apply", "subresource": "status"}], "kubectl"),
    ],
)
def test_fields_are_compared_under_the_manager_that_applied_them(entries: list[Body], expected: str) -> None:
    assert applied_by({"metadata": {"managedFields": entries}}) == expected


def test_input_that_does_not_parse_ends_with_status_2_before_any_cluster_is_asked(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(EXAMPLE.read_text().replace("replicas: 3", "replicas: three"))
    result = CliRunner().invoke(main, ["plan", "-f", str(wrong), "--kubeconfig", "nowhere"])
    assert result.exit_code == 2
    assert "spec.replicas: got 'three'" in result.stderr


def test_a_kubeconfig_that_is_not_there_is_status_1() -> None:
    result = CliRunner().invoke(main, ["plan", "-f", str(EXAMPLE), "--kubeconfig", "nowhere"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no kubeconfig at nowhere" in result.stderr
