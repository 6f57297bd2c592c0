"""`hyperpod-inference validate`: the verdict on many manifests, without a cluster."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hyperpod_inference.cli.main import main

EXAMPLES = Path(__file__).parents[3] / "charts" / "hyperpod_charts" / "examples"
GOOD = """\
apiVersion: inference.sagemaker.aws.amazon.com/v1
kind: JumpStartModel
metadata: {name: llama}
spec:
  model: {modelId: meta-textgeneration-llama-3-1-8b, acceptEula: true}
  server:
    instanceType: ml.g5.8xlarge
"""
OTHER = "apiVersion: v1\nkind: Namespace\nmetadata: {name: team-a}\n"
WRONG_TWICE = GOOD.replace("{name: llama}", "{name: 7b}").replace(
    "ml.g5.8xlarge", "ml.g5.8xlarge\n    acceleratorPartitionType: mig-1g.5gb"
)
NEW_TYPE = GOOD.replace("ml.g5.8xlarge", "ml.g9.8xlarge")
OLDER = GOOD.replace("amazon.com/v1", "amazon.com/v1alpha1")


def run(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(main, ["validate", *arguments], input=text)


def test_the_shipped_examples_are_right() -> None:
    result = run("-f", str(EXAMPLES))
    assert result.exit_code == 0, result.output
    assert ": 0 errors, 0 warnings" in result.stdout.splitlines()[-1]


def test_every_document_is_judged_with_file_line_and_field(tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    file.write_text("---\n".join((OTHER, GOOD, WRONG_TWICE)))
    result = run("-f", str(file))
    assert result.exit_code == 2
    name, partition, summary = result.stdout.splitlines()
    assert name.startswith(f"{file}:15: metadata.name: a Service and containers carry this name")
    assert partition.startswith(f"{file}:20: spec.server.acceleratorPartitionType: instanceType has no GPU")
    assert summary == "2 resources in 1 file: 2 errors, 0 warnings, 1 document of other APIs skipped"


def test_a_directory_is_searched_for_manifests_and_a_broken_file_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.yml").write_text(GOOD)
    (tmp_path / "b.json").write_text("{")
    (tmp_path / "notes.txt").write_text("{")
    result = run("-f", str(tmp_path))
    assert result.exit_code == 2
    first, summary = result.stdout.splitlines()
    assert first.startswith(f"{tmp_path}/b.json:1: not valid YAML")
    assert summary == "1 resource in 2 files: 1 error, 0 warnings"


def test_a_directory_without_manifests_is_told(tmp_path: Path) -> None:
    result = run("-f", str(tmp_path))
    assert result.exit_code == 2
    assert result.stderr == f"{tmp_path}: holds no manifests, expected files named *.yaml, *.yml, *.json\n"


def test_a_warning_is_told_and_refuses_nothing() -> None:
    result = run("-f", "-", text=NEW_TYPE)
    assert result.exit_code == 0
    assert result.stdout.startswith(
        "<stdin>:7: warning: spec.server.instanceType: ml.g9.8xlarge is no instance type"
    )


def test_the_report_as_json_holds_the_same() -> None:
    result = run("-f", "-", "--output", "json", text=f"{WRONG_TWICE}---\n{NEW_TYPE}")
    report = json.loads(result.stdout)
    assert result.exit_code == 2
    assert {key: report[key] for key in ("valid", "files", "resources", "skipped", "errors", "warnings")} == {
        "valid": False,
        "files": 1,
        "resources": 2,
        "skipped": 0,
        "errors": 2,
        "warnings": 1,
    }
    assert {key: report["findings"][0][key] for key in ("file", "line", "field", "severity")} == {
        "file": "<stdin>",
        "line": 3,
        "field": "metadata.name",
        "severity": "error",
    }


def test_a_kind_of_old_samples_is_not_skipped() -> None:
    result = run("-f", "-", text=GOOD.replace("JumpStartModel", "ModelDeployment"))
    assert result.exit_code == 2
    assert "kind: got 'ModelDeployment', expected InferenceEndpointConfig" in result.stdout


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "", None),
        ("  server:", "  kvCacheSpec: {}\n  server:", "spec.kvCacheSpec: got an unknown field"),
        ("{name: llama}", "{name: 7b}", "metadata.name: a Service"),
    ],
)
def test_the_older_version_is_judged_as_what_it_becomes_and_by_the_fields_it_has(
    old: str, new: str, said: str | None
) -> None:
    result = run("-f", "-", text=OLDER.replace(old, new, 1) if old else OLDER)
    assert result.exit_code == (2 if said else 0), result.output
    assert said is None or said in result.stdout
