"""`hyperpod-inference plan` against a real API server, with twenty nodes and a real scheduler."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from hyperpod_inference.api import names
from hyperpod_inference.api.crd import crds
from hyperpod_inference.api.parse import parse
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.cli.main import main
from hyperpod_inference.controllers.kinds import ENDPOINTS
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.config import load
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.kube.resources import DEPLOYMENTS, PODS, SERVICES
from hyperpod_inference.local.install import install
from hyperpod_inference.render import render

pytestmark = pytest.mark.cluster

Body = dict[str, Any]
EXAMPLE = Path(__file__).parents[3] / "charts/hyperpod_charts/examples/llm-fallback.yaml"
NAMESPACE = "default"
STRANGER = "foreign"
P4D, G5 = "ml.p4d.24xlarge", "ml.g5.8xlarge"


_numbers = itertools.count(1)


class World:
    """What a user and the operator would do, in one namespace."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        self.kubeconfig, self.file = kubeconfig, folder / "endpoint.yaml"
        # A name of its own, so that no test waits for the volume of an earlier one to be free again.
        self.name = f"planned-{next(_numbers)}"

    def run(self, work: Callable[[Client], Any]) -> Any:
        async def connected() -> Any:
            async with Client(load(self.kubeconfig)) as client:
                return await work(client)

        return asyncio.run(connected())

    def endpoint(self, **spec: Any) -> Body:
        """Write the file: the example with these fields."""
        body: Body = yaml.safe_load(EXAMPLE.read_text())
        body["metadata"] = {"name": self.name, "namespace": NAMESPACE}
        body["spec"] |= spec
        self.file.write_text(yaml.safe_dump(body))
        return body

    def apply(self, body: Body) -> None:
        """Apply the endpoint, and what the operator would make of it; wait until its pods are bound."""

        async def work(client: Client) -> None:
            endpoint: Any = parse(await client.apply(body, "kubectl"), tolerant=True)
            for manifest in render(endpoint, OperatorSettings()).manifests:
                await client.apply(manifest, names.FIELD_MANAGER)
            async with asyncio.timeout(60):
                while True:
                    pods = (await client.list(PODS, NAMESPACE, field_selector="spec.nodeName!=")).items
                    if len(pods) == body["spec"]["replicas"]:
                        return
                    await asyncio.sleep(0.05)

        self.run(work)

    def plan(self, *options: str) -> Result:
        arguments = ["plan", "-f", str(self.file), "--kubeconfig", str(self.kubeconfig), *options]
        return CliRunner().invoke(main, arguments)

    def planned(self) -> Body:
        """The plan of the one endpoint, from the JSON."""
        result = self.plan("--output", "json")
        assert result.exit_code == 0, result.output
        (endpoint,) = json.loads(result.stdout)["endpoints"]
        return dict(endpoint)


@pytest.fixture
async def world(fleet: Any, tmp_path: Path) -> AsyncIterator[World]:
    """A world over the fleet's nodes, empty again afterwards."""
    await install(fleet.client, crds())
    yield World(fleet.kubeconfig, tmp_path)
    for deployment in (await fleet.client.list(DEPLOYMENTS, NAMESPACE)).items:
        await fleet.remove(deployment)
    for endpoint in (await fleet.client.list(ENDPOINTS, NAMESPACE)).items:
        await fleet.client.delete(ENDPOINTS, endpoint["metadata"]["name"], NAMESPACE)
    with contextlib.suppress(NotFound):
        await fleet.client.delete(SERVICES, STRANGER, NAMESPACE)


def actions(plan: Body) -> dict[str, str]:
    return {each["kind"]: each["action"] for each in (plan["resource"], *plan["objects"])}


def test_from_nothing_over_no_change_to_a_restart(world: World) -> None:
    """One walk, since each step needs the one before."""
    body = world.endpoint(instanceTypes=[P4D, G5], replicas=18)
    plan = world.planned()
    assert set(actions(plan).values()) == {"create"}
    (workload,) = plan["workloads"]
    assert workload["needs"]["nvidia.com/gpu"] == 18
    rows = [(row["instanceType"], row["takes"]) for row in workload["seats"]["rows"]]
    assert rows == [(P4D, 16), (G5, 2)]
    assert world.plan("--detailed-exitcode").exit_code == 3
    assert world.run(lambda client: client.list(ENDPOINTS, NAMESPACE)).items == []

    world.apply(body)
    result = world.plan("--detailed-exitcode")
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith("No changes: the cluster is as the files say.\n")
    assert "every replica keeps the place it has" in result.stdout

    world.endpoint(instanceTypes=[P4D], replicas=17)
    plan = world.planned()
    assert actions(plan)["Deployment"] == actions(plan)["InferenceEndpointConfig"] == "change"
    (deployment,) = (each for each in plan["objects"] if each["kind"] == "Deployment")
    assert deployment["restartsPods"] is True
    changed = {each["path"]: (each["old"], each["new"]) for each in deployment["changes"]}
    assert changed["spec.replicas"] == (18, 17)
    assert any(path.startswith("spec.template.spec.affinity") for path in changed)
    (workload,) = plan["workloads"]
    assert workload["rollout"] == {"replicas": 18, "fits": False}
    assert (workload["seats"]["asked"], len(workload["seats"]["nodes"])) == (17, 16)
    text = world.plan().stdout
    for said in (
        "~ spec.replicas: 18 -> 17",
        "(its pods restart)",
        "only 16 of 17 replicas",
        "no room for it",
    ):
        assert said in text


def test_more_replicas_restart_none(world: World) -> None:
    world.apply(world.endpoint(instanceTypes=[P4D, G5], replicas=1))
    world.endpoint(instanceTypes=[P4D, G5], replicas=4)
    (workload,) = world.planned()["workloads"]
    assert (workload["rollout"], workload["seats"]["asked"]) == (None, 3)


def test_what_is_not_wanted_any_more_would_be_deleted_and_a_stranger_is_not_taken_over(world: World) -> None:
    body = world.endpoint(replicas=0)
    world.apply(body)
    source = body["spec"]["modelSourceConfig"]
    world.endpoint(replicas=0, modelSourceConfig=source | {"modelLocation": "another/place"})
    plan = world.planned()
    claims = [each["action"] for each in plan["objects"] if each["kind"] == "PersistentVolumeClaim"]
    assert sorted(claims) == ["create", "delete"]

    stranger = {"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 80}]}}
    stranger["metadata"] = {"name": STRANGER, "namespace": NAMESPACE}
    world.run(lambda client: client.apply(stranger, "somebody"))
    body["metadata"]["name"] = STRANGER
    world.file.write_text(yaml.safe_dump(body))
    result = world.plan()
    assert f"! Service {NAMESPACE}/{STRANGER}" in result.stdout
    assert "was not made for this endpoint" in result.stdout


def test_what_the_api_server_refuses_is_an_input_error(world: World) -> None:
    world.apply(world.endpoint(replicas=0))
    world.endpoint(replicas=0, intelligentRoutingSpec={"enabled": True})
    result = world.plan()
    assert (result.exit_code, result.stdout) == (2, "")
    assert "intelligentRoutingSpec" in result.stderr


def test_two_endpoints_do_not_get_the_same_place(world: World) -> None:
    one = world.endpoint(instanceTypes=[G5], replicas=1)
    two = one | {"metadata": one["metadata"] | {"name": "second"}}
    world.file.write_text(yaml.safe_dump_all([one, two]))
    plans = json.loads(world.plan("-o", "json").stdout)["endpoints"]
    assert [each["workloads"][0]["seats"]["rows"][0]["free"] for each in plans] == [2, 1]
