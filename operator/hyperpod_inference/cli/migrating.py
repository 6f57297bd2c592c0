"""What `migrate` and `upgrade` share: the plan is shown, its steps run with a journal, forward or back."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from hyperpod_inference.migration.journal import Journal
    from hyperpod_inference.migration.plan import Plan
    from hyperpod_inference.migration.world import World

FIX_FIRST = 3
"""Exit status when something has to be fixed before anything can begin."""

Options = Mapping[str, Any]
Planner = Callable[["World", Options], Awaitable["Plan"]]
"""Looks at a cluster and makes the plan."""


def run(command: str, given: Options, planner: Planner) -> None:
    """Plan and do, or go on with what a journal holds, or undo it. Ends as the commands' help says."""
    from hyperpod_inference.cloud.errors import CloudError
    from hyperpod_inference.kube.config import ConfigError
    from hyperpod_inference.kube.errors import ApiError
    from hyperpod_inference.migration.world import OutOfTime

    directory = given["resume"] or given["rollback"]
    if given["resume"] and given["rollback"]:
        raise click.UsageError("--resume goes on and --rollback goes back: give one of them")
    if not given["cluster_name"] and not directory:
        raise click.UsageError("--cluster-name is needed; see `aws eks list-clusters`")
    try:
        asyncio.run(_continue(command, given, directory) if directory else _start(given, planner))
    except (CloudError, ApiError, ConfigError, OutOfTime) as error:
        raise click.ClickException(str(error)) from error


async def _start(given: Options, planner: Planner) -> None:
    from hyperpod_inference.cli.migration_text import show
    from hyperpod_inference.migration.journal import Journal

    async with AsyncExitStack() as stack:
        world = await world_of(stack, given, given["cluster_name"], given["region"])
        click.echo("Looking at the cluster and the account; nothing is changed.", err=True)
        plan = await planner(world, given)
        show(plan, given["output"])
        if plan.problems:
            raise SystemExit(FIX_FIRST)
        if given["check"] or given["dry_run"] or not plan.steps:
            return
        if not given["yes"]:
            click.confirm(f"Do these {len(plan.steps)} steps now?", abort=True, err=True)
        journal = Journal.create(given["backup_dir"], plan, datetime.now(UTC))
        click.echo(f"Journal and backups: {journal.root}", err=True)
        with journal.lock():
            await _forward(journal, world, given)


async def _continue(command: str, given: Options, directory: Path) -> None:
    from hyperpod_inference.api.errors import InputError
    from hyperpod_inference.migration.engine import back
    from hyperpod_inference.migration.journal import Journal

    journal = Journal.load(directory)
    if journal.plan.command != command:
        raise InputError(f"{directory} belongs to `{journal.plan.command}`, not to `{command}`: use that")
    async with AsyncExitStack() as stack:
        world = await world_of(stack, given, journal.plan.cluster, journal.plan.region)
        with journal.lock():
            if given["rollback"]:
                await back(journal, world, _told)
                click.echo("Everything is as it was before.", err=True)
            elif journal.going_back:
                raise InputError(f"{directory}: a rollback has begun; end it with --rollback {directory}")
            else:
                await _forward(journal, world, given)


async def _forward(journal: "Journal", world: "World", given: Options) -> None:
    from hyperpod_inference.migration.engine import back, forward
    from hyperpod_inference.migration.watching import Watch

    plan, told = journal.plan, _asking if given["step_by_step"] and not given["yes"] else _told
    watch = Watch(world, plan)
    try:
        async with watch:
            await forward(journal, world, told)
    except BaseException as error:
        click.echo(f"Stopped: {error or type(error).__name__}", err=True)
        click.echo(watch.report(), err=True)
        goes_back = f"{plan.command} --rollback {journal.root}"
        click.echo(f"Go on: {plan.command} --resume {journal.root}. Go back: {goes_back}", err=True)
        # A person who said no, or pressed Ctrl-C, decides for themselves.
        failed = isinstance(error, Exception) and not isinstance(error, click.Abort)
        if failed and given["rollback_on_failure"]:
            try:
                await back(journal, world, _told)
            except Exception as second:
                click.echo(f"The way back stopped: {second}. Go back again: {goes_back}", err=True)
                raise error from second
            click.echo("Everything is as it was before.", err=True)
        raise
    click.echo(watch.report(), err=True)
    click.echo(f"Done: the add-on {plan.version} runs the inference operator.", err=True)


async def world_of(stack: AsyncExitStack, given: Options, cluster: str, region: str | None) -> "World":
    """The cluster of the kubeconfig and the account of the credentials, until `stack` closes."""
    from hyperpod_inference.cloud.addons import Eks
    from hyperpod_inference.cloud.roles import Iam
    from hyperpod_inference.cloud.session import Session
    from hyperpod_inference.cloud.tagging import Tagging
    from hyperpod_inference.kube.client import Client
    from hyperpod_inference.kube.config import load
    from hyperpod_inference.migration.world import World

    session = Session(region)
    client = await stack.enter_async_context(Client(load(given["kubeconfig"], given["context"])))
    return World(
        client=client,
        eks=Eks(session, cluster),
        iam=Iam(session),
        tagging=Tagging(session),
        now=time.monotonic,
        say=lambda line: click.echo(f"      {line}", err=True),
    )


def _told(verb: str, step: Any, number: int, of: int) -> None:
    filled = "#" * round(20 * (number - 1) / of)
    words = {"do": step.changes, "skip": f"done already: {step.id}", "undo": f"{step.id}: {step.undone_by}"}
    click.echo(f"[{filled:<20}] {number}/{of} {words[verb]}", err=True)


def _asking(verb: str, step: Any, number: int, of: int) -> None:
    _told(verb, step, number, of)
    if verb == "do":
        click.confirm("      Do it?", abort=True, err=True)
