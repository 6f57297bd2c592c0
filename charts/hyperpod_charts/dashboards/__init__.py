"""Grafana dashboards: AWS's folder and titles, and two of our own for the operator and the fleet.

`boards` holds them as values, `build` makes Grafana's JSON of them with the Foundation SDK (`make
dashboards`), and what it made is shipped in `json/`. So neither an installation nor the command needs the
SDK.
"""

from __future__ import annotations

from importlib.resources import files

FOLDER = "Inference Dashboards"
"""AWS's own."""


def texts() -> dict[str, str]:
    """Grafana's JSON by file name, such as `inference.json`, in alphabetical order."""
    folder = files(__package__) / "json"
    found = sorted(each.name for each in folder.iterdir() if each.name.endswith(".json"))
    return {name: (folder / name).read_text("utf-8") for name in found}
