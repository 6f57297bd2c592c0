"""Pod Identity: a pod's token for its role's credentials, through the agent, as AWS's SDK asks for them."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from hyperpod_inference.cloud.errors import CloudError, Denied, NoCredentials, translated
from hyperpod_inference.cloud.session import Session
from hyperpod_inference.installation.trust import POD_IDENTITY_SERVICE, pod_identity_trust
from hyperpod_inference.local.aws import ACCOUNT, REGION
from hyperpod_inference.local.aws.double import AwsDouble
from hyperpod_inference.local.aws.faults import Fault
from hyperpod_inference.local.aws.pod_identity_agent import PATH, application

CLUSTER = "example"
SUBJECT = "system:serviceaccount:keda:keda-operator"
TRUST = pod_identity_trust(account_id=ACCOUNT)
Body = dict[str, Any]


class Pods:
    """A cluster with an association, the agent beside it, and pods with tokens."""

    def __init__(
        self, iam: Any, eks: Any, folder: Path, patch: pytest.MonkeyPatch, token: Callable[..., str]
    ) -> None:
        self._iam, self._eks, self._token = iam, eks, token
        self._file, self._patch = folder / "token", patch
        self.url = ""

    def token(self, **differing: Any) -> str:
        """Of a pod of the associated account."""
        said = {"subject": SUBJECT, "audience": POD_IDENTITY_SERVICE} | differing
        return self._token(said.pop("subject"), **said)

    def role(self, trust: str = TRUST, *actions: str) -> str:
        made = self._iam.create_role(RoleName="keda", AssumeRolePolicyDocument=trust)["Role"]
        allowed = {"Effect": "Allow", "Action": [*actions] or ["cloudwatch:*"], "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        self._iam.put_role_policy(RoleName="keda", PolicyName="own", PolicyDocument=document)
        return str(made["Arn"])

    def associate(self, role: str) -> None:
        self._eks.create_pod_identity_association(
            clusterName=CLUSTER, namespace="keda", serviceAccount="keda-operator", roleArn=role
        )

    def session(self, text: str) -> Session:
        """Of a process in a pod with this token."""
        self._file.write_text(text)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            self._patch.delenv(name, raising=False)
        self._patch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", self.url)
        self._patch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(self._file))
        return Session(REGION, attempts=1)


@pytest.fixture
def enforcing(double: AwsDouble) -> Iterator[None]:
    double.app.enforcing = True
    yield
    double.app.enforcing = False


@pytest.fixture
async def pods(
    double: AwsDouble,
    enforcing: None,
    client: Callable[[str], Any],
    eks: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pod_token: Callable[..., str],
) -> AsyncIterator[Pods]:
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    for name, value in double.environment().items():
        monkeypatch.setenv(name, value)
    node = Session(REGION, attempts=1, aws_access_key_id="node", aws_secret_access_key="node")
    made = Pods(client("iam"), eks, tmp_path, monkeypatch, pod_token)
    runner = web.AppRunner(application(node, CLUSTER), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}"
    yield made
    await runner.cleanup()


async def who(session: Session) -> str:
    return str(await ask(lambda: session.client("sts").get_caller_identity()["Arn"]))


async def ask(call: Callable[[], Any]) -> Any:
    def told() -> Any:
        with translated("asked"):
            return call()

    return await asyncio.to_thread(told)


async def test_a_pod_of_an_associated_account_is_its_role_and_may_what_that_may(pods: Pods) -> None:
    pods.associate(pods.role(TRUST, "cloudwatch:ListMetrics"))
    session = pods.session(pods.token())
    assert await who(session) == (f"arn:aws:sts::{ACCOUNT}:assumed-role/keda/eks-{CLUSTER}-keda-operator")
    await ask(session.client("cloudwatch").list_metrics)
    with pytest.raises(Denied, match="is not authorized to perform: s3:ListAllMyBuckets"):
        await ask(session.client("s3").list_buckets)


async def test_a_token_that_was_replaced_is_read_again_when_the_credentials_end(pods: Pods) -> None:
    pods.associate(pods.role())
    session = pods.session(pods.token())
    await who(session)
    pods.session("spoilt")
    await who(session)  # they hold for six hours
    with pytest.raises(CloudError):
        await who(pods.session("spoilt"))
    assert "keda-operator" in await who(pods.session(pods.token()))


REFUSED: dict[str, tuple[Body, str]] = {
    "of an account without a role": ({"subject": "system:serviceaccount:keda:other"}, "No association found"),
    "of another namespace": ({"subject": "system:serviceaccount:team:keda-operator"}, "No association found"),
    "for another audience": ({"audience": "sts.amazonaws.com"}, "audience is not pods.eks.amazonaws.com"),
    "of the past": ({"life": -(10**8)}, "The token has expired"),
    "of a user": ({"subject": "admin"}, "not of a service account"),
    "that is none": ({}, "no JWT"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_token_gets_nothing(pods: Pods, case: str) -> None:
    pods.associate(pods.role())
    differing, says = REFUSED[case]
    text = pods.token(**differing) if differing else "nothing"
    async with aiohttp.ClientSession() as http, http.get(pods.url, headers={"Authorization": text}) as answer:
        assert answer.status in (403, 404)
        assert says in await answer.text()
    with pytest.raises(NoCredentials):
        await who(pods.session(text))


@pytest.mark.parametrize(
    "trust",
    [
        TRUST.replace(POD_IDENTITY_SERVICE, "ec2.amazonaws.com"),
        TRUST.replace('"sts:TagSession"', '"sts:SetSourceIdentity"'),
        pod_identity_trust(account_id="999999999999"),
    ],
    ids=["another service", "no session tags", "another account"],
)
async def test_a_role_that_does_not_trust_eks_is_given_to_nobody(pods: Pods, trust: str) -> None:
    pods.associate(pods.role(trust))
    async with (
        aiohttp.ClientSession() as http,
        http.get(pods.url, headers={"Authorization": pods.token()}) as answer,
    ):
        assert answer.status == 403
        assert "EKS does not have permissions to assume the associated role" in await answer.text()


async def test_an_agent_that_reaches_no_aws_says_so(pods: Pods, double: AwsDouble) -> None:
    pods.associate(pods.role())
    double.faults.add(Fault("eks-auth:AssumeRoleForPodIdentity", times=None))
    async with aiohttp.ClientSession() as http:
        async with http.get(pods.url, headers={"Authorization": pods.token()}) as answer:
            assert answer.status == 503
        async with http.get(pods.url) as answer:
            assert answer.status == 400
    double.faults.clear()
    assert "keda-operator" in await who(pods.session(pods.token()))
