"""Queries of a workspace of Amazon Managed Service for Prometheus: checked as AWS does, and answered.

moto makes workspaces. One with the tag `PROMETHEUS` has what the Prometheus at that URL has scraped. A query
is refused unless it is signed (SigV4, for the service `aps`) with keys of a session that STS gave out.
"""

import hmac
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session
from moto.amp.models import amp_backends
from moto.sts.models import sts_backends

from hyperpod_inference.local.aws.errors import AwsError
from hyperpod_inference.local.aws.wire import Request, Response
from hyperpod_inference.local.aws.world import World

PATH: Final = re.compile(r"/workspaces/(ws-[\w-]+)(/api/v1/.+)")
PROMETHEUS: Final = "hyperpod-local/prometheus"
"""A workspace's tag: the URL, without a path, of the Prometheus behind it."""
_SIGNED: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/aps/aws4_request, ?"
    r"SignedHeaders=(?P<headers>[^,]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


def query(world: World, request: Request, environ: Mapping[str, Any]) -> Response:
    """What the workspace answers; a refusal in AWS's words. environ: of WSGI."""
    try:
        _authenticate(world, request, environ)
        workspace, path = _known(request.path)
        found = amp_backends[world.account][world.region].workspaces.get(workspace)
        url = found.tag_fn(found.arn).get(PROMETHEUS) if found else None
        if url is None:
            raise AwsError("ResourceNotFoundException", f"Workspace not found. {workspace}", status=404)
    except AwsError as error:
        said = {"Content-Type": "application/json", "x-amzn-ErrorType": error.code}
        return Response(error.status, said, json.dumps({"message": error.message}).encode())
    asked = AWSRequest(request.method, f"{url}{path}?{request.query}", {}, request.body)
    answer = URLLib3Session().send(asked.prepare())
    return Response(answer.status_code, {"Content-Type": answer.headers["Content-Type"]}, answer.content)


def _known(path: str) -> tuple[str, str]:
    found = PATH.fullmatch(path)
    assert found is not None  # noqa: S101 - the caller has looked
    return found[1], found[2]


def _authenticate(world: World, request: Request, environ: Mapping[str, Any]) -> None:
    """Let a query pass whose signature is of its own words under the caller's keys, or raise AwsError."""
    signed = _SIGNED.fullmatch(environ.get("HTTP_AUTHORIZATION", ""))
    if signed is None:
        raise AwsError("MissingAuthenticationTokenException", "Missing Authentication Token", status=403)
    session = sts_backends[world.account]["aws"].get_assumed_role_from_access_key(signed["key"])
    if session is None or environ.get("HTTP_X_AMZ_SECURITY_TOKEN") != session.session_token:
        words = "The security token included in the request is invalid."
        raise AwsError("UnrecognizedClientException", words, status=403)
    keys = Credentials(session.access_key_id, session.secret_access_key)
    if not hmac.compare_digest(_signature(keys, signed, request, environ), signed["signature"]):
        words = "The request signature we calculated does not match the signature you provided."
        raise AwsError("InvalidSignatureException", words, status=403)


def _signature(keys: Credentials, signed: re.Match[str], request: Request, environ: Mapping[str, Any]) -> str:
    """What the signature of this request has to be. Raises AwsError for one without a date."""
    headers = {
        name: str(environ.get(f"HTTP_{name.upper().replace('-', '_')}", ""))
        for name in signed["headers"].split(";")
    }
    url = f"https://{environ.get('HTTP_HOST', '')}{request.path}?{request.query}"
    asked = AWSRequest(request.method, url, headers, request.body)
    asked.context["timestamp"] = environ.get("HTTP_X_AMZ_DATE", "")
    auth = SigV4Auth(keys, "aps", signed["region"])
    text = auth.string_to_sign(asked, auth.canonical_request(asked))
    return str(auth.signature(text, asked))
