"""Queries of a workspace: answered by the Prometheus behind it for whom AWS would answer."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session

from hyperpod_inference.installation.roles import KEDA_OPERATOR, statements
from hyperpod_inference.local.aws.aps import PROMETHEUS
from hyperpod_inference.local.aws.double import AwsDouble

HOST = "aps-workspaces.us-west-2.amazonaws.com"
NOBODY = Credentials("ASIAIOSFODNN7EXAMPLE", "example", "example")
QUERY = "api/v1/query?query=sum%28up%7Ba%3D%22b%22%7D%29&time=2026-01-01T00%3A00%3A00Z"


class Echo(BaseHTTPRequestHandler):
    """A Prometheus that answers with what it was asked."""

    def do_GET(self) -> None:
        text = json.dumps({"asked": self.path}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def prometheus() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def workspace(client: Callable[[str], Any], prometheus: str) -> str:
    made = client("amp").create_workspace(alias="metrics", tags={PROMETHEUS: prometheus})
    return str(made["workspaceId"])


@pytest.fixture
def keda(client: Callable[[str], Any]) -> Credentials:
    """Of a session that has taken KEDA's role."""
    iam, trust = client("iam"), json.dumps({"Version": "2012-10-17", "Statement": []})
    arn = iam.create_role(RoleName="keda", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    document = {"Version": "2012-10-17", "Statement": statements(str(KEDA_OPERATOR.document))}
    iam.put_role_policy(RoleName="keda", PolicyName="own", PolicyDocument=json.dumps(document))
    found = client("sts").assume_role(RoleArn=arn, RoleSessionName="KEDA")["Credentials"]
    return Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])


@pytest.fixture
def enforcing(double: AwsDouble) -> Iterator[None]:
    double.app.enforcing = True
    yield
    double.app.enforcing = False


def ask(
    double: AwsDouble, path: str, keys: Credentials | None, sent: str | None = None, service: str = "aps"
) -> tuple[int, dict[str, Any]]:
    """Sign a GET of `path` at the service's own name, and send it, or `sent` instead, to the double."""
    signed = AWSRequest("GET", f"https://{HOST}{path}", {})
    if keys is not None:
        SigV4Auth(keys, service, "us-west-2").add_auth(signed)
    headers = {**dict(signed.headers), "Host": HOST, "X-Forwarded-For": "10.0.0.1"}
    answer = URLLib3Session().send(AWSRequest("GET", double.url + (sent or path), headers).prepare())
    return answer.status_code, json.loads(answer.content)


def test_a_signed_query_reaches_the_prometheus_behind_the_workspace(
    double: AwsDouble, workspace: str, keda: Credentials, enforcing: None
) -> None:
    assert ask(double, f"/workspaces/{workspace}/{QUERY}", keda) == (200, {"asked": f"/{QUERY}"})


def test_whoever_is_not_who_the_query_says_gets_nothing(
    double: AwsDouble, workspace: str, keda: Credentials
) -> None:
    path = f"/workspaces/{workspace}/{QUERY}"
    refused = {
        "Missing Authentication Token": [(None, path, "aps"), (keda, path, "execute-api")],
        "The security token included in the request is invalid.": [(NOBODY, path, "aps")],
        "The request signature we calculated does not match the signature you provided.": [
            (keda, path.replace("sum", "avg"), "aps"),
            (Credentials(keda.access_key, "other", keda.token), path, "aps"),
        ],
    }
    for message, calls in refused.items():
        for keys, sent, service in calls:
            assert ask(double, path, keys, sent, service) == (403, {"message": message}), sent


def test_a_workspace_that_nothing_stands_behind_is_not_found(double: AwsDouble, keda: Credentials) -> None:
    status, said = ask(double, f"/workspaces/ws-0/{QUERY}", keda)
    assert (status, said["message"]) == (404, "Workspace not found. ws-0")


def test_the_role_must_allow_it(
    double: AwsDouble, workspace: str, keda: Credentials, enforcing: None
) -> None:
    status, said = ask(double, f"/workspaces/{workspace}/api/v1/rules?type=alert", keda)
    assert (status, said["__type"]) == (400, "AccessDeniedException")
