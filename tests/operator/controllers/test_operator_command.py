"""`hyperpod-inference operator`: unusable input is one line and status 2; logs are one object per line."""

import json
import logging
from pathlib import Path

import pytest
from click.testing import CliRunner

from hyperpod_inference.cli.operator import JsonFormatter, command


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"METRICS_PORT": "many"}, "error: environment variable METRICS_PORT: got 'many'"),
        ({}, "error: no kubeconfig at"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_status_2(env: dict[str, str], said: str, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    result = CliRunner().invoke(command, ["--kubeconfig", missing], env=env)
    assert result.exit_code == 2
    assert result.stderr.startswith(said)
    assert result.stderr.count("\n") == 1


def test_a_log_line_is_one_json_object() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    record = logging.LogRecord(
        "hyperpod_inference.kube.lease", logging.WARNING, "f", 1, "lost %s", ("it",), info
    )
    text = JsonFormatter().format(record)
    entry = json.loads(text)
    assert "\n" not in text
    assert (entry["level"], entry["logger"], entry["message"]) == ("warning", "kube.lease", "lost it")
    assert entry["time"].endswith("Z")
    assert "ValueError: two" in entry["traceback"]
