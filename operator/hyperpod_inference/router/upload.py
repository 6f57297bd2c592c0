"""The command of the uploader's container; the work is in `uploading`."""

import logging
import signal
import threading
import time
from pathlib import Path

import click

from hyperpod_inference.api import names
from hyperpod_inference.router.capture_format import TextTypes
from hyperpod_inference.router.options import HOST


@click.command()
@HOST
@click.option("--spool", "directory", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option("--destination", metavar="s3://BUCKET/PREFIX", required=True)
@click.option("--kms-key-id", default="", help="Key that S3 encrypts the objects with.")
@click.option("--pod", envvar="MODEL_LABEL_POD_NAME", default="pod", help="Part of each object's name.")
@click.option("--json-type", "json_types", multiple=True, help="A content type kept as JSON text.")
@click.option("--csv-type", "csv_types", multiple=True, help="A content type kept as CSV text.")
@click.option("--health-port", type=int, default=names.UPLOADER_HEALTH_PORT, show_default=True)
def upload(
    host: str, directory: Path, destination: str, kms_key_id: str, pod: str,
    json_types: tuple[str, ...], csv_types: tuple[str, ...], health_port: int,
) -> None:  # fmt: skip
    """Send what `sidecar --capture-dir` spools to S3; credentials and region are those of the pod."""
    # Here, because the router and the sidecar do without the AWS client.
    from hyperpod_inference.cloud.s3 import S3, split_uri
    from hyperpod_inference.cloud.session import Session
    from hyperpod_inference.router.uploading import Destination, Uploader, serve_health

    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        bucket, prefix = split_uri(destination)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--destination") from None
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    given = {name: frozenset(types) for name, types in (("json", json_types), ("csv", csv_types)) if types}
    directory.mkdir(parents=True, exist_ok=True)
    uploader = Uploader(
        directory=directory,
        destination=Destination(bucket, prefix, kms_key_id, pod),
        objects=S3(Session()),
        types=TextTypes(**given),
        # After SIGTERM every wait is short: the proxy's last batch may come at any moment.
        wait=lambda seconds: time.sleep(min(seconds, 1.0)) if stop.is_set() else stop.wait(seconds),
        stopping=stop.is_set,
    )
    server = serve_health(host, health_port, uploader)
    logging.getLogger(__name__).info(
        "sending %s to s3://%s/%s, health on :%d", directory, bucket, prefix, server.server_address[1]
    )
    uploader.run()
    server.shutdown()
