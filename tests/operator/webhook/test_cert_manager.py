"""Certificates left to the real cert-manager: the webhook's, and the authority of the endpoints'.

`make cert-manager` runs this. It builds cert-manager's own controllers from their Go module, once per user.
"""

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import boto3
import pytest
from cryptography import x509

from hyperpod_inference.api import names
from hyperpod_inference.cli.install import Added, install_extras, install_operator, prepare_extras
from hyperpod_inference.kube.client import MERGE_PATCH, Client
from hyperpod_inference.kube.config import load
from hyperpod_inference.kube.errors import ApiError, Conflict, Invalid
from hyperpod_inference.kube.resources import CRDS, PODS, SECRETS, VALIDATING_WEBHOOK_CONFIGURATIONS
from hyperpod_inference.local.alb import names as alb
from hyperpod_inference.local.aws.environment import environment
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.install import wait_for
from hyperpod_inference.webhook.published import CONVERTED

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(5400),  # with a build on a small machine
    pytest.mark.skipif(
        not os.environ.get("HYPERPOD_CERT_MANAGER"), reason="builds cert-manager: run `make cert-manager`"
    ),
]
Body = dict[str, Any]
ENDPOINTS = f"/apis/{names.GROUP}/{{}}/namespaces/default/inferenceendpointconfigs"
CERTIFICATES = f"/apis/cert-manager.io/v1/namespaces/{names.OPERATOR_NAMESPACE}/certificates"
SERVING, AUTHORITY = names.WEBHOOK_CERTIFICATE, f"{names.WEBHOOK_CERTIFICATE}-ca"
LOADED = "serving a certificate that is valid until"
WITHIN = 180.0


@pytest.fixture(scope="module")
def added() -> Added:
    return prepare_extras(["cert-manager", "alb"], print)


