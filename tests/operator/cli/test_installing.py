"""`hyperpod-inference install`: settings in, a command, a document or variables out."""

import json
import shlex
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from hyperpod_inference.api.errors import InputError
from hyperpod_inference.cli.main import main
from hyperpod_inference.installation.addon_document import json_schema, validate

ROLE = "arn:aws:iam::111122223333:role"
SETTINGS = {
    "region": "us-west-2",
    "eksClusterName": "mine",
    "hyperpodClusterArn": "arn:aws:sagemaker:us-west-2:111122223333:cluster/abcdefgh1234",
    "tlsBucketName": "hyperpod-tls-mine",
    "executionRoleArn": f"{ROLE}/SageMakerHyperPodInference-mine",
    "albControllerRoleArn": f"{ROLE}/alb",
    "kedaOperatorRoleArn": f"{ROLE}/keda",
}


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A file with all that the add-on needs."""
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump(SETTINGS))
    return str(path)


def _run(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(main, ["install", *arguments])
    assert result.exit_code == status, result.output
    return result.output


def test_the_command_is_one_to_paste_into_a_shell(file: str) -> None:
    words = shlex.split(_run("addon-json", "-f", file).replace("\\\n", " "))
    assert words[:3] == ["aws", "eks", "create-addon"]
    options = dict(zip(words[3::2], words[4::2], strict=True))
    assert options["--cluster-name"] == "mine"
    assert options["--region"] == "us-west-2"
    assert options["--tags"] == "CreatedBy=HyperPodInference"
    configuration = json.loads(_run("addon-json", "-f", file, "-o", "configuration"))
    assert json.loads(options["--configuration-values"]) == configuration
    assert configuration["executionRoleArn"] == SETTINGS["executionRoleArn"]


def test_the_whole_call_can_be_given_to_aws_as_a_file(file: str) -> None:
    call = json.loads(_run("addon-json", "-f", file, "-o", "cli-input"))
    assert call["addonName"] == "amazon-sagemaker-hyperpod-inference"
    validate(json.loads(call["configurationValues"]))


def test_a_setting_on_the_command_line_wins(file: str) -> None:
    text = _run("addon-json", "-f", file, "-o", "configuration", "--set", "installKeda=false")
    assert json.loads(text)["keda"] == {"enabled": False}


def test_the_variables_are_those_of_the_terraform_module(file: str) -> None:
    variables = json.loads(_run("tfvars", "-f", file, "--set", "trainingOperator=true"))
    assert variables["create_hyperpod_inference_operator_module"] is True
    assert variables["create_hyperpod_training_operator_module"] is True
    assert variables["eks_cluster_name"] == "mine"
    assert variables["inference_addon_version"] == "v1.5.0-eksbuild.1"
    assert "enable_keda" not in variables


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["addon-json"], "executionRoleArn: is not set, expected the operator's role"),
        (["addon-json", "--set", "regin=us-west-2"], "--set: key: got 'regin'"),
        (["addon-json", "--set", "region"], "--set region: expected KEY=VALUE"),
        (["addon-json", "--set", "installKeda=maybe"], "installKeda: got 'maybe', expected true or false"),
        (["addon-json", "--set", "executionRoleArn=mine"], "execution_role_arn: got 'mine', expected a role"),
        (["addon-json", "-f", "no-such.yaml"], "no-such.yaml: cannot be read"),
        (["preflight"], "eksClusterName: is not set"),
    ],
)
def test_unusable_settings_end_with_what_is_wrong(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(main, ["install", *arguments])
    assert result.exit_code == 2
    assert message in result.output


def test_a_file_that_is_no_mapping_is_named(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("- one\n")
    assert "expected a mapping of settings" in _run("addon-json", "-f", str(path), status=2)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "executionRoleArn: Field required"),
        ({"keda": {"podIdentity": {}}}, "keda.podIdentity: Extra inputs are not permitted"),
        ({"alb": {"enabled": "yes"}}, "alb.enabled: Input should be a valid boolean"),
        ({"tlsCertificateS3Bucket": "s3://x"}, "tlsCertificateS3Bucket: String should match pattern"),
        ({"executionRoleArn": f"{ROLE}/mine"}, "executionRoleArn: String should match pattern"),
    ],
)
def test_the_schema_refuses_what_the_addon_would(document: dict[str, object], message: str) -> None:
    good = {"executionRoleArn": SETTINGS["executionRoleArn"], "tlsCertificateS3Bucket": "hyperpod-tls-mine"}
    validate(good)
    with pytest.raises(InputError) as refused:
        validate(good | document if document else {})
    assert any(message in line for line in refused.value.lines), refused.value.lines
    assert "executionRoleArn" in json_schema()["required"]
