"""The door of the command line to the charts.

They need cdk8s, which the operator's own image never holds, so they are loaded when they are asked for, and
who lacks them is told what to install.
"""

import importlib
import os
from typing import Any

import click


def load(module: str) -> Any:
    """The module of this name of `hyperpod_charts`; raises ClickException where cdk8s is missing."""
    # jsii prints an 11-line banner on Node 20 otherwise.
    os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
    try:
        return importlib.import_module(f"hyperpod_charts.{module}")
    except ImportError as missing:
        raise click.ClickException(
            f"the charts are not installed ({missing}): pip install 'hyperpod-inference[cdk]', or start a "
            "local cluster without them with `local up --bare`"
        ) from missing
