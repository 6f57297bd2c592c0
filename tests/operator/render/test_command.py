"""`hyperpod-inference render`: manifests out, what is not built told, wrong input in one line."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from hyperpod_inference.cli.main import main

EXAMPLE = Path(__file__).parents[3] / "charts" / "hyperpod_charts" / "examples" / "llm-fallback.yaml"


def _run(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(main, ["render", *arguments], input=text)


def test_the_example_prints_manifests_in_apply_order_and_what_is_not_there() -> None:
    example = EXAMPLE.read_text().replace("  modelName:", "  endpointName: chat\n  modelName:")
    result = _run("-f", "-", text=example)
    assert result.exit_code == 0
    kinds = [body["kind"] for body in yaml.safe_load_all(result.stdout)]
    assert kinds == [
        "PersistentVolume",
        "Service",
        "Service",
        "PersistentVolumeClaim",
        "Ingress",
        "Deployment",
    ]
    assert "spec.endpointName: SageMaker has no endpoint chat yet. " in result.stderr
    assert "not built: spec.autoScalingSpec: " in result.stderr
    assert "&id" not in result.stdout


def test_standard_input_is_read() -> None:
    assert _run("-f", "-", text=EXAMPLE.read_text()).exit_code == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("replicas: 3", "replicas: three", "spec.replicas: got 'three', expected an integer"),
        ("kind: InferenceEndpointConfig", "kind: InferenceEndpoint", "kind: got 'InferenceEndpoint'"),
        ("  replicas: 3", "  replicas: [", "not valid YAML"),
        ("name: model-weights", "name: shm", "spec.worker.modelVolumeMount.name: the operator makes"),
    ],
)
def test_wrong_input_is_one_line_with_the_field_and_status_2(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(EXAMPLE.read_text().replace(old, new, 1))
    result = _run("-f", str(wrong))
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith(str(wrong))
    assert said in line


def test_a_file_that_is_not_there_is_named() -> None:
    result = _run("-f", "nowhere.yaml")
    assert result.exit_code == 2
    assert result.stderr.startswith("nowhere.yaml: ")


def test_nothing_is_printed_when_one_of_two_files_is_wrong(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("kind: Pod\napiVersion: v1\n")
    result = _run("-f", str(EXAMPLE), "-f", str(wrong))
    assert (result.exit_code, result.stdout) == (2, "")
