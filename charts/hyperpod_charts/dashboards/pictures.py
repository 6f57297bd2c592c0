"""Pictures of the boards from what a real Prometheus answered, minutes to the right: `make pictures`.

    python pictures.py PANELS.json FOLDER

Run as a file in an environment of its own, with matplotlib alone: nothing of the project is imported.
"""

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt  # the back end comes first

COLUMNS, ROW_HEIGHT, WIDTH = 24, 1.9, 13.0
"""Of Grafana's grid; the others in inches."""
MOST_LINES, MOST_ROWS = 8, 8
_SCALES = {"bytes": (2**20, "MiB"), "ms": (1, "ms"), "s": (1, "s"), "percentunit": (0.01, "%")}
Board = Mapping[str, Any]


def draw(board: Board, folder: Path) -> Path:
    """One picture of all panels, in the order and the widths of the dashboard."""
    lines = [(row["title"], line) for row in board["rows"] for line in _lines(row["panels"])]
    height = ROW_HEIGHT * len(lines) + 0.4
    figure = plt.figure(figsize=(WIDTH, height))
    edge = 0.3 / height
    grid = figure.add_gridspec(
        len(lines), COLUMNS, left=0.05, right=0.99, bottom=edge, top=1 - 2 * edge, hspace=0.45, wspace=4.0
    )
    said = ""
    for at, (row, line) in enumerate(lines):
        column = 0
        for panel in line:
            axes = figure.add_subplot(grid[at, column : column + panel["width"]])
            heading = f"{row}: " if row != said else ""
            axes.set_title(heading + panel["title"], fontsize=8, loc="left")
            said = row
            _KINDS[panel["kind"]](axes, panel)
            column += panel["width"]
    path = folder / f"{board['file']}.png"
    figure.savefig(path, dpi=72, metadata={"Software": ""})
    plt.close(figure)
    return path


def _lines(panels: Sequence[Board]) -> Iterator[list[Board]]:
    line: list[Board] = []
    for panel in panels:
        if sum(each["width"] for each in line) + panel["width"] > COLUMNS:
            yield line
            line = []
        line.append(panel)
    if line:
        yield line


def _over_time(axes: Any, panel: Board) -> None:
    scale, unit = _SCALES.get(panel["unit"], (1, "" if panel["unit"] == "short" else panel["unit"]))
    for series in panel["series"][:MOST_LINES]:
        minutes = [at / 60 for at, _ in series["points"]]
        values = [value / scale if math.isfinite(value) else math.nan for _, value in series["points"]]
        axes.plot(minutes, values, linewidth=1, label=series["name"])
    axes.set_ylim(bottom=0)
    axes.tick_params(labelsize=6)
    axes.grid(alpha=0.3)
    axes.set_ylabel(unit, fontsize=6)
    left = len(panel["series"]) - MOST_LINES
    title = f"and {left} more" if left > 0 else None
    axes.legend(fontsize=5, loc="upper left", framealpha=0.6, title=title, title_fontsize=5)


def _number(axes: Any, panel: Board) -> None:
    axes.axis("off")
    said = [f"{series['points'][-1][1]:g} {series['name']}" for series in panel["series"][:MOST_ROWS]]
    axes.text(0.5, 0.5, "\n".join(said), ha="center", va="center", fontsize=12)


def _table(axes: Any, panel: Board) -> None:
    axes.axis("off")
    keys = sorted({key for series in panel["series"] for key in series["labels"]})
    rows = [
        [
            *(series["labels"].get(key, "")[:24] for key in keys),
            f"{series['points'][-1][1]:g} {series['name']}",
        ]
        for series in panel["series"][:MOST_ROWS]
    ]
    made = axes.table(cellText=rows, colLabels=[*keys, "value", "query"], loc="upper center", cellLoc="left")
    made.auto_set_font_size(False)
    made.set_fontsize(5)


_KINDS = {"timeseries": _over_time, "stat": _number, "table": _table}


def main(source: Path, folder: Path) -> None:
    """Draw every board that has panels with queries."""
    folder.mkdir(parents=True, exist_ok=True)
    for board in json.loads(source.read_text("utf-8")):
        if any(row["panels"] for row in board["rows"]):
            sys.stdout.write(f"{draw(board, folder)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
