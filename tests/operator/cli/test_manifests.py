"""`hyperpod-inference manifests`: what installs the operator, for kubectl, kustomize and Helm."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from hyperpod_charts import synth
from hyperpod_charts.example import folder
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.cli.main import main

Body = dict[str, Any]
SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
SCHEDULER = "registry.example.com/kube-scheduler:v1.33.1"


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, ["manifests", *arguments], env=environment)


def printed(result: Result) -> list[Body]:
    assert result.exit_code == 0, result.output
    return list(yaml.load_all(result.stdout, SafeLoader))


def container(bodies: list[Body]) -> Mapping[str, Any]:
    (deployment,) = (body for body in bodies if body["kind"] == "Deployment")
    (found,) = deployment["spec"]["template"]["spec"]["containers"]
    return dict(found)


def test_everything_is_printed_in_apply_order_with_the_settings_of_the_environment() -> None:
    made = printed(run(AWS_REGION="eu-north-1", OPERATOR_NAMESPACE="models"))
    assert made == synth.manifests(OperatorSettings(region="eu-north-1", namespace="models"), example=False)
    assert {"name": "AWS_REGION", "value": "eu-north-1"} in container(made)["env"]


def test_a_folder_gets_numbered_files_and_a_kustomization(tmp_path: Path) -> None:
    result = run("-o", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    names = [Path(line).name for line in result.stdout.splitlines()]
    assert names[0] == "0000-crds.k8s.yaml"
    assert names[-1] == "kustomization.yaml"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names


def test_the_options_choose_image_replicas_certificates_monitors_and_scheduler(tmp_path: Path) -> None:
    image = "registry.example.com/operator:1"
    options = ("--cert-manager", "--monitors", "--dashboards", "--strict-scheduler", SCHEDULER)
    result = run("-o", str(tmp_path), "--image", image, "--replicas", "2", *options)
    assert result.exit_code == 0, result.output
    text = "".join(path.read_text("utf-8") for path in tmp_path.glob("*.k8s.yaml"))
    for part in (
        f"image: {image}",
        "replicas: 2",
        "kind: Certificate",
        "kind: PodMonitor",
        "grafana_folder: Inference Dashboards",
        f"image: {SCHEDULER}",
    ):
        assert part in text


def test_the_schedulers_image_may_be_left_to_the_charts(tmp_path: Path) -> None:
    from hyperpod_charts.scheduler import IMAGE

    assert run("-o", str(tmp_path), "--strict-scheduler").exit_code == 0
    assert f"image: {IMAGE}" in (tmp_path / "0006-scheduler.k8s.yaml").read_text("utf-8")


def test_a_helm_chart_is_written_instead(tmp_path: Path) -> None:
    result = run("-o", str(tmp_path), "--helm")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "Chart.yaml").is_file()
    assert (tmp_path / "templates" / "operator.yaml").is_file()
    assert not list(tmp_path.glob("*.k8s.yaml"))


def test_the_examples_are_written_as_they_are_comments_and_all(tmp_path: Path) -> None:
    assert run("-o", str(tmp_path), "--examples").exit_code == 0
    written = {path.name: path.read_text("utf-8") for path in (tmp_path / "examples").iterdir()}
    assert written == {entry.name: entry.read_text("utf-8") for entry in folder().iterdir()}


@pytest.mark.parametrize("option", ["--helm", "--examples"])
def test_what_writes_files_needs_a_folder(option: str) -> None:
    result = run(option)
    assert result.exit_code == 2
    assert "name a folder with --output-dir" in result.stderr


def test_a_setting_that_is_not_allowed_is_told_with_status_2(tmp_path: Path) -> None:
    result = run("-o", str(tmp_path / "out"), AWS_REGION="Oregon")
    assert result.exit_code == 2
    assert "AWS_REGION: got 'Oregon', expected a region such as us-west-2" in result.stderr
    assert not (tmp_path / "out").exists()
