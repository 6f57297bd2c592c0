"""S3: the calls that this project makes, as a port that tests and other stores can stand in for."""

from typing import Any, Protocol
from urllib.parse import quote, urlencode

from hyperpod_inference.api import names
from hyperpod_inference.cloud.errors import Missing, translated
from hyperpod_inference.cloud.session import Session


class Objects(Protocol):
    """Where objects are put."""

    def put(self, bucket: str, key: str, body: bytes, *, content_type: str, kms_key: str = "") -> None:
        """Write one object. Raises CloudError."""


class S3:
    """The real one. Every object carries the tag that marks what this project made."""

    def __init__(self, session: Session) -> None:
        self._client: Any = session.client("s3")

    def put(self, bucket: str, key: str, body: bytes, *, content_type: str, kms_key: str = "") -> None:
        """Write one object; with `kms_key` (an ARN or id) it is encrypted by that key."""
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else {}
        tag, value = names.TAG_CREATED_BY
        with translated("s3:PutObject"):
            self._client.put_object(
                Bucket=bucket,
                Key=key,
                Body=body,
                ContentType=content_type,
                Tagging=urlencode({tag: value}, quote_via=quote),
                **encryption,
            )

    def get(self, bucket: str, key: str) -> bytes | None:
        """One object; None when there is none of that key. Raises CloudError, Missing without the bucket."""
        try:
            with translated("s3:GetObject"):
                return bytes(self._client.get_object(Bucket=bucket, Key=key)["Body"].read())
        except Missing as error:
            if error.code == "NoSuchBucket":
                raise
            return None

    def delete(self, bucket: str, key: str) -> None:
        """Delete one object; gone already is fine, and so is a bucket that is gone. Raises CloudError."""
        try:
            with translated("s3:DeleteObject"):
                self._client.delete_object(Bucket=bucket, Key=key)
        except Missing:
            return


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key prefix (without slashes at its ends) of `s3://BUCKET[/PREFIX]`; raises ValueError."""
    scheme, _, rest = uri.partition("://")
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise ValueError(f"got {uri!r}, expected s3://BUCKET or s3://BUCKET/PREFIX")
    return bucket, prefix.strip("/")
