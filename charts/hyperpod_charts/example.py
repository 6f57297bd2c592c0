"""The example endpoint that ships with the charts, in examples/*.yaml, and the chart that applies it.

The files are the single source: the demo, the documents and the tests use these, and nobody keeps a copy.
"""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import yaml
from cdk8s import Chart
from constructs import Construct

from hyperpod_charts.manifest import add_all

DEFAULT = "llm-fallback.yaml"


def folder() -> Traversable:
    """Returns the folder of the packaged examples."""
    return resources.files("hyperpod_charts") / "examples"


def example(name: str = DEFAULT) -> list[dict[str, Any]]:
    """Returns the objects of one packaged example file, in the file's order.

    Raises:
        LookupError: there is no such file; the message lists those there are.
    """
    path = folder() / name
    if not path.is_file():
        known = ", ".join(sorted(entry.name for entry in folder().iterdir()))
        raise LookupError(f"no packaged example {name!r}; there are: {known}")
    return [body for body in yaml.safe_load_all(path.read_text("utf-8")) if body]


class ExampleChart(Chart):
    """One endpoint to start from. It needs the CRDs Established."""

    def __init__(self, scope: Construct, id: str, name: str = DEFAULT) -> None:
        super().__init__(scope, id)
        add_all(self, example(name))