@pytest.fixture(scope="module")
def cluster(added: Added, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A cluster of its own: its operator is installed in another way than that of the other tests."""
    cluster = LocalCluster(tmp_path_factory.mktemp("cert-manager-cluster"))
    cluster.up(stay=False)
    try:
        asyncio.run(installed(cluster, added))
        yield cluster
    finally:
        cluster.down()


async def installed(cluster: LocalCluster, added: Added) -> None:
    """As `local up --with cert-manager --with alb` does, without the weights."""
    async with Client(load(cluster.kubeconfig)) as client:
        await install_extras(client, added, print)
        await install_operator(client, print, added)
        await wait_for("a conversion", Installation(client, cluster).unconverted, WITHIN)


@dataclass
class Installation:
    """What the tests look at in the cluster."""

    client: Client
    cluster: LocalCluster

    async def secret(self, name: str = names.WEBHOOK_SECRET) -> dict[str, bytes]:
        found = await self.client.get(SECRETS, name, names.OPERATOR_NAMESPACE)
        return {key: base64.b64decode(value) for key, value in found["data"].items()}

    async def trusted_by_all(self, authority: bytes) -> bool:
        """Whether every caBundle holds this certificate; the injector leaves former ones beside it."""
        definitions = [await self.client.get(CRDS, name) for name in CONVERTED]
        clients = [each["spec"]["conversion"]["webhook"]["clientConfig"] for each in definitions]
        validation = await self.client.get(VALIDATING_WEBHOOK_CONFIGURATIONS, names.VALIDATING_WEBHOOK)
        clients += [each["clientConfig"] for each in validation["webhooks"]]
        wanted = x509.load_pem_x509_certificate(authority)
        bundles = [base64.b64decode(each.get("caBundle", "")) for each in clients]
        return all(each and wanted in x509.load_pem_x509_certificates(each) for each in bundles)

    async def unconverted(self) -> str | None:
        """Why v1alpha1 cannot be read; None when it can."""
        try:
            await self.client.request("GET", ENDPOINTS.format("v1alpha1"))
        except ApiError as error:
            return str(error)
        return None

    async def operator(self) -> tuple[str, int]:
        """The operator's pod and how often its container was restarted."""
        found = await self.client.list(PODS, names.OPERATOR_NAMESPACE)
        (pod,) = (each for each in found.items if each["metadata"]["name"].startswith(names.OPERATOR_NAME))
        return pod["metadata"]["name"], sum(
            each["restartCount"] for each in pod["status"]["containerStatuses"]
        )

    async def loads(self) -> int:
        """How many certificates the operator has served with since it started."""
        name, _ = await self.operator()
        argv = (f"--kubeconfig={self.cluster.kubeconfig}", "logs", "-n", names.OPERATOR_NAMESPACE, name)
        process = await asyncio.create_subprocess_exec(
            self.cluster.kubectl, *argv, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        assert process.returncode == 0
        return output.decode().count(LOADED)

    async def renew(self, name: str) -> None:
        """What `cmctl renew NAME` does, until cert-manager has taken it up."""
        while True:
            now = await self.client.request("GET", f"{CERTIFICATES}/{name}")
            others = [each for each in now["status"]["conditions"] if each["type"] != "Issuing"]
            issuing = {
                "type": "Issuing",
                "status": "True",
                "reason": "ManuallyTriggered",
                "message": "renewed by a test",
                "lastTransitionTime": others[0]["lastTransitionTime"],
                "observedGeneration": now["metadata"]["generation"],
            }
            change = {
                "metadata": {"resourceVersion": now["metadata"]["resourceVersion"]},
                "status": {"conditions": [*others, issuing]},
            }
            try:
                await self.client.request(
                    "PATCH", f"{CERTIFICATES}/{name}/status", body=change, content_type=MERGE_PATCH
                )
            except Conflict:
                continue
            return


@pytest.fixture
async def installation(cluster: LocalCluster) -> AsyncIterator[Installation]:
    async with Client(load(cluster.kubeconfig)) as client:
        yield Installation(client, cluster)


async def test_cert_manager_issues_what_the_webhook_serves_and_injects_whom_to_trust(
    installation: Installation, endpoint: Callable[..., Body], misnamed_volume: Body
) -> None:
    client = installation.client
    body = endpoint(replicas=0, instanceTypes=["ml.p4d.24xlarge", "ml.g5.8xlarge"])
    await client.request("POST", ENDPOINTS.format("v1"), body=body)
    try:
        older = await client.request("GET", f"{ENDPOINTS.format('v1alpha1')}/chat")
    finally:
        await client.request("DELETE", f"{ENDPOINTS.format('v1')}/chat")
    assert older["spec"]["instanceType"] == "ml.p4d.24xlarge"

    await wait_for("the refusal", lambda: admitted(client, misnamed_volume), WITHIN)
    stored = await client.get(SECRETS, names.WEBHOOK_SECRET, names.OPERATOR_NAMESPACE)
    assert stored["metadata"]["annotations"]["cert-manager.io/certificate-name"] == SERVING
    issued = await installation.secret()
    assert await installation.trusted_by_all(issued["ca.crt"])
    authority, leaf = map(x509.load_pem_x509_certificate, (issued["ca.crt"], issued["tls.crt"]))
    leaf.verify_directly_issued_by(authority)


async def test_a_renewed_certificate_is_served_without_a_restart_and_no_request_is_lost(
    installation: Installation,
) -> None:
    before, operator, loads = (
        await installation.secret(),
        await installation.operator(),
        await installation.loads(),
    )
    done = asyncio.Event()

    async def read() -> int:
        count = 0
        while not done.is_set():
            assert await installation.unconverted() is None
            count += 1
        return count

    async with asyncio.TaskGroup() as group:
        reading = group.create_task(read())
        await installation.renew(SERVING)
        await wait_for("the operator to load it", lambda: fewer(installation.loads, loads + 1), WITHIN)
        done.set()
    after = await installation.secret()
    assert reading.result() > 0
    assert after["tls.crt"] != before["tls.crt"]
    assert after["ca.crt"] == before["ca.crt"]
    assert await installation.operator() == operator


async def test_a_renewed_authority_is_trusted_and_the_operator_serves_what_it_signed(
    installation: Installation,
) -> None:
    before, operator = await installation.secret(), await installation.operator()
    loads = await installation.loads()
    await installation.renew(AUTHORITY)
    old = before["ca.crt"]
    await wait_for("a new authority", lambda: same(installation, AUTHORITY, "tls.crt", old), WITHIN)
    authority = (await installation.secret(AUTHORITY))["tls.crt"]
    # Its Issuer may sign once more with the former one, which it has in its cache.
    async with asyncio.timeout(WITHIN):
        while (current := await installation.secret())["ca.crt"] != authority:
            await installation.renew(SERVING)
            leaf = current["tls.crt"]
            await wait_for(
                "it signs", partial(same, installation, names.WEBHOOK_SECRET, "tls.crt", leaf), WITHIN
            )

    async def mistrusted() -> str | None:
        return None if await installation.trusted_by_all(authority) else "somebody does not trust it"

    await wait_for("the new authority to be trusted", mistrusted, WITHIN)
    await wait_for("the operator to load it", lambda: fewer(installation.loads, loads + 1), WITHIN)
    await wait_for("a conversion", installation.unconverted, WITHIN)
    assert await installation.operator() == operator
    leaf = x509.load_pem_x509_certificate((await installation.secret())["tls.crt"])
    leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(authority))


class Published:
    """What the operator put into the bucket for an endpoint."""

    def __init__(self, cluster: LocalCluster, name: str) -> None:
        url = cluster.status().aws
        assert url is not None
        told = environment(url)
        self._s3: Any = boto3.client(
            "s3",
            region_name=told["AWS_REGION"],
            endpoint_url=url,
            aws_access_key_id=told["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=told["AWS_SECRET_ACCESS_KEY"],
        )
        self._folder = f"{alb.CLUSTER}/default/inferenceendpointconfigs/{name}"

    async def file(self, name: str) -> list[x509.Certificate]:
        """The certificates in a file, none before it is there."""

        def read() -> bytes:
            try:
                return bytes(
                    self._s3.get_object(Bucket=alb.BUCKET, Key=f"{self._folder}/{name}")["Body"].read()
                )
            except self._s3.exceptions.NoSuchKey:
                return b""

        found = await asyncio.to_thread(read)
        return x509.load_pem_x509_certificates(found) if found else []


async def test_endpoints_have_certificates_of_the_authority_that_cert_manager_keeps(
    installation: Installation, endpoint: Callable[..., Body]
) -> None:
    client, published = installation.client, Published(installation.cluster, "chat")
    uri = {"tlsCertificateOutputS3Uri": f"s3://{alb.BUCKET}"}
    body = endpoint(replicas=0, instanceTypes=["ml.g5.8xlarge"], tlsConfig=uri)
    await client.request("POST", ENDPOINTS.format("v1"), body=body)

    async def lacking() -> str | None:
        return None if await published.file("certificate.pem") else "nothing is published"

    async def unheard() -> str | None:
        return None if len(await published.file("ca.pem")) == 2 else "the renewed authority is not published"

    try:
        await wait_for("the certificate", lacking, WITHIN)
        before = await installation.secret(names.AUTHORITY_SECRET)
        stored = await client.get(SECRETS, names.AUTHORITY_SECRET, names.OPERATOR_NAMESPACE)
        assert names.CERT_MANAGER_CERTIFICATE in stored["metadata"]["annotations"]
        authority = x509.load_pem_x509_certificate(before["tls.crt"])
        assert await published.file("ca.pem") == [authority]
        (leaf,) = await published.file("certificate.pem")
        leaf.verify_directly_issued_by(authority)

        await installation.renew(names.AUTHORITY_SECRET)
        changed = partial(same, installation, names.AUTHORITY_SECRET, "tls.crt", before["tls.crt"])
        await wait_for("a new authority", changed, WITHIN)
        name, _ = await installation.operator()  # it looks once a day; a new process looks at once
        await client.delete(PODS, name, names.OPERATOR_NAMESPACE)
        await wait_for("both authorities", unheard, WITHIN)
        assert authority in await published.file("ca.pem")
        assert await published.file("certificate.pem") == [leaf], "the new one signs once clients heard of it"
    finally:
        await client.request("DELETE", f"{ENDPOINTS.format('v1')}/chat")


async def same(installation: Installation, secret: str, key: str, value: bytes) -> str | None:
    found = await installation.secret(secret)
    return "it is the former one" if found[key] == value else None


async def admitted(client: Client, body: Body) -> str | None:
    try:
        await client.request("POST", ENDPOINTS.format("v1"), params={"dryRun": "All"}, body=body)
    except Invalid as refusal:
        assert "add it, or rename one of the two" in str(refusal)
        return None
    return "what only the webhook refuses is admitted"


async def fewer(count: Callable[[], Awaitable[int]], wanted: int) -> str | None:
    found = await count()
    return None if found >= wanted else f"{found} so far"
