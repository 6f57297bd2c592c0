"""The way in from outside on the local cluster: a load balancer with TLS, and SageMaker's runtime."""

import asyncio
import contextlib
import gzip
import json
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import boto3
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from click.testing import CliRunner

from hyperpod_inference.api import names
from hyperpod_inference.cli.install import example
from hyperpod_inference.cli.main import main
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.kube.resources import PODS
from hyperpod_inference.local import tryout
from hyperpod_inference.local.alb.access_log import FIELDS
from hyperpod_inference.local.alb.names import BUCKET
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.install import wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]
WITHIN = 300.0
NAME, NAMESPACE = "balanced", "default"
REQUEST = {
    "model": "default",
    "messages": [{"role": "user", "content": tryout.QUESTION}],
    "max_tokens": 24,
    "temperature": 0.0,
}


async def remove_endpoint(client: Client) -> None:
    with contextlib.suppress(NotFound):
        await client.delete(tryout.ENDPOINTS, NAME, NAMESPACE)

    async def left() -> str | None:
        found = (await client.list(tryout.ENDPOINTS, NAMESPACE)).items
        return f"{NAME} is still there" if NAME in {each["metadata"]["name"] for each in found} else None

    await wait_for("the endpoint to go", left, 120.0)


@pytest.fixture
async def balanced(client: Client, account: boto3.Session) -> AsyncIterator[dict[str, Any]]:
    """The example with one replica, a SageMaker endpoint, and the load balancer's logs captured."""
    body = example()
    body["metadata"]["name"] = NAME
    spec = {key: value for key, value in body["spec"].items() if key not in ("autoScalingSpec", "tlsConfig")}
    capture = {"loadBalancer": {"enabled": True}}
    body["spec"] = spec | {"replicas": 1, "endpointName": NAME, "dataCapture": capture}
    yield body
    await remove_endpoint(client)


async def test_clients_outside_get_the_models_answer_and_the_access_log_has_their_calls(
    local_cluster: LocalCluster, client: Client, account: boto3.Session, balanced: dict[str, Any]
) -> None:
    assert not {"AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE"} & await told_to_operator(client)
    assert "AWS_CONTAINER_CREDENTIALS_FULL_URI" in await told_to_operator(client), "Pod Identity, as on EKS"
    await client.apply(balanced, "test")
    await tryout.endpoint_ready(client, NAMESPACE, NAME, replicas=1, within=WITHIN)
    await wait_for("the endpoint's ways in", lambda: closed(client), WITHIN)
    seen = await client.get(tryout.ENDPOINTS, NAME, NAMESPACE)
    told = conditions(seen)
    host = told["LoadBalancerReady"]["message"].partition("https://")[2].partition("/")[0]
    assert host.endswith(".us-west-2.elb.amazonaws.com")

    authority = await asyncio.to_thread(said, "ca", NAME, "-n", NAMESPACE)
    answer = await through(local_cluster, host, authority)
    assert "Paris" in answer
    invoked = await asyncio.to_thread(invoke, account)
    assert "Paris" in invoked["choices"][0]["message"]["content"]

    lines: list[str] = []

    async def logged() -> str | None:
        lines[:] = await asyncio.to_thread(access_log, account)
        return None if len(lines) >= 2 else f"{len(lines)} lines"

    await wait_for("the access log", logged, 120.0)
    path = "/" + balanced["spec"]["invocationEndpoint"].lstrip("/")
    assert all(f"POST https://{host}:443{path} HTTP/1.1" in line for line in lines)
    assert all(len(line.split()) >= len(FIELDS) for line in lines)
    verdicts = json.loads(await asyncio.to_thread(said, "doctor", NAME, "-n", NAMESPACE, "-o", "json"))
    assert not [each for each in verdicts["findings"] if each["verdict"] == "WRONG"]


async def told_to_operator(client: Client) -> set[str]:
    """The variables of the operator's newest pod."""
    labels = {"label_selector": "app.kubernetes.io/component=controller-manager"}
    pods = (await client.list(PODS, names.OPERATOR_NAMESPACE, **labels)).items
    newest = max(pods, key=lambda each: each["metadata"]["creationTimestamp"])
    return {each["name"] for container in newest["spec"]["containers"] for each in container["env"]}


async def closed(client: Client) -> str | None:
    """What is not open yet."""
    found = conditions(await client.get(tryout.ENDPOINTS, NAME, NAMESPACE))
    asked = ("TLSReady", "LoadBalancerReady", "EndpointRegistered")
    left = [f"{each}: {found.get(each, {}).get('message')}" for each in asked if not is_true(found.get(each))]
    return "; ".join(left) or None


def is_true(condition: dict[str, Any] | None) -> bool:
    return condition is not None and condition["status"] == "True"


def conditions(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["type"]: each for each in body.get("status", {}).get("conditions", ())}


def said(*arguments: str) -> str:
    """What the command prints; it must end well."""
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


async def through(cluster: LocalCluster, host: str, authority: str) -> str:
    """The answer to a client of the load balancer that trusts the endpoint's authority and no other."""
    at = cluster.status().load_balancers
    assert at is not None
    connector = aiohttp.TCPConnector(
        resolver=Here(int(at.rpartition(":")[2])), ssl=ssl.create_default_context(cadata=authority)
    )
    limit = aiohttp.ClientTimeout(total=120)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=limit) as session,
        session.post(f"https://{host}/v1/chat/completions", json=REQUEST) as response,
    ):
        assert response.status == 200, await response.text()
        return str((await response.json())["choices"][0]["message"]["content"])


class Here(AbstractResolver):
    """Every name at one port of this machine, as `curl --connect-to` has it."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        here = "127.0.0.1"
        return [ResolveResult(hostname=host, host=here, port=self._port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is kept."""


def invoke(account: boto3.Session) -> dict[str, Any]:
    runtime: Any = account.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(
        EndpointName=NAME, ContentType="application/json", Body=json.dumps(REQUEST)
    )
    found: dict[str, Any] = json.loads(answer["Body"].read())
    return found


def access_log(account: boto3.Session) -> list[str]:
    """Every line below the endpoint's prefix."""
    s3: Any = account.client("s3")
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix="data-capture/").get("Contents", ())
    keys = [each["Key"] for each in found if each["Key"].endswith(".log.gz")]
    bodies = [s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys]
    return [line for body in bodies for line in gzip.decompress(body).decode().splitlines()]
