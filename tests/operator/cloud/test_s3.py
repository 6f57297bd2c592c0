"""S3 through AWS's own client, against moto's server on loopback."""

import itertools
import os
from collections.abc import Iterator
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from hyperpod_inference.cloud.errors import Missing
from hyperpod_inference.cloud.s3 import S3, split_uri
from hyperpod_inference.cloud.session import Session

NUMBERS = itertools.count(os.getpid())
KEY_ARN = "arn:aws:kms:us-west-2:111122223333:key/1a2b"


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A session with moto's server."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    made = Session("us-west-2")
    yield made
    server.stop()


@pytest.fixture
def bucket(session: Session) -> str:
    """A bucket of its own: what moto holds outlives the server within one process."""
    name = f"hyperpod-tls-example-{next(NUMBERS)}"
    location = {"LocationConstraint": "us-west-2"}
    session.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=location)
    return name


def test_an_object_is_tagged_and_encrypted_by_the_key(session: Session, bucket: str) -> None:
    S3(session).put(bucket, "a/b.jsonl", b"{}\n", content_type="application/jsonlines", kms_key=KEY_ARN)
    client: Any = session.client("s3")
    found = client.get_object(Bucket=bucket, Key="a/b.jsonl")
    assert found["Body"].read() == b"{}\n"
    assert found["ContentType"] == "application/jsonlines"
    assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", KEY_ARN)
    tags = client.get_object_tagging(Bucket=bucket, Key="a/b.jsonl")["TagSet"]
    assert tags == [{"Key": "CreatedBy", "Value": "HyperPodInference"}]


def test_a_bucket_that_is_not_there_is_missing_by_name_of_the_call(session: Session) -> None:
    with pytest.raises(Missing, match="s3:PutObject: NoSuchBucket"):
        S3(session).put("nobody-has-it", "key", b"", content_type="text/plain")


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("s3://bucket", ("bucket", "")),
        ("s3://bucket/", ("bucket", "")),
        ("s3://bucket/a/b/", ("bucket", "a/b")),
    ],
)
def test_a_uri_is_a_bucket_and_a_prefix(uri: str, found: tuple[str, str]) -> None:
    assert split_uri(uri) == found


@pytest.mark.parametrize("uri", ["bucket/a", "https://bucket/a", "s3:///a"])
def test_what_is_no_uri_of_s3_is_named(uri: str) -> None:
    with pytest.raises(ValueError, match="expected s3://BUCKET"):
        split_uri(uri)
