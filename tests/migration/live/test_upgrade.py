"""An upgrade of the add-on on a real API server, by the command: done, cut off, and undone by itself."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hyperpod_inference.cli import migrating
from hyperpod_inference.cli.main import main
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.config import load
from hyperpod_inference.kube.resources import DEPLOYMENTS
from hyperpod_inference.local.aws.double import AwsDouble
from hyperpod_inference.local.aws.eks.addon import Outcome
from hyperpod_inference.local.aws.faults import denied
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.install import wait_for
from hyperpod_inference.migration.world import World

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("addon_installed"), pytest.mark.timeout(600)]
INFERENCE = "amazon-sagemaker-hyperpod-inference"
State = Callable[[], Any]
Command = Callable[..., Any]


async def scaled(client: Client, replicas: int) -> None:
    """The endpoint's Deployment, once so many of its pods are ready."""
    await client.patch(DEPLOYMENTS, "chat", "team", {"spec": {"replicas": replicas}})

    async def why() -> str | None:
        status = (await client.get(DEPLOYMENTS, "chat", "team")).get("status") or {}
        ready = status.get("readyReplicas", 0)
        return None if ready == replicas else f"{ready} of {replicas} ready"

    await wait_for("the endpoint's pods", why, 120.0)


@pytest.fixture
def command(
    cluster: LocalCluster,
    world: World,
    addon_installed: Any,
    clock: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Command:
    """await command(*arguments, breaks): `upgrade` with its journal in tmp_path.

    breaks: the version whose operator takes the endpoint's pods away, and the waiting then costs no time.
    """

    async def call(*arguments: str, breaks: str = "") -> Result:
        async def world_of(stack: AsyncExitStack, *_: Any) -> World:
            client = await stack.enter_async_context(Client(load(cluster.kubeconfig)))
            acting = type(addon_installed)(client, world.eks, clock, addon_installed._objects)

            async def pause(seconds: float) -> None:
                await acting.pause(seconds)
                addon = world.eks.addon(INFERENCE)
                if breaks and addon is not None:
                    replicas = 0 if addon.version == breaks else 1
                    await scaled(client, replicas)

            now = clock_now if breaks else world.now
            return World(
                client=client, eks=world.eks, iam=world.iam, tagging=world.tagging, now=now, pause=pause
            )

        monkeypatch.setattr(migrating, "world_of", world_of)
        given = ["upgrade", "--backup-dir", str(tmp_path), *arguments]
        return await asyncio.to_thread(CliRunner().invoke, main, given)

    def clock_now() -> float:
        return float(clock.now.timestamp())

    return call


def journals(directory: Path) -> list[Path]:
    return [*directory.iterdir()]


TO = ("--cluster-name", "example", "--to", "v1.5.0-eksbuild.1")


async def test_what_only_asks_or_must_be_put_right_first_changes_nothing(
    command: Command, state: State, aws: AwsDouble, tmp_path: Path
) -> None:
    before = await state()
    for flag in ("--dry-run", "--check"):
        result = await command(*TO, flag)
        assert result.exit_code == 0, result.output
        assert "updates the EKS add-on" in result.output
    refused = await command("--cluster-name", "example", "--to", "v1.0.0-eksbuild.1", "--yes")
    assert refused.exit_code == 3
    assert "FIX FIRST: --to: got v1.0.0-eksbuild.1" in refused.output
    aws.faults.add(denied("eks:UpdateAddon"))
    forbidden = await command(*TO, "--yes")
    aws.faults.clear()
    assert forbidden.exit_code == 3
    assert "AWS does not let you eks:UpdateAddon on arn:aws:eks:us-west-2:111122223333" in forbidden.output
    assert await state() == before
    assert journals(tmp_path) == []


async def test_a_run_that_failed_goes_on_and_the_way_back_leads_to_the_old_version(
    command: Command, state: State, aws: AwsDouble, tmp_path: Path
) -> None:
    before = await state()
    outcome = Outcome("UPDATE_FAILED", "InsufficientNumberOfReplicas", "0 of 1 replicas are ready")
    aws.world.addon_outcomes["example", INFERENCE] = outcome
    result = await command(*TO, "--yes", "--no-rollback-on-failure")
    assert (result.exit_code, "0 of 1 replicas are ready" in result.output) == (1, True)
    (journal,) = journals(tmp_path)
    assert f"upgrade --resume {journal}" in result.output
    result = await command("--resume", str(journal))
    assert result.exit_code == 0, result.output
    after = await state()
    assert after["addons"][INFERENCE] == ("v1.5.0-eksbuild.1", before["addons"][INFERENCE][1])
    assert {**after, "addons": 0} == {**before, "addons": 0}
    again = await command(*TO, "--yes")
    assert (again.exit_code, "nothing to do" in again.output) == (0, True)
    result = await command("--rollback", str(journal))
    assert result.exit_code == 0, result.output
    assert await state() == before


async def test_a_version_under_which_an_endpoint_stops_serving_is_taken_back_by_itself(
    command: Command, state: State
) -> None:
    before = await state()
    result = await command(*TO, "--yes", breaks="v1.5.0-eksbuild.1")
    assert result.exit_code == 1
    assert "no ready replica any more: InferenceEndpointConfig team/chat" in result.output
    assert "Without a ready replica in some of" in result.output
    assert "Everything is as it was before." in result.output
    assert await state() == before
