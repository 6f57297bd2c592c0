"""The CDK app's whole life on AWS on loopback, by the real `cdk`: what `make deploy-local` shows."""

import os
from pathlib import Path

import pytest

from hyperpod_inference.local.aws.deployment import deploy

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(1200)
def test_the_app_is_deployed_changed_and_destroyed_and_nothing_differs_in_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    programs = [str(ROOT / ".venv" / "bin"), str(ROOT / "node_modules" / ".bin"), os.environ["PATH"]]
    monkeypatch.setenv("PATH", os.pathsep.join(programs))
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    told: list[str] = []
    steps = {f"{number} {step.name}": step.result for number, step in enumerate(deploy(ROOT, told.append))}
    resources, _, status = steps["1 deploy"].partition(" resources ")
    assert (int(resources) > 50, status) == (True, "CREATE_COMPLETE")
    assert (steps["2 diff"], steps["4 diff"]) == ("no differences", "no differences")
    assert steps["3 update"] == "1 resources UPDATE_COMPLETE"
    assert "AWS::EKS" not in steps["5 destroy"]
    assert any(line.startswith("deploy") for line in told)
