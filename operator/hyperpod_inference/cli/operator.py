"""`hyperpod-inference operator`: run the operator; what the container image starts."""

import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

import click

_PLAIN = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


@click.command(name="operator", short_help="Run the operator.")
@click.option(
    "--leader-elect/--no-leader-elect",
    default=True,
    show_default=True,
    help="Act only while holding the Lease, so that several replicas may run.",
)
@click.option(
    "--bind-address",
    metavar="ADDRESS",
    help="Address of the health and metrics servers. [default: POD_IP, else 127.0.0.1]",
)
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Cluster to work on. [default: the pod's service account, else KUBECONFIG]",
)
@click.option("--context", help="Context of the kubeconfig. [default: its current one]")
@click.option("--log-format", type=click.Choice(["json", "plain"]), default="json", show_default=True)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning"]), default="info", show_default=True
)
def command(
    leader_elect: bool, bind_address: str | None, kubeconfig: Path | None, context: str | None,
    log_format: str, log_level: str,
) -> None:  # fmt: skip
    """Reconcile the cluster's InferenceEndpointConfigs until SIGTERM or SIGINT.

    Settings come from the environment, see `OperatorSettings`. Exit status: 0 after a signal, 1 when the
    lease was lost or something failed, 2 when settings or credentials are unusable.
    """
    from hyperpod_inference.api.settings import OperatorSettings, SettingsError
    from hyperpod_inference.controllers import manager, serving
    from hyperpod_inference.kube.config import ConfigError, load
    from hyperpod_inference.kube.lease import LeadershipLost

    try:
        settings = OperatorSettings.from_env(os.environ)
        config = load(kubeconfig, context)
    except (SettingsError, ConfigError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)

    configure_logging(log_format, log_level)

    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        address = bind_address or settings.pod_ip or "127.0.0.1"
        await manager.run(settings, config, stop=stop, leader_elect=leader_elect, bind_address=address)

    try:
        asyncio.run(main())
    except (LeadershipLost, serving.CannotListen) as error:
        logging.getLogger(__name__).error("%s", error)
        sys.exit(1)


class JsonFormatter(logging.Formatter):
    """One JSON object per line, as log collectors want it."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON: time (RFC 3339, UTC), level, logger, message, any traceback."""
        entry: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name.removeprefix("hyperpod_inference."),
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def configure_logging(style: str, level: str) -> None:
    """Log to standard error in one of the two styles."""
    import time

    formatter = JsonFormatter() if style == "json" else logging.Formatter(_PLAIN)
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
