"""Makes the JSON of the boards with the Foundation SDK: `python -m hyperpod_charts.dashboards.build`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, table, text, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    GridPos,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from grafana_foundation_sdk.models.text import TextMode

from hyperpod_charts.dashboards.boards import BOARDS
from hyperpod_charts.dashboards.model import Board, Panel, Row, Variable

HEIGHT, COLUMNS = 8, 24
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
# AWS's dashboard has a uid of its own, so that both can stand in one Grafana.
UID_PREFIX = "hyperpod-inference-"
FOLDER = Path(__file__).parent / "json"


def write(folder: Path) -> list[Path]:
    """Writes a file for each board and returns them; the same boards give the same bytes."""
    made = []
    for board in BOARDS:
        made.append(folder / f"{board.file}.json")
        made[-1].write_text(to_json(board), encoding="utf-8")
    return made


def to_json(board: Board) -> str:
    """The dashboard as Grafana imports it.

    Braces in pairs are written as escapes, so that a Helm chart may hold the text as it is.
    """
    made = json.dumps(_dashboard(board).build(), cls=JSONEncoder, indent=1, sort_keys=True) + "\n"
    return made.replace("{{", r"\u007b\u007b").replace("}}", r"\u007d\u007d")


def _dashboard(board: Board) -> dashboard.Dashboard:
    made = (
        dashboard.Dashboard(board.title)
        .uid(f"{UID_PREFIX}{board.file}")
        .description(board.description)
        .tags(["hyperpod", "inference"])
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("browser")
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )
    for variable in board.variables:
        made = made.with_variable(_variable(variable))
    top = 0
    for row in board.rows:
        top = _add_row(made, row, top)
    return made


def _variable(variable: Variable) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(variable.name)
        .datasource(SOURCE)
        .query(variable.query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .include_all(True)
        .all_value(".*")
        .multi(True)
    )


def _add_row(made: dashboard.Dashboard, row: Row, top: int) -> int:
    """Adds a row at line `top`; returns the first free line below it."""
    builder = dashboard.Row(row.title).collapsed(row.collapsed).grid_pos(_place(0, top, COLUMNS, 1))
    line, column, panels = top + 1, 0, []
    for panel in row.panels:
        if column + panel.width > COLUMNS:
            line, column = line + HEIGHT, 0
        panels.append(_panel(panel).grid_pos(_place(column, line, panel.width, HEIGHT)))
        column += panel.width
    if row.collapsed:
        for each in panels:
            builder = builder.with_panel(each)
        made.with_row(builder)
        return top + 1
    made.with_row(builder)
    for each in panels:
        made.with_panel(each)
    return line + HEIGHT


def _place(x: int, y: int, width: int, height: int) -> GridPos:
    return GridPos(x=x, y=y, w=width, h=height)


def _panel(panel: Panel) -> Any:
    if panel.kind == "text":
        return text.Panel().title(panel.title).mode(TextMode.MARKDOWN).content(panel.text)
    kinds: dict[str, Any] = {"timeseries": timeseries.Panel, "stat": stat.Panel, "table": table.Panel}
    made = kinds[panel.kind]().title(panel.title).datasource(SOURCE).unit(panel.unit)
    if panel.text:
        made = made.description(panel.text)
    if panel.warn is not None or panel.bad is not None:
        made = made.thresholds(_thresholds(panel))
    for letter, query in zip("ABCDEF", panel.queries, strict=False):
        asked = prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(letter)
        made = made.with_target(
            asked.instant().format(PromQueryFormat.TABLE) if panel.kind == "table" else asked.range()
        )
    return made


def _thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    steps = [(panel.warn, "yellow"), (panel.bad, "red")]
    if panel.falling:  # red below `bad`, yellow below `warn`, green above
        steps = [(panel.bad, "yellow"), (panel.warn, "green")]
    first = Threshold(value=None, color="red" if panel.falling else "green")
    rest = [Threshold(value=value, color=color) for value, color in steps if value is not None]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps([first, *rest])


if __name__ == "__main__":
    for path in write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER):
        sys.stdout.write(f"{path}\n")
