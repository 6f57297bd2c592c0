"""`hyperpod-inference migrate`: from the Helm-installed operator to the EKS add-on, and back.

`migration` discovers, plans and runs; this is the command around it. The options of AWS's script are
understood.
"""

from typing import TYPE_CHECKING, Any

import click

from hyperpod_inference.cli import migrating
from hyperpod_inference.cli.migration_options import options

if TYPE_CHECKING:
    from hyperpod_inference.migration.plan import Plan
    from hyperpod_inference.migration.world import World


@click.command(name="migrate", short_help="Move a cluster from the Helm chart to the EKS add-on, or back.")
@options
@click.option("--helm-namespace", default="", help="Namespace of the release. [default: all are searched]")
@click.option("--addon-version", default="", help="[default: the newest known that the cluster takes]")
@click.option("--s3-mountpoint-role-arn", default="", help="Role of the S3 driver. [default: one is made]")
@click.option("--fsx-role-arn", default="", help="Role of the FSx driver. [default: one is made]")
@click.option(
    "--skip-dependencies-migration",
    is_flag=True,
    help="Leave drivers, cert-manager and metrics-server as they are: no add-ons are made for them.",
)
@click.option("--rollback-on-failure", is_flag=True, help="Go back by itself when a step fails.")
def command(**given: Any) -> None:
    """Move a cluster to the EKS add-on: from AWS's Helm chart, or from this project's own operator.

    The plan is shown before anything changes. Models keep serving; while the operators change places, changes
    to endpoints wait. Every step is in a journal first, so a run that was cut off goes on with --resume DIR,
    and --rollback DIR leads back to the state before from any point.

    Exit status: 0, 1 when a step failed, 2 for input that cannot be used, 3 when something must be fixed
    first.
    """
    migrating.run("migrate", given, _plan)


async def _plan(world: "World", given: migrating.Options) -> "Plan":
    from hyperpod_inference.migration.discover import Discovery
    from hyperpod_inference.migration.permissions import checked
    from hyperpod_inference.migration.planning import Options, plan

    found = await Discovery(world, world.eks.region, given["helm_namespace"]).look()
    asked = Options(
        version=given["addon_version"],
        skip_dependencies=given["skip_dependencies_migration"],
        roles={"s3_role_arn": given["s3_mountpoint_role_arn"], "fsx_role_arn": given["fsx_role_arn"]},
        seconds=given["timeout"],
    )
    return await checked(plan(found, asked), found.account, world.iam)
