"""`hyperpod-inference migrate`: from the Helm-installed operator to the EKS add-on, and back.

`migration` discovers, plans and runs; this is the command around it. The options of AWS's script are
understood.
"""

import asyncio
import json
import time
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
"""Exit status when something has to be fixed before the migration can begin."""


@click.command(name="migrate", short_help="Move a cluster from the Helm chart to the EKS add-on, or back.")
@click.option("--cluster-name", metavar="NAME", help="The EKS cluster.")
@click.option("--region", help="Its region. [default: AWS_REGION, else the profile's]")
@click.option("--kubeconfig", type=click.Path(path_type=Path, dir_okay=False), help="[default: KUBECONFIG]")
@click.option("--context", help="Context of the kubeconfig. [default: its current one]")
@click.option("--helm-namespace", default="", help="Namespace of the release. [default: all are searched]")
@click.option("--addon-version", default="", help="[default: the newest known that the cluster takes]")
@click.option("--s3-mountpoint-role-arn", default="", help="Role of the S3 driver, should it be missing.")
@click.option("--fsx-role-arn", default="", help="Role of the FSx driver, should it be missing.")
@click.option("--skip-dependencies-migration", is_flag=True, help="Install no missing dependency add-ons.")
@click.option(
    "--backup-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("/tmp"),  # noqa: S108 - where AWS's script puts it; the directory in it is the owner's alone
    show_default=True,
    help="Where the journal and the backups go.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=1800.0,
    show_default=True,
    help="Seconds for an add-on.",
)
@click.option(
    "--check", is_flag=True, help="Only say what must be fixed first; status 3 when something must."
)
@click.option("--dry-run", is_flag=True, help="Only print the plan.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("-y", "--yes", "--auto-approve", "yes", is_flag=True, help="Ask nothing.")
@click.option("--step-by-step", is_flag=True, help="Ask before each step.")
@click.option("--rollback-on-failure", is_flag=True, help="Go back by itself when a step fails.")
@click.option("--resume", type=click.Path(path_type=Path), metavar="DIR", help="Go on with a migration.")
@click.option("--rollback", type=click.Path(path_type=Path), metavar="DIR", help="Undo a migration.")
def command(**options: Any) -> None:
    """Move the inference operator of a cluster from its Helm chart to the EKS add-on.

    The plan is shown before anything changes. Models keep serving; while the operators change places, changes
    to endpoints wait. Every step is in a journal first, so a run that was cut off goes on with --resume DIR,
    and --rollback DIR leads back to the state before from any point.

    Exit status: 0, 1 when a step failed, 2 for input that cannot be used, 3 when something must be fixed
    first.
    """
    from hyperpod_inference.cloud.errors import CloudError
    from hyperpod_inference.kube.config import ConfigError
    from hyperpod_inference.kube.errors import ApiError
    from hyperpod_inference.migration.world import OutOfTime

    directory = options["resume"] or options["rollback"]
    if not options["cluster_name"] and not directory:
        raise click.UsageError("--cluster-name is needed; see `aws eks list-clusters`")
    try:
        asyncio.run(_continue(options, directory) if directory else _start(options))
    except (CloudError, ApiError, ConfigError, OutOfTime) as error:
        raise click.ClickException(str(error)) from error


async def _start(options: dict[str, Any]) -> None:
    from hyperpod_inference.migration.discover import Discovery
    from hyperpod_inference.migration.journal import Journal
    from hyperpod_inference.migration.planning import Options, plan

    async with AsyncExitStack() as stack:
        world = await _world(stack, options, options["cluster_name"], options["region"])
        click.echo("Looking at the cluster and the account; nothing is changed.", err=True)
        found = await Discovery(world, world.eks.region, options["helm_namespace"]).look()
        made = plan(
            found,
            Options(
                version=options["addon_version"],
                skip_dependencies=options["skip_dependencies_migration"],
                roles={
                    "s3_role_arn": options["s3_mountpoint_role_arn"],
                    "fsx_role_arn": options["fsx_role_arn"],
                },
                seconds=options["timeout"],
            ),
        )
        _show(made, options["output"])
        if made.problems:
            raise SystemExit(FIX_FIRST)
        if options["check"] or options["dry_run"]:
            return
        if not options["yes"]:
            click.confirm(f"Do these {len(made.steps)} steps now?", abort=True, err=True)
        journal = Journal.create(options["backup_dir"], made, datetime.now(UTC))
        click.echo(f"Journal and backups: {journal.root}", err=True)
        with journal.lock():
            await _forward(journal, world, options)


async def _continue(options: dict[str, Any], directory: Path) -> None:
    from hyperpod_inference.api.errors import InputError
    from hyperpod_inference.migration.engine import back
    from hyperpod_inference.migration.journal import Journal

    journal = Journal.load(directory)
    async with AsyncExitStack() as stack:
        world = await _world(stack, options, journal.plan.cluster, journal.plan.region)
        with journal.lock():
            if options["rollback"]:
                await back(journal, world, _told)
                click.echo("Everything is as it was before.", err=True)
            elif journal.going_back:
                raise InputError(f"{directory}: a rollback has begun; end it with --rollback {directory}")
            else:
                await _forward(journal, world, options)


async def _forward(journal: "Journal", world: "World", options: dict[str, Any]) -> None:
    from hyperpod_inference.migration.engine import back, forward

    told = _asking if options["step_by_step"] and not options["yes"] else _told
    try:
        await forward(journal, world, told)
    except BaseException:
        click.echo(
            f"Stopped. Go on: migrate --resume {journal.root}. Go back: migrate --rollback {journal.root}",
            err=True,
        )
        if options["rollback_on_failure"]:
            await back(journal, world, _told)
            click.echo("Everything is as it was before.", err=True)
        raise
    click.echo(f"Migrated: the add-on {journal.plan.version} runs the inference operator.", err=True)


async def _world(stack: AsyncExitStack, options: dict[str, Any], cluster: str, region: str | None) -> "World":
    from hyperpod_inference.cloud.addons import Eks
    from hyperpod_inference.cloud.roles import Iam
    from hyperpod_inference.cloud.session import Session
    from hyperpod_inference.cloud.tagging import Tagging
    from hyperpod_inference.kube.client import Client
    from hyperpod_inference.kube.config import load
    from hyperpod_inference.migration.world import World

    session = Session(region)
    client = await stack.enter_async_context(Client(load(options["kubeconfig"], options["context"])))
    return World(
        client=client,
        eks=Eks(session, cluster),
        iam=Iam(session),
        tagging=Tagging(session),
        now=time.monotonic,
        say=lambda line: click.echo(f"      {line}", err=True),
    )


def _show(plan: "Plan", output: str) -> None:
    if output == "json":
        click.echo(json.dumps(plan.as_json(), indent=2))
        return
    for line in plan.lines():
        click.echo(line)


def _told(verb: str, step: Any, number: int, of: int) -> None:
    filled = "#" * round(20 * (number - 1) / of)
    word = {"do": step.changes, "skip": f"done already: {step.id}", "undo": f"{step.id}: {step.undone_by}"}[
        verb
    ]
    click.echo(f"[{filled:<20}] {number}/{of} {word}", err=True)


def _asking(verb: str, step: Any, number: int, of: int) -> None:
    _told(verb, step, number, of)
    if verb == "do":
        click.confirm("      Do it?", abort=True, err=True)
