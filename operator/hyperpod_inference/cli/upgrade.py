"""`hyperpod-inference upgrade`: the EKS add-on to another version, by the same machine as a migration."""

from typing import TYPE_CHECKING, Any

import click

from hyperpod_inference.cli import migrating
from hyperpod_inference.cli.migration_options import options

if TYPE_CHECKING:
    from hyperpod_inference.migration.plan import Plan
    from hyperpod_inference.migration.world import World


@click.command(name="upgrade", short_help="Bring the EKS add-on to another version, or back.")
@click.option("--to", metavar="VERSION", help="Version of the add-on, such as v1.5.0-eksbuild.1.")
@options
@click.option(
    "--hyperpod-cluster-arn", default="", help="The HyperPod cluster, where the configuration lacks it."
)
@click.option(
    "--rollback-on-failure/--no-rollback-on-failure",
    default=True,
    show_default=True,
    help="Go back to the version before when a step fails or endpoints stop serving.",
)
def command(**given: Any) -> None:
    """Bring the inference add-on of a cluster to another version.

    First it is checked that the version goes with the cluster, with its add-ons and with the configuration,
    and that the add-on works now. Then it is updated with its whole configuration; when it is ACTIVE, its
    operator runs and every endpoint that served before serves, it is done. Otherwise the version before comes
    back by itself. A run that was cut off goes on with --resume DIR or back with --rollback DIR.

    Exit status: 0, 1 when a step failed, 2 for input that cannot be used, 3 when something must be fixed
    first.
    """
    if not given["to"] and not (given["resume"] or given["rollback"]):
        raise click.UsageError("--to VERSION is needed; see `aws eks describe-addon-versions`")
    migrating.run("upgrade", given, _plan)


async def _plan(world: "World", given: migrating.Options) -> "Plan":
    from hyperpod_inference.migration.discover import Discovery
    from hyperpod_inference.migration.permissions import checked
    from hyperpod_inference.migration.upgrading import upgrade

    found = await Discovery(world, world.eks.region).look_at_addon()
    made = upgrade(found, given["to"], seconds=given["timeout"], cluster_arn=given["hyperpod_cluster_arn"])
    return await checked(made, found.account, world.iam)
