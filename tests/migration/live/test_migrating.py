"""Migrations on a real API server, against the double of AWS: there, cut off at every point, and back."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hyperpod_inference.kube.client import Client
from hyperpod_inference.local.aws.double import AwsDouble
from hyperpod_inference.local.aws.faults import Fault, denied
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.migration.discover import Discovery
from hyperpod_inference.migration.endpoints import ENDPOINTS
from hyperpod_inference.migration.engine import back, forward
from hyperpod_inference.migration.journal import Journal
from hyperpod_inference.migration.plan import Plan
from hyperpod_inference.migration.planning import Options, plan
from hyperpod_inference.migration.steps import Step
from hyperpod_inference.migration.watching import Watch
from hyperpod_inference.migration.world import World

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("helm_installed"), pytest.mark.timeout(600)]
State = Callable[[], Any]
RunUntil = Callable[..., Any]
INFERENCE = "amazon-sagemaker-hyperpod-inference"
DRIVER = "aws-mountpoint-s3-csi-driver"
ALL = bool(os.environ.get("HYPERPOD_MIGRATION_ALL"))
"""Whether every step is a point of return; else one of each kind is."""


async def planned(world: World) -> Plan:
    made = plan(await Discovery(world, "us-west-2").look(), Options())
    assert made.problems == ()
    return made


@pytest.fixture
def root(tmp_path: Path) -> Callable[[Plan], Path]:
    """root(plan): the directory of a new migration."""
    from datetime import UTC, datetime

    return lambda made: Journal.create(tmp_path, made, datetime(2026, 1, 1, tzinfo=UTC)).root


async def test_the_add_on_takes_over_and_nothing_of_helm_is_left(
    world: World, root: Callable[[Plan], Path], state: State
) -> None:
    before = await state()
    directory = root(await planned(world))
    await forward(Journal.load(directory), world)
    after = await state()
    assert ([*after["addons"]], after["releases"]) == ([INFERENCE, DRIVER], [])
    assert after["deployments"] == [
        ("hyperpod-inference-system", "hyperpod-inference-controller-manager", 1),
        ("team", "chat", 1),
    ]
    assert after["endpoints"] == before["endpoints"]
    assert set(after["conversion"]) == {"hyperpod-inference-conversion-webhook"}
    assert set(after["roles"]) - set(before["roles"]) == {
        "SageMakerHP-ALB-abcdefgh-addon",
        "SageMakerHP-KEDA-abcdefgh-addon",
        "SageMakerHyperPodInference-abcdefgh-execution-role",
    }
    assert after["roles"]["SageMakerHP-KEDA-abcdefgh-addon"].inline == before["roles"]["keda"].inline
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {each.stat().st_mode & 0o777 for each in directory.iterdir()} == {0o600}


async def test_a_process_that_ends_at_every_point_comes_to_the_same_end(
    world: World, root: Callable[[Plan], Path], state: State, run_until: RunUntil
) -> None:
    made = await planned(world)
    directory = root(made)
    for step in made.steps:
        for when in ("begun", "done"):
            await run_until(directory, (when, step.id), world)
    await forward(Journal.load(directory), world)
    after = await state()
    assert ([*after["addons"]], after["releases"]) == ([INFERENCE, DRIVER], [])
    assert [name for _, name, _ in after["deployments"]] == ["hyperpod-inference-controller-manager", "chat"]


async def test_the_way_back_leads_to_the_state_before_from_every_point(
    world: World, root: Callable[[Plan], Path], state: State, tmp_path: Path, run_until: RunUntil
) -> None:
    before = await state()
    made = await planned(world)
    seen: set[str] = set()
    for number, step in enumerate(made.steps):
        if step.kind in seen and not ALL:
            continue
        seen.add(step.kind)
        directory = tmp_path / str(number)
        directory.mkdir()
        (directory / "plan.json").write_text(made.model_dump_json())
        await run_until(directory, ("done", step.id), world)
        await back(Journal.load(directory), world)
        assert await state() == before, f"after {step.id}"


async def test_a_way_back_that_is_cut_off_ends_when_it_is_called_again(
    world: World, root: Callable[[Plan], Path], state: State
) -> None:
    before = await state()
    directory = root(await planned(world))
    await forward(Journal.load(directory), world)

    def end_in_the_middle(_verb: str, step: Step, _number: int, _of: int) -> None:
        if step.kind == "scale-down":
            raise SystemExit

    with pytest.raises(SystemExit):
        await back(Journal.load(directory), world, end_in_the_middle)
    assert Journal.load(directory).going_back
    await back(Journal.load(directory), world)
    assert await state() == before


async def test_the_endpoint_answers_throughout_and_keeps_what_others_set_on_it(
    client: Client, cluster: LocalCluster, world: World, root: Callable[[Plan], Path]
) -> None:
    import aiohttp

    body = {"metadata": {"labels": {"cost-centre": "7"}}}
    await client.patch(ENDPOINTS, "chat", "team", body)
    answers: list[int] = []
    over = asyncio.Event()

    async def ask() -> None:
        async with aiohttp.ClientSession() as http:
            while not over.is_set():
                async with http.get(f"{cluster.front_door}/team/chat/") as answer:
                    answers.append(answer.status)
                await asyncio.sleep(0.2)

    asking = asyncio.create_task(ask())
    made = await planned(world)
    directory = root(made)
    async with Watch(world, made) as watch:
        await forward(Journal.load(directory), world)
        await back(Journal.load(directory), world)
    over.set()
    await asking
    assert len(answers) > 10
    assert set(answers) == {200}
    assert watch.report() == f"1 endpoint served in each of {watch.looks} looks."
    found = await client.get(ENDPOINTS, "chat", "team")
    assert found["metadata"]["labels"]["cost-centre"] == "7"


async def test_a_failure_of_aws_stops_it_and_the_same_run_goes_on_later(
    world: World, aws: AwsDouble, root: Callable[[Plan], Path], state: State
) -> None:
    directory = root(await planned(world))
    aws.faults.add(Fault("eks:CreateAddon", "InvalidParameterException", "no such version", 400))
    with pytest.raises(Exception, match="eks:CreateAddon: InvalidParameterException: no such version"):
        await forward(Journal.load(directory), world)
    await forward(Journal.load(directory), world)
    assert [*(await state())["addons"]] == [INFERENCE, DRIVER]


async def test_what_may_not_be_read_is_told_all_at_once_before_anything_changes(
    world: World, aws: AwsDouble, state: State
) -> None:
    before = await state()
    aws.faults.add(denied("iam:ListRolePolicies"))
    aws.faults.add(denied("eks:DescribeAddonVersions"))
    made = plan(await Discovery(world, "us-west-2").look(), Options())
    aws.faults.clear()
    assert {word for word in ("iam:ListRolePolicies", "eks:DescribeAddonVersions")
            if any(word in problem for problem in made.problems)} == {
        "iam:ListRolePolicies", "eks:DescribeAddonVersions"}  # fmt: skip
    assert made.steps == ()
    assert await state() == before
