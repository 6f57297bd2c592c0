"""The alerts fire when they should and stay silent else: promtool runs alerts.promtool.yaml over the rules.

promtool comes with Prometheus (Debian: `apt install prometheus`). HYPERPOD_PROMTOOL names it where it is not
on PATH.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from hyperpod_charts import rules

CASES = Path(__file__).with_name("alerts.promtool.yaml")
PROMTOOL = os.environ.get("HYPERPOD_PROMTOOL") or shutil.which("promtool")


def _cases() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(CASES.read_text("utf-8"))["tests"]
    return found


def test_every_alert_has_a_case_in_which_it_fires() -> None:
    firing = {
        rule["alertname"]
        for case in _cases()
        for rule in case.get("alert_rule_test", ())
        if rule["exp_alerts"]
    }
    assert firing == {rule["alert"] for rule in rules.alerts()}


def test_a_case_expects_the_words_of_the_rule() -> None:
    told = {rule["alert"]: rule["annotations"] for rule in rules.alerts()}
    for case in _cases():
        for rule in case.get("alert_rule_test", ()):
            for alert in rule["exp_alerts"]:
                assert alert["exp_annotations"] == told[rule["alertname"]]


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not here: it comes with Prometheus")
def test_promtool_agrees(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": rules.groups()}), encoding="utf-8")
    shutil.copy(CASES, tmp_path / "cases.yaml")
    for command in (["check", "rules", "rules.yaml"], ["test", "rules", "cases.yaml"]):
        done = subprocess.run(
            [str(PROMTOOL), *command], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
