"""The summary of a synthesized app."""

import json
from pathlib import Path

import pytest
from aws_cdk.assertions import Template

from hyperpod_constructs.summary import Summary, main, summarize


@pytest.fixture(scope="module")
def assembly(quick: Template, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("assembly")
    (folder / "HyperPodInference.template.json").write_text(json.dumps(quick.to_json()))
    return folder


@pytest.fixture(scope="module")
def summary(assembly: Path) -> Summary:
    (only,) = summarize(assembly)
    return only


def test_it_counts_every_resource(summary: Summary, quick: Template) -> None:
    assert summary.resources == len(quick.to_json()["Resources"])
    assert summary.counts["AWS::EKS::Addon"] == 9


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("VPC", "10.0.0.0/16, 4 subnets, 1 NAT gateways"),
        ("VPC endpoints", "s3, ecr.api, ecr.dkr, sagemaker.api, sts"),
        ("EKS cluster", "Kubernetes 1.33, reachable from the VPC only"),
        ("HyperPod cluster", "1 x ml.c5.4xlarge (system), 1 x ml.g5.8xlarge (accelerated)"),
        ("Add-on cert-manager", "v1.18.2-eksbuild.2"),
        ("Add-on vpc-cni", "EKS's choice of version"),
    ],
)
def test_it_says_in_plain_words(summary: Summary, part: str, words: str) -> None:
    assert summary.parts[part] == words


def test_it_reads_the_addon_configuration_through_its_tokens(summary: Summary) -> None:
    assert str(summary.configuration["executionRoleArn"]).startswith("<InferenceRolesExecutionRole")
    assert summary.configuration["keda"]["enabled"] is True


def test_it_says_who_may_take_each_role(summary: Summary) -> None:
    taker = "hyperpod-inference-system:hyperpod-inference-controller-manager, sagemaker.amazonaws.com"
    assert summary.roles["HyperPod inference operator"] == taker


def test_the_command_prints_the_tables(assembly: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(assembly)]) == 0
    out = capsys.readouterr().out
    assert "63 resources" in out
    assert "Configuration of the inference add-on" in out


def test_a_folder_without_templates_is_answered_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 2
    assert "cdk synth" in capsys.readouterr().err
