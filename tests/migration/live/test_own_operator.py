"""From this project's own operator to the add-on and back, by the same plan, on a real API server."""

import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hyperpod_charts.synth import manifests
from hyperpod_inference.api import names
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.resources import DEPLOYMENTS
from hyperpod_inference.local.install import install
from hyperpod_inference.migration.discover import Discovery
from hyperpod_inference.migration.endpoints import ENDPOINTS
from hyperpod_inference.migration.engine import back, forward
from hyperpod_inference.migration.journal import Journal
from hyperpod_inference.migration.plan import Plan
from hyperpod_inference.migration.planning import Options, plan
from hyperpod_inference.migration.world import World

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("own_installed"), pytest.mark.timeout(600)]
INFERENCE = "amazon-sagemaker-hyperpod-inference"
SETTINGS = OperatorSettings(
    region="us-west-2",
    eks_cluster_name="example",
    hyperpod_cluster_arn="arn:aws:sagemaker:us-west-2:111122223333:cluster/abcdefgh1234",
    execution_role_arn="arn:aws:iam::111122223333:role/SageMakerHyperPodInference-old",
    tls_certificate_output_s3_uri="s3://hyperpod-tls-example/certificates",
)


@pytest.fixture
async def own_installed(
    client: Client, beside: Callable[..., Any], serve: Callable[..., Any], remove_all: Callable[..., Any]
) -> AsyncIterator[None]:
    """Our charts as kubectl applies them; a pod that waits stands for the operator's process."""
    await beside(client, names.WEBHOOK_SERVICE)
    try:
        made = [each for each in manifests(SETTINGS, example=False)
                if each["kind"] != "CustomResourceDefinition"]  # fmt: skip
        for each in made:
            if each["kind"] == "Deployment":
                container = each["spec"]["template"]["spec"]["containers"][0]
                container |= {"image": "hyperpod-local/sleep:1", "args": ["infinity"]}
                for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                    container.pop(probe)
                each["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 0
        await install(client, made)
        await serve(client)
        await client.patch(
            ENDPOINTS, "chat", "team", {"metadata": {"finalizers": [names.FINALIZER, "x.y/z"]}}
        )
        yield
    finally:
        await remove_all(client)


async def planned(world: World) -> Plan:
    made = plan(await Discovery(world, "us-west-2").look(), Options())
    assert made.problems == ()
    return made


async def test_it_moves_to_the_add_on_and_back(
    client: Client, world: World, state: Callable[[], Any], tmp_path: Path
) -> None:
    before = await state()
    made = await planned(world)
    directory = Journal.create(tmp_path, made, datetime(2026, 1, 1, tzinfo=UTC)).root
    await forward(Journal.load(directory), world)
    after = await state()
    assert [*after["addons"]] == [INFERENCE]
    configuration = after["addons"][INFERENCE][1]
    assert configuration["tlsCertificateS3Bucket"] == "hyperpod-tls-example"
    # It brings the controllers that our charts do not have, with roles of their own.
    assert configuration["keda"]["enabled"]
    assert after["endpoints"] == before["endpoints"]
    assert after["finalizers"] == [["x.y/z"]]
    live = await client.get(DEPLOYMENTS, names.OPERATOR_NAME, names.OPERATOR_NAMESPACE)
    assert names.LABEL_PART_OF not in live["metadata"]["labels"]
    # What routers work with is left to them.
    assert f"ServiceAccount {names.OPERATOR_NAMESPACE}/{names.ROUTER_SERVICE_ACCOUNT}" in after["objects"]
    assert f"ClusterRole -/{names.ROUTER_ROLE}" in after["objects"]
    await back(Journal.load(directory), world)
    assert await state() == before


@pytest.mark.skipif(not os.environ.get("HYPERPOD_MIGRATION_ALL"), reason="HYPERPOD_MIGRATION_ALL is not set")
async def test_a_process_that_ends_after_any_step_goes_on_or_back(
    world: World, state: Callable[[], Any], tmp_path: Path, run_until: Callable[..., Any]
) -> None:
    before = await state()
    made = await planned(world)
    for number, step in enumerate(made.steps, 1):
        directory = Journal.create(tmp_path, made, datetime(2026, 1, number, tzinfo=UTC)).root
        await run_until(directory, ("done", step.id), world)
        await back(Journal.load(directory), world)
        assert await state() == before, f"after {step.id}"
    directory = Journal.create(tmp_path, made, datetime(2026, 2, 1, tzinfo=UTC)).root
    for step in made.steps:
        await run_until(directory, ("begun", step.id), world)
    await forward(Journal.load(directory), world)
    assert [*(await state())["addons"]] == [INFERENCE]
    await back(Journal.load(directory), world)
    assert await state() == before


async def test_one_that_helm_installed_is_found_once(
    world: World, client: Client, release_secret: Any
) -> None:
    from hyperpod_inference.kube.resources import SECRETS

    values = {"settings": {"tlsCertificateOutputS3Uri": "s3://hyperpod-tls-example"}}
    await client.create(SECRETS, release_secret(values, chart="hyperpod-inference", name="ours", objects=[]))
    found = await Discovery(world, "us-west-2").look()
    assert [each.name for each in found.releases] == ["ours"]
