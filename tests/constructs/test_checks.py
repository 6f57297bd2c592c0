"""The checks of every synth, on every kind of installation: rule packs, CloudFormation's schemas, a
snapshot."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App
from aws_cdk.assertions import Template
from cfnlint import lint

from hyperpod_constructs import Engine, StackSettings, add_checks, make_stacks

SNAPSHOT = Path(__file__).with_name("quick_install.json")
KINDS: Mapping[str, dict[str, Any]] = {
    "quick install": {},
    "everything": {
        "karpenter": True,
        "training_operator": True,
        "task_governance": True,
        "observability": True,
        "admins": ("arn:aws:iam::111122223333:role/Admin",),
        "public_access_cidrs": ("203.0.113.0/24",),
    },
    "closed network, self-hosted": {"nat_gateways": 0, "engine": Engine.SELF_HOSTED},
    "two stacks": {"two_stacks": True},
}
MOST_ACKNOWLEDGED = 21


@pytest.fixture(scope="module", params=list(KINDS))
def assembly(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the templates and the report of one kind of installation."""
    folder = tmp_path_factory.mktemp("assembly")
    app = App(builtin_cloud_formation_validation=False, outdir=str(folder))
    make_stacks(app, StackSettings(**KINDS[request.param]))
    add_checks(app)
    app.synth()
    return folder


def test_six_rule_packs_find_nothing_that_is_not_acknowledged_with_a_reason(assembly: Path) -> None:
    report = json.loads((assembly / "validation-report.json").read_text())
    packs = {pack["pluginName"]: pack for pack in report["pluginReports"]}
    assert {name: pack["violations"] for name, pack in packs.items() if pack["violations"]} == {}
    accepted = [found for pack in packs.values() for found in pack.get("suppressedViolations", [])]
    assert accepted
    assert [found for found in accepted if len(found["reason"]) < 20] == []


def test_cloudformations_own_schemas_have_no_finding(assembly: Path) -> None:
    templates = sorted(assembly.glob("*.template.json"))
    assert templates
    for path in templates:
        found = lint(path.read_text(), config={"regions": ["us-west-2"]})
        assert [f"{each.rule.id} {each.path}: {each.message}" for each in found] == []


def test_a_wrong_template_would_be_found() -> None:
    resource = {"Type": "AWS::EKS::Addon", "Properties": {"ClusterName": "a", "ResolveConflicts": "MAYBE"}}
    found = lint(json.dumps({"Resources": {"A": resource}}), config={"regions": ["us-west-2"]})
    assert {"E3003", "E3030"} <= {each.rule.id for each in found}


def test_the_rule_packs_have_no_more_to_accept_than_before(tmp_path: Path) -> None:
    app = App(builtin_cloud_formation_validation=False, outdir=str(tmp_path))
    make_stacks(app, StackSettings())
    add_checks(app)
    app.synth()
    report = json.loads((tmp_path / "validation-report.json").read_text())
    (pack,) = [each for each in report["pluginReports"] if each["pluginName"] == "AwsSolutions"]
    assert len(pack["suppressedViolations"]) <= MOST_ACKNOWLEDGED


def test_quick_install_is_what_it_was(quick: Template) -> None:
    """Look at the difference, then write the snapshot again: HYPERPOD_SNAPSHOT=write pytest THIS_FILE."""
    now = json.dumps(quick.to_json(), indent=1, sort_keys=True) + "\n"
    if os.environ.get("HYPERPOD_SNAPSHOT") == "write":
        SNAPSHOT.write_text(now)
    assert json.loads(SNAPSHOT.read_text()) == json.loads(now)


def test_templates_are_the_same_each_time(install: Callable[..., Template]) -> None:
    one, other = (install(**KINDS["everything"]) for _ in range(2))
    assert json.dumps(one.to_json()) == json.dumps(other.to_json())
