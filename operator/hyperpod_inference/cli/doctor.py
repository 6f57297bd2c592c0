"""`hyperpod-inference doctor [NAME]`: from the installation to the pod, the first cause and the remedy.

`examining` reads the cluster, `diagnosis` decides; this is the command around them. Writes nothing.
"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from hyperpod_inference.diagnosis import Cluster
    from hyperpod_inference.installation.preflight import Finding
    from hyperpod_inference.kube.config import ClusterConfig

CAUSE_FOUND, NOT_DECIDED = 1, 3


@click.command(name="doctor", short_help="Find why an endpoint, or the installation, does not work.")
@click.argument("name", required=False)
@click.option("--namespace", "-n", help="Of the endpoint. [default: that of the kubeconfig's context]")
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Cluster to look at. [default: KUBECONFIG, else ~/.kube/config]",
)
@click.option("--context", help="Context of the kubeconfig. [default: its current one]")
@click.option("--aws", is_flag=True, help="Look into the AWS account too: add-ons, roles, bucket, network.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_context
def command(
    ctx: click.Context,
    name: str | None,
    namespace: str | None,
    kubeconfig: Path | None,
    context: str | None,
    aws: bool,
    output: str,
) -> None:
    """Walk from the installation to the pods of endpoint NAME; print the first cause, and what to do.

    Without NAME the installation is looked at, and what all endpoints need. NAME is an
    InferenceEndpointConfig or a JumpStartModel. Everything is read with the caller's own rights, and nothing
    is written; what may not be read is said so.

    Exit status: 0 when nothing stands in the way, 1 when a cause was found or the cluster cannot be asked, 3
    when no cause was found, but something is under way or could not be looked at.
    """
    from hyperpod_inference.diagnosis import as_json, cause, lines
    from hyperpod_inference.installation.preflight import ready
    from hyperpod_inference.kube.config import ConfigError, load
    from hyperpod_inference.kube.errors import ApiError

    try:
        findings = asyncio.run(_findings(load(kubeconfig, context), name, namespace, aws))
    except (ConfigError, ApiError) as error:
        raise click.ClickException(f"the cluster cannot be asked: {error}") from error
    click.echo(as_json(findings) if output == "json" else "\n".join(lines(findings)))
    if cause(findings) is not None:
        ctx.exit(CAUSE_FOUND)
    if not ready(findings):
        ctx.exit(NOT_DECIDED)


async def _findings(
    config: "ClusterConfig", name: str | None, namespace: str | None, aws: bool
) -> "list[Finding]":
    from hyperpod_inference import diagnosis
    from hyperpod_inference.cli import examining
    from hyperpod_inference.kube.client import Client

    where = namespace or config.namespace
    async with Client(config) as client:
        cluster = await examining.examine(client, where if name else None)
        found = await asyncio.to_thread(_account, cluster) if aws else []
        found += diagnosis.examined(cluster)
        if name is None:
            return [*found, *diagnosis.overview(cluster)]
        try:
            body = diagnosis.named(cluster, where, name)
            if body is None:
                return [*found, diagnosis.absent(name, where)]
            pods = diagnosis.pods_of(cluster, body)
        except diagnosis.NotSeen as blind:
            return [*found, diagnosis.unseen("endpoint", str(blind))]
        cluster = await examining.with_logs(client, cluster, pods)
        return [*found, *diagnosis.endpoint(cluster, body)]


def _account(cluster: "Cluster") -> "list[Finding]":
    """Findings about the account that the installed operator's settings name."""
    from hyperpod_inference.cloud import account
    from hyperpod_inference.diagnosis.account import account as judged
    from hyperpod_inference.diagnosis.account import installation_of, unreachable
    from hyperpod_inference.installation.errors import PropertyError

    if not cluster.settings.eks_cluster_name:
        return [unreachable("the operator's settings name no EKS cluster (EKS_CLUSTER_NAME)")]
    try:
        settings = installation_of(cluster.settings)
    except PropertyError as error:
        return [unreachable(f"the operator's settings hold what AWS does not allow: {error}")]
    session, why = account.connected(settings)
    return [unreachable(why)] if session is None else judged(settings, account.read(settings, session))
