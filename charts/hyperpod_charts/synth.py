"""Composition root of the charts: which there are, in which order they are applied, where they are written.

    python -m hyperpod_charts.synth --output-dir dist/manifests

writes one numbered file per chart, to be applied in that order with `kubectl apply --server-side` (the CRDs
have to be Established before the example). The settings come from the operator's own environment variables:
AWS_REGION, EXECUTION_ROLE_ARN, EKS_CLUSTER_NAME and so on. The same settings give the same bytes.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from cdk8s import App, Chart

from hyperpod_charts.crds import CrdChart
from hyperpod_charts.example import ExampleChart
from hyperpod_charts.namespace import NamespaceChart
from hyperpod_charts.operator import OperatorChart
from hyperpod_charts.rbac import RbacChart
from hyperpod_charts.scheduler import IMAGE as SCHEDULER_IMAGE
from hyperpod_charts.scheduler import SchedulerChart
from hyperpod_charts.webhook import WebhookChart
from hyperpod_inference.api.settings import OperatorSettings, SettingsError


def synth(
    outdir: Path,
    settings: OperatorSettings,
    *,
    example: bool = True,
    scheduler_image: str | None = None,
    cert_manager: bool = False,
) -> list[Path]:
    """Writes every chart under `outdir`, which is made, and returns the files in apply order.

    scheduler_image: a kube-scheduler of the cluster's version; with it, the strict scheduler is among them.
    cert_manager: whether cert-manager issues the webhook's certificate, instead of the operator.
    Files of an earlier synth there are replaced; other files are left alone.
    """
    outdir.mkdir(parents=True, exist_ok=True)
    for old in outdir.glob("[0-9][0-9][0-9][0-9]-*.k8s.yaml"):
        old.unlink()
    app = App(outdir=str(outdir))
    _charts(app, settings, example=example, scheduler_image=scheduler_image, cert_manager=cert_manager)
    app.synth()
    return sorted(outdir.glob("[0-9][0-9][0-9][0-9]-*.k8s.yaml"))


def manifests(
    settings: OperatorSettings,
    *,
    example: bool = True,
    scheduler_image: str | None = None,
    cert_manager: bool = False,
) -> list[dict[str, Any]]:
    """Returns every object of every chart in apply order; the options are those of `synth`."""
    charts = _charts(
        App(), settings, example=example, scheduler_image=scheduler_image, cert_manager=cert_manager
    )
    return [body for chart in charts for body in chart.to_json()]


def _charts(
    app: App,
    settings: OperatorSettings,
    *,
    example: bool,
    scheduler_image: str | None,
    cert_manager: bool,
) -> list[Chart]:
    charts: list[Chart] = [
        CrdChart(app, "crds", settings, cert_manager=cert_manager),
        NamespaceChart(app, "namespace", settings),
        RbacChart(app, "rbac", settings),
        WebhookChart(app, "webhook", settings, cert_manager=cert_manager),
        OperatorChart(app, "operator", settings),
    ]
    if scheduler_image:
        charts.append(SchedulerChart(app, "scheduler", settings, image=scheduler_image))
    if example:
        charts.append(ExampleChart(app, "example"))
    for earlier, later in pairwise(charts):
        later.add_dependency(earlier)
    return charts


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Runs the command line; returns the exit status: 0, or 2 when a setting is not allowed."""
    parser = argparse.ArgumentParser(prog="python -m hyperpod_charts.synth", description=__doc__)
    parser.add_argument(
        "--output-dir", type=Path, default=Path("dist/manifests"), help="default: %(default)s"
    )
    parser.add_argument("--no-example", action="store_true", help="leave the example endpoint out")
    parser.add_argument(
        "--strict-scheduler",
        nargs="?",
        const=SCHEDULER_IMAGE,
        metavar="IMAGE",
        help="with the scheduler under which instanceTypes is an order whatever the load; its version has to "
        "be the cluster's (default: %(const)s)",
    )
    parser.add_argument(
        "--cert-manager",
        action="store_true",
        help="let cert-manager, which has to be installed, issue the webhook's certificate",
    )
    options = parser.parse_args(argv)
    try:
        settings = OperatorSettings.from_env(environ)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - this is the command line
        return 2
    paths = synth(
        options.output_dir,
        settings,
        example=not options.no_example,
        scheduler_image=options.strict_scheduler,
        cert_manager=options.cert_manager,
    )
    for path in paths:
        print(path)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
