"""The shipped example renders to exactly what is kept in golden/llm-fallback.yaml.

After a wanted change, write it anew and read the difference:
HYPERPOD_UPDATE_GOLDEN=1 pytest tests/operator/render
"""

import os
from pathlib import Path

import yaml

from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render import render

SETTINGS = OperatorSettings(region="us-west-2")
GOLDEN = Path(__file__).parent / "golden" / "llm-fallback.yaml"


def test_the_example_renders_to_the_kept_manifests(example: InferenceEndpointConfig) -> None:
    text = yaml.safe_dump_all(render(example, SETTINGS).manifests, sort_keys=False, width=110)
    if os.environ.get("HYPERPOD_UPDATE_GOLDEN") == "1":
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_the_example_asks_for_nothing_that_is_not_built(example: InferenceEndpointConfig) -> None:
    assert render(example, SETTINGS).not_built == ()
