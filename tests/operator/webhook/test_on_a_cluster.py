"""The installed operator's webhook, called by a real API server through its Service."""

import asyncio
import base64
import copy
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from hyperpod_inference.api import names
from hyperpod_inference.kube.client import MERGE_PATCH, Client
from hyperpod_inference.kube.errors import ApiError, Invalid, NotFound
from hyperpod_inference.kube.resources import DEPLOYMENTS, SECRETS
from hyperpod_inference.local.install import deployment_available, wait_for
from hyperpod_inference.webhook import certificates
from hyperpod_inference.webhook.keeper import hosts, secret_of

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]  # the first one starts cluster and operator
Body = dict[str, Any]
PLURAL = "inferenceendpointconfigs"
OPERATOR = (names.OPERATOR_NAMESPACE, names.OPERATOR_NAME)
NAME = "webhook-test"


def path(version: str, name: str | None = NAME) -> str:
    collection = f"/apis/{names.GROUP}/{version}/namespaces/default/{PLURAL}"
    return f"{collection}/{name}" if name else collection


@pytest.fixture
async def client(operated: Client) -> AsyncIterator[Client]:
    """A client of a cluster whose operator answers; what the test made is gone afterwards."""
    yield operated
    for each in (NAME, f"{NAME}-2"):
        await wait_for(each, partial(_is_there, operated, each), 60.0)


@pytest.fixture
def newest(endpoint: Callable[..., Body]) -> Body:
    """A v1 endpoint without replicas, with fields that v1alpha1 lacks."""
    body = endpoint(replicas=0, instanceTypes=["ml.p4d.24xlarge", "ml.g5.8xlarge"], maxDeployTimeInSeconds=60)
    return body | {"metadata": {"name": NAME, "namespace": "default"}}


async def _is_there(client: Client, name: str) -> str | None:
    """Delete it, until the operator has let it go."""
    try:
        await client.request("DELETE", path("v1", name))
    except NotFound:
        return None
    return "it is still there"


async def answers(client: Client) -> None:
    """Wait until v1alpha1 can be read."""

    async def missing() -> str | None:
        try:
            await client.request("GET", path("v1alpha1", None))
        except ApiError as error:
            return str(error)
        return None

    await wait_for("v1alpha1", missing, 60.0)


async def test_what_was_written_as_v1_is_read_and_changed_as_v1alpha1_without_loss(
    client: Client, newest: Body
) -> None:
    before = await client.request("POST", path("v1", None), body=newest)
    await answers(client)
    older = await client.request("GET", path("v1alpha1"))
    assert older["spec"]["instanceType"] == "ml.p4d.24xlarge"
    assert "instanceTypes" not in older["spec"]

    change = {"spec": {"modelVersion": "2"}}
    await client.request("PATCH", path("v1alpha1"), body=change, content_type=MERGE_PATCH)
    after = await client.request("GET", path("v1"))
    assert after["spec"] == before["spec"] | {"modelVersion": "2"}
    assert names.ANNOTATION_NEWER_FIELDS not in after["metadata"].get("annotations", {})


async def test_a_v1alpha1_manifest_is_applied_and_stored_as_v1(client: Client, newest: Body) -> None:
    await answers(client)
    older = copy.deepcopy(newest) | {"apiVersion": names.API_VERSION_ALPHA}
    del older["spec"]["instanceTypes"], older["spec"]["maxDeployTimeInSeconds"]
    older["spec"]["instanceType"] = "ml.g5.8xlarge"
    for _ in range(2):  # the second time it is compared with the managed fields of the first
        await client.apply(older, "test")
    stored = await client.request("GET", path("v1"))
    assert stored["spec"]["instanceType"] == "ml.g5.8xlarge"
    assert stored["spec"]["maxDeployTimeInSeconds"] == 3600
    for version in ("v1", "v1alpha1"):
        listed = await client.request("GET", path(version, None))
        assert NAME in {each["metadata"]["name"] for each in listed["items"]}


async def test_what_cel_cannot_say_is_refused_at_admission(client: Client, misnamed_volume: Body) -> None:
    await answers(client)
    body = misnamed_volume | {"metadata": {"name": f"{NAME}-2", "namespace": "default"}}
    with pytest.raises(Invalid, match=r"one volume must have the name of worker\.modelVolumeMount: add it"):
        await client.request("POST", path("v1", None), body=body)


async def test_a_certificate_that_is_due_is_replaced_and_no_request_is_lost(
    client: Client, newest: Body
) -> None:
    await client.request("POST", path("v1", None), body=newest)
    await answers(client)
    secret = await client.get(SECRETS, names.WEBHOOK_SECRET, names.OPERATOR_NAMESPACE)
    material = certificates.Material.of({key: base64.b64decode(each) for key, each in secret["data"].items()})
    aged = certificates.reissued(
        material, hosts(names.OPERATOR_NAMESPACE), datetime.now(UTC) - timedelta(days=61)
    )
    done = asyncio.Event()

    async def read() -> int:
        count = 0
        while not done.is_set():
            await client.request("GET", path("v1alpha1"))
            count += 1
        return count

    async with asyncio.TaskGroup() as group:
        reading = [group.create_task(read()) for _ in range(2)]
        await client.replace(SECRETS, secret_of(aged, names.OPERATOR_NAMESPACE))
        await wait_for("the renewal", lambda: _is_still(client, aged.certificate), 30.0)
        done.set()
    assert sum(task.result() for task in reading) > 0


async def _is_still(client: Client, certificate: bytes) -> str | None:
    secret = await client.get(SECRETS, names.WEBHOOK_SECRET, names.OPERATOR_NAMESPACE)
    return "not replaced" if base64.b64decode(secret["data"]["tls.crt"]) == certificate else None


async def test_without_an_operator_v1_goes_on_and_v1alpha1_says_what_is_missing(
    client: Client, newest: Body, misnamed_volume: Body
) -> None:
    await client.request("POST", path("v1", None), body=newest)
    await answers(client)
    await _scale(client, 0)
    try:
        await wait_for("the operator to go", lambda: _still_converts(client), 30.0)
        with pytest.raises(ApiError, match=r"conversion webhook .* failed: .*" + names.WEBHOOK_SERVICE):
            await client.request("GET", path("v1alpha1"))
        assert (await client.request("GET", path("v1")))["spec"]["replicas"] == 0
        # Validation fails open; the reconciler refuses it later.
        body = misnamed_volume | {"metadata": {"name": f"{NAME}-2", "namespace": "default"}}
        await client.request("POST", path("v1", None), body=body)
    finally:
        await _scale(client, 1)
        await deployment_available(client, *OPERATOR)
    await answers(client)
    await wait_for("the refusal", lambda: _is_not_refused(client), 60.0)


async def _scale(client: Client, replicas: int) -> None:
    body = {"spec": {"replicas": replicas}}
    await client.patch(DEPLOYMENTS, names.OPERATOR_NAME, names.OPERATOR_NAMESPACE, body, MERGE_PATCH)


async def _still_converts(client: Client) -> str | None:
    try:
        await client.request("GET", path("v1alpha1"))
    except ApiError:
        return None
    return "v1alpha1 is still answered"


async def _is_not_refused(client: Client) -> str | None:
    found = await client.request("GET", path("v1", f"{NAME}-2"))
    conditions = {each["type"]: each for each in found.get("status", {}).get("conditions", [])}
    accepted = conditions.get("Accepted", {})
    return None if accepted.get("status") == "False" else f"conditions are {conditions}"
