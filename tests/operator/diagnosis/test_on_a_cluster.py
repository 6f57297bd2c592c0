"""`hyperpod-inference doctor` on the shared local cluster, whose operator is the real one."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hyperpod_inference.api import names
from hyperpod_inference.cli.main import main
from hyperpod_inference.controllers.kinds import ENDPOINTS
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.install import wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]  # the first one starts cluster and operator
NAME = "doctor-test"


@pytest.fixture
async def sick(operated: Client, chat_spec: dict[str, Any]) -> AsyncIterator[Client]:
    """An endpoint whose weights are nowhere."""
    chat_spec["modelSourceConfig"]["s3Storage"]["bucketName"] = "no-such-bucket"
    metadata = {"name": NAME, "namespace": "default"}
    body = {"apiVersion": names.API_VERSION, "kind": names.KIND_ENDPOINT, "metadata": metadata}
    await operated.create(ENDPOINTS, body | {"spec": chat_spec})
    yield operated
    await wait_for(NAME, lambda: _removed(operated), 60.0)


async def _removed(client: Client) -> str | None:
    try:
        await client.delete(ENDPOINTS, NAME, "default")
    except NotFound:
        return None
    return "it is still there"


async def _doctor(cluster: LocalCluster, *arguments: str) -> Result:
    words = ["doctor", "--kubeconfig", str(cluster.kubeconfig), "-o", "json", *arguments]
    return await asyncio.to_thread(CliRunner().invoke, main, words)


async def test_weights_that_are_nowhere_are_found_behind_a_sound_installation(
    sick: Client, local_cluster: LocalCluster
) -> None:
    found: dict[str, Any] = {}

    async def diagnosed() -> str | None:
        result = await _doctor(local_cluster, NAME)
        found.update(json.loads(result.stdout), status=result.exit_code)
        cause = found["cause"]
        return None if cause and "no-such-bucket" in cause["found"] else f"the cause is {cause}"

    await wait_for("the cause", diagnosed, 120.0, poll=1.0)
    assert found["status"] == 1
    assert found["cause"]["check"] == "replicas"
    assert "cannot mount a volume" in found["cause"]["found"]
    assert "Check bucket" in found["cause"]["fix"]
    before = {each["check"]: each["verdict"] for each in found["findings"]}
    installation = (
        "definitions",
        "admission",
        "operator",
        "leader",
        "webhook",
        "nodes",
        "devices",
        "drivers",
    )
    assert {name: before.get(name) for name in installation} == dict.fromkeys(installation, "ok")

    result = await _doctor(local_cluster)
    assert result.exit_code == 1
    sick_ones = {
        each["check"] for each in json.loads(result.stdout)["findings"] if each["verdict"] == "wrong"
    }
    assert f"endpoint default/{NAME}" in sick_ones

    result = await _doctor(local_cluster, "no-such-endpoint")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["cause"]["check"] == "endpoint"
