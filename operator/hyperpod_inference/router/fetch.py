"""The command of the init container of a gated model; the work is in `fetching`."""

import logging
from pathlib import Path

import click


@click.command()
@click.option("--hub", default="SageMakerPublicHub", show_default=True)
@click.option("--model", "model_id", required=True, help="Id of the model in the hub.")
@click.option("--version", required=True)
@click.option("--artifact", metavar="s3://BUCKET/PREFIX", required=True, help="What the URLs must be of.")
@click.option("--to", "folder", type=click.Path(path_type=Path, file_okay=False), required=True)
def fetch(hub: str, model_id: str, version: str, artifact: str, folder: Path) -> None:
    """Download a gated model by presigned URLs; credentials and region are those of the pod."""
    # Here, because the router and the sidecar do without the AWS client.
    from hyperpod_inference.cloud.errors import CloudError
    from hyperpod_inference.cloud.presigned import GatedFiles
    from hyperpod_inference.cloud.session import Session
    from hyperpod_inference.router.fetching import Fetcher, Incomplete

    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        files = GatedFiles(Session(), hub, model_id, version, artifact)
        came = Fetcher(files.urls, folder).run()
    except (CloudError, Incomplete) as error:
        raise click.ClickException(f"{model_id} {version} cannot be downloaded: {error}") from None
    logging.getLogger(__name__).info("%s %s is in %s, %d bytes", model_id, version, folder, came)
