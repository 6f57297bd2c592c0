"""Dashboards and rules: what is shipped is what is built, queries parse, every alert has a runbook."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest

from hyperpod_charts import rules
from hyperpod_charts.dashboard_maps import config_maps
from hyperpod_charts.dashboards import FOLDER, build, texts
from hyperpod_charts.dashboards.boards import BOARDS
from hyperpod_charts.dashboards.model import Board
from hyperpod_inference.api.settings import OperatorSettings

RUNBOOKS = Path(__file__).parents[2] / "docs" / "alerts.md"
AWS_TITLES = {
    "Inference",
    "KVCache Metrics",
    "Intelligent Router Metrics",
    "Disaggregated Prefill Decode (DPD) Metrics",
    "Inference Gateway",
}


def test_what_is_shipped_is_what_is_built() -> None:
    built = {f"{board.file}.json": build.to_json(board) for board in BOARDS}
    assert texts() == built, "the boards have changed: run `make dashboards`"


def test_the_same_boards_give_the_same_files(tmp_path: Path) -> None:
    paths = build.write(tmp_path)
    assert {path.name: path.read_text("utf-8") for path in paths} == texts()


def test_they_stand_in_awss_folder_under_awss_titles(chart_settings: OperatorSettings) -> None:
    assert {json.loads(text)["title"] for text in texts().values()} == AWS_TITLES | {"Operator", "Fleet"}
    made = config_maps(chart_settings)
    assert {each["metadata"]["annotations"]["grafana_folder"] for each in made} == {FOLDER}
    assert FOLDER == "Inference Dashboards"
    assert {name for each in made for name in each["data"]} == set(texts())


def test_no_text_holds_braces_that_helm_would_read() -> None:
    assert [name for name, text in texts().items() if "{{" in text or "}}" in text] == []
    assert "{{namespace}}" in json.loads(texts()["inference.json"])["panels"][2]["targets"][0]["legendFormat"]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.title)
def test_panels_do_not_overlap_and_have_ids_of_their_own(board: Board) -> None:
    made = json.loads(build.to_json(board))
    places = [panel["gridPos"] for panel in made["panels"]]
    cells = [
        (x, y)
        for each in places
        for x in range(each["x"], each["x"] + each["w"])
        for y in range(each["y"], each["y"] + each["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23
    assert made["uid"] == f"hyperpod-inference-{board.file}"


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.title)
def test_every_query_of_a_panel_parses(board: Board) -> None:
    for title, expr in board.queries():
        assert "$datasource" not in expr, title
        promql_parser.parse(expr)


def test_every_variable_of_a_query_is_one_of_the_board() -> None:
    for board in BOARDS:
        defined = {variable.name for variable in board.variables}
        used = {name for _, expr in board.queries() for name in re.findall(r"\$(\w+)", expr)}
        assert used <= defined, board.title


def _rules() -> Iterator[dict[str, Any]]:
    for group in rules.groups():
        yield from group["rules"]


@pytest.mark.parametrize("rule", [*_rules()], ids=lambda rule: rule.get("record") or rule["alert"])
def test_every_rule_parses(rule: dict[str, Any]) -> None:
    promql_parser.parse(rule["expr"])


def test_a_record_that_an_alert_reads_is_recorded() -> None:
    recorded = {rule["record"] for rule in rules.records()}
    read = {
        name for rule in rules.alerts() for name in re.findall(r"hyperpod_inference:[\w:]+", rule["expr"])
    }
    assert read and read <= recorded


def test_every_alert_has_a_section_in_the_runbooks_and_no_section_is_left_over() -> None:
    sections = re.findall(r"^## (HyperPod\w+)$", RUNBOOKS.read_text("utf-8"), re.M)
    assert sections == [rule["alert"] for rule in rules.alerts()]
    for rule in rules.alerts():
        assert rule["annotations"]["runbook"] == f"docs/alerts.md#{rule['alert'].lower()}"
        assert rule["for"] and rule["labels"]["severity"] in ("info", "warning", "critical")
