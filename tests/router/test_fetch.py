"""A gated model is downloaded by presigned URLs, from a hub and a bucket on loopback."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result

from hyperpod_inference.local.aws import gates
from hyperpod_inference.local.aws.double import AwsDouble
from hyperpod_inference.local.aws.faults import Fault, denied
from hyperpod_inference.local.aws.sagemaker.hub_catalogue import CATALOGUE
from hyperpod_inference.router import fetching
from hyperpod_inference.router.fetching import Fetcher, Incomplete
from hyperpod_inference.router.main import main

MODEL = CATALOGUE["meta-textgeneration-llama-3-1-8b-instruct"]
VERSION = MODEL.versions[-1]
ARTIFACT = MODEL.artifact("us-west-2", VERSION)
FILES = {"config.json", "model.safetensors", "tokenizer/tokenizer.json"}


@pytest.fixture
def aws(double: AwsDouble, monkeypatch: pytest.MonkeyPatch) -> AwsDouble:
    double.reset()
    for name, value in double.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("hyperpod_inference.cloud.session.ATTEMPTS", 1)
    return double


@pytest.fixture
def fetch(aws: AwsDouble, tmp_path: Path) -> Callable[..., Result]:
    def run(**given: str) -> Result:
        options = {"model": MODEL.id, "version": VERSION, "artifact": ARTIFACT, "to": str(tmp_path)} | given
        return CliRunner().invoke(main, ["fetch", *(f"--{name}={value}" for name, value in options.items())])

    return run


def found(folder: Path) -> set[str]:
    return {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()}


def test_every_file_comes_whole_and_is_not_fetched_twice(
    fetch: Callable[..., Result], tmp_path: Path
) -> None:
    done = fetch()
    assert done.exit_code == 0, done.output
    assert found(tmp_path) == FILES
    assert (tmp_path / "model.safetensors").read_bytes() == bytes(range(256)) * 64
    (tmp_path / "config.json").write_bytes(b"cut")
    before = (tmp_path / "model.safetensors").stat().st_ino
    assert fetch().exit_code == 0
    assert b"Llama" in (tmp_path / "config.json").read_bytes(), "what is not whole comes again"
    assert (tmp_path / "model.safetensors").stat().st_ino == before


def test_the_bucket_opens_to_presigned_urls_alone(fetch: Callable[..., Result]) -> None:
    assert fetch().exit_code == 0
    bucket, _, prefix = ARTIFACT.removeprefix("s3://").partition("/")
    s3: Any = boto3.client("s3")
    with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
        s3.get_object(Bucket=bucket, Key=f"{prefix}config.json")


def test_a_role_that_may_not_is_told_with_the_action(fetch: Callable[..., Result], aws: AwsDouble) -> None:
    aws.faults.add(denied("sagemaker:CreateHubContentPresignedUrls"))
    told = fetch()
    assert told.exit_code == 1
    assert f"{MODEL.id} {VERSION} cannot be downloaded: " in told.output
    assert "sagemaker:CreateHubContentPresignedUrls" in told.output


def test_another_artifact_than_the_documents_is_not_fetched(
    fetch: Callable[..., Result], tmp_path: Path
) -> None:
    told = fetch(artifact="s3://elsewhere/x/")
    assert told.exit_code == 1
    assert "ExpectedS3Url" in told.output
    assert found(tmp_path) == set()


def test_urls_that_expired_are_asked_for_again(
    fetch: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lasts = iter([0] * len(FILES) + [3600] * len(FILES))
    real = gates.S3SigV4QueryAuth
    monkeypatch.setattr(gates, "S3SigV4QueryAuth", lambda *given, expires: real(*given, expires=next(lasts)))
    done = fetch()
    assert done.exit_code == 0, done.output
    assert found(tmp_path) == FILES
    assert next(lasts, None) is None


def test_a_bucket_that_is_down_for_a_moment_is_tried_again(aws: AwsDouble, tmp_path: Path) -> None:
    client: Any = boto3.client("sagemaker")

    def ask() -> list[tuple[str, str]]:
        answered = client.create_hub_content_presigned_urls(
            HubName="SageMakerPublicHub",
            HubContentType="Model",
            HubContentName=MODEL.id,
            AccessConfig={"AcceptEula": True},
        )
        return [(each["LocalPath"], each["Url"]) for each in answered["AuthorizedUrlConfigs"]]

    waits: list[float] = []
    fetcher = Fetcher(ask, tmp_path, waits.append)
    aws.faults.add(Fault("*GetObject", times=2))
    aws.faults.add(Fault(":?", times=2))
    fetcher.run()
    assert found(tmp_path) == FILES
    assert waits


@pytest.mark.parametrize("path", ["../secret", "a/../../secret", "", "/"])
def test_no_file_leads_out_of_the_folder(tmp_path: Path, path: str) -> None:
    fetcher = Fetcher(lambda: [(path, "https://example.com/x")], tmp_path / "model")
    with pytest.raises(Incomplete, match="not below the model's folder"):
        fetcher.run()


def test_only_http_is_followed(tmp_path: Path) -> None:
    with pytest.raises(Incomplete, match="another kind"):
        Fetcher(lambda: [("a", "file:///etc/passwd")], tmp_path).run()


def test_a_hub_without_files_is_no_success(tmp_path: Path) -> None:
    with pytest.raises(Incomplete, match="no file"):
        Fetcher(list, tmp_path).run()
    assert fetching.TRIES > 1
