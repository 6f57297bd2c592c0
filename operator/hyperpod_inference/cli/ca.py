"""`hyperpod-inference ca NAME`: the certificate of the authority to trust, for `curl --cacert`.

The endpoint's status says in which bucket it lies; region and credentials are those of the AWS command line.
"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from hyperpod_inference.status.tls import Certificate


@click.command("ca", short_help="Print the certificate authority of an endpoint.")
@click.argument("name")
@click.option("-n", "--namespace", help="Namespace of the endpoint. [default: the context's]")
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Cluster of the endpoint. [default: KUBECONFIG, else ~/.kube/config]",
)
@click.option("--context", help="Context of the kubeconfig. [default: its current one]")
@click.option("--region", help="Region of the bucket. [default: AWS_REGION, else the profile's]")
def command(
    name: str, namespace: str | None, kubeconfig: Path | None, context: str | None, region: str | None
) -> None:
    """Print what clients of the endpoint NAME, of either kind, trust its load balancer by (PEM)."""
    from hyperpod_inference.cloud.errors import CloudError
    from hyperpod_inference.cloud.s3 import S3
    from hyperpod_inference.cloud.session import Session
    from hyperpod_inference.render.tls import AUTHORITY_FILE
    from hyperpod_inference.status.tls import certificate_of

    certificate = certificate_of(_status(name, namespace, kubeconfig, context))
    key = next((each for each in certificate.keys if each.endswith(f"/{AUTHORITY_FILE}")), None)
    if key is None:
        raise click.ClickException(_without(name, certificate))
    try:
        found = S3(Session(region)).get(certificate.bucket, key)
    except CloudError as error:
        raise click.ClickException(str(error)) from error
    if found is None:
        raise click.ClickException(f"s3://{certificate.bucket}/{key} is gone; the operator puts it back")
    click.echo(found.decode(), nl=False)


def _without(name: str, certificate: "Certificate") -> str:
    if certificate.arn:
        return f"{name} presents your own certificate {certificate.arn}: trust the authority that issued it"
    return f"{name} has no certificate yet: its condition TLSReady says why"


def _status(name: str, namespace: str | None, kubeconfig: Path | None, context: str | None) -> dict[str, Any]:
    """The status of the endpoint of that name."""
    from hyperpod_inference.controllers.kinds import SERVED
    from hyperpod_inference.kube.client import Client
    from hyperpod_inference.kube.config import ConfigError, load
    from hyperpod_inference.kube.errors import ApiError, NotFound

    async def read() -> dict[str, Any] | None:
        async with Client(load(kubeconfig, context)) as client:
            for kind in SERVED:
                try:
                    found = await client.get(kind, name, namespace or client.config.namespace)
                except NotFound:
                    continue
                return found.get("status") or {}
        return None

    try:
        status = asyncio.run(read())
    except (ConfigError, ApiError) as error:
        raise click.ClickException(str(error)) from error
    if status is None:
        raise click.ClickException(f"there is no InferenceEndpointConfig or JumpStartModel {name}")
    return status
