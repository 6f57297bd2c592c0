"""`hyperpod-inference ca NAME`, against the bucket of AWS on loopback."""

from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result

from hyperpod_inference.cli import ca
from hyperpod_inference.cli.main import main
from hyperpod_inference.local.aws.double import AwsDouble

BUCKET = "hyperpod-tls-111122223333"
ARN = "arn:aws:acm:us-west-2:111122223333:certificate/1a"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.fixture
def run(double: AwsDouble, monkeypatch: pytest.MonkeyPatch) -> Any:
    """run(status): the command for an endpoint of that status; its authority is in the bucket."""
    double.reset()
    for name, value in double.environment().items():
        monkeypatch.setenv(name, value)
    s3: Any = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    s3.put_object(Bucket=BUCKET, Key="a/chat/ca.pem", Body=PEM.encode())

    def call(tls: dict[str, Any]) -> Result:
        monkeypatch.setattr(ca, "_status", lambda *_: {"tlsCertificate": tls} if tls else {})
        return CliRunner().invoke(main, ["ca", "chat"])

    return call


def published(*keys: str) -> dict[str, Any]:
    return {
        "certificateARN": ARN,
        "tlsCertificateOutputS3Bucket": BUCKET,
        "tlsCertificateS3Keys": [*keys],
    }


def test_the_authority_is_printed_as_it_was_published(run: Any) -> None:
    told = run(published("a/chat/ca.pem", "a/chat/certificate.pem"))
    assert (told.exit_code, told.stdout) == (0, PEM)


@pytest.mark.parametrize(
    ("tls", "says"),
    [
        ({}, "chat has no certificate yet: its condition TLSReady says why"),
        (published("a/chat/certificate.pem"), f"chat presents your own certificate {ARN}"),
        (published("b/ca.pem"), f"s3://{BUCKET}/b/ca.pem is gone"),
        (published("a/ca.pem") | {"tlsCertificateOutputS3Bucket": "no-such"}, "s3:GetObject: NoSuchBucket"),
    ],
)
def test_what_there_is_not_is_explained(run: Any, tls: dict[str, Any], says: str) -> None:
    told = run(tls)
    assert told.exit_code == 1
    assert says in told.stderr
