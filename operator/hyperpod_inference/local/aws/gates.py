"""Buckets that only presigned URLs open: those of gated models. The URLs are real ones, signed by botocore.

Their signature is not checked; that they name what was signed for, and for how long, is.
"""

from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qs

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from hyperpod_inference.local.aws.wire import Request
from hyperpod_inference.local.aws.world import World

PREFIX: Final = "/jumpstart-private-cache-prod-"
SECONDS: Final = 3600
_OWNER: Final = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")


def presigned(world: World, bucket: str, key: str) -> str:
    """A URL of the double's that gives one object for an hour."""
    request = AWSRequest("GET", f"{world.url()}/{bucket}/{key}")
    signer = S3SigV4QueryAuth(_OWNER, "s3", world.region, expires=SECONDS)
    signer.add_auth(request)
    return str(request.url)


def closed(request: Request, now: datetime) -> bool:
    """Whether a request is for such a bucket, and no URL opens it."""
    if not request.path.startswith(PREFIX):
        return False
    query = {name: values[0] for name, values in parse_qs(request.query).items()}
    try:
        signed = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        lasts = timedelta(seconds=int(query["X-Amz-Expires"]))
    except (KeyError, ValueError):
        return True
    return "X-Amz-Signature" not in query or now >= signed + lasts
