"""Composition root of the charts: which there are, in which order they are applied, where they are written.

`hyperpod-inference manifests` is the command around it. One numbered file per chart, to be applied in that
order (the CRDs have to be Established before the example), beside a kustomization.yaml that lists them.
`helm` makes a Helm chart of the same objects. The same settings give the same bytes.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any, TypedDict, Unpack

import yaml
from cdk8s import App, Chart

from hyperpod_charts.crds import CrdChart
from hyperpod_charts.dashboard_maps import DashboardChart
from hyperpod_charts.example import ExampleChart
from hyperpod_charts.monitors import MonitorChart
from hyperpod_charts.namespace import NamespaceChart
from hyperpod_charts.network import NetworkChart
from hyperpod_charts.operator import OperatorChart
from hyperpod_charts.rbac import RbacChart
from hyperpod_charts.scheduler import SchedulerChart
from hyperpod_charts.webhook import WebhookChart
from hyperpod_inference.api import names
from hyperpod_inference.api.settings import OperatorSettings

FILES = "[0-9][0-9][0-9][0-9]-*.k8s.yaml"
KUSTOMIZATION = "kustomization.yaml"


class Choices(TypedDict, total=False):
    """What is installed, beside the settings of the operator itself."""

    example: bool
    """The example endpoint too; by default yes."""
    scheduler_image: str | None
    """A kube-scheduler of the cluster's version; with it, the strict scheduler is installed."""
    cert_manager: bool
    """Let cert-manager issue the webhook's certificate, instead of the operator."""
    monitors: bool
    """Monitors and rules for the Prometheus operator, whose CRDs have to be installed."""
    dashboards: bool
    """ConfigMaps with dashboards, for Grafana's sidecar."""
    image: str
    """The operator's image."""
    replicas: int
    """Replicas of the operator, 1 or more; one works, the others stand by."""


def synth(outdir: Path, settings: OperatorSettings, **choices: Unpack[Choices]) -> list[Path]:
    """Writes every chart under `outdir`, which is made, and returns the files in apply order.

    Files of an earlier synth there are replaced; other files are left alone. kustomization.yaml is not among
    the files returned, since it is for `kubectl apply -k` and no object.
    """
    outdir.mkdir(parents=True, exist_ok=True)
    for old in outdir.glob(FILES):
        old.unlink()
    app = App(outdir=str(outdir))
    _charts(app, settings, choices)
    app.synth()
    paths = sorted(outdir.glob(FILES))
    (outdir / KUSTOMIZATION).write_text(kustomization(paths), encoding="utf-8")
    return paths


def manifests(settings: OperatorSettings, **choices: Unpack[Choices]) -> list[dict[str, Any]]:
    """Returns every object of every chart in apply order."""
    return [body for chart in _charts(App(), settings, choices) for body in chart.to_json()]


def kustomization(paths: list[Path]) -> str:
    """Returns a kustomization.yaml over these files, for overlays of one's own."""
    body = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [path.name for path in paths],
    }
    return yaml.safe_dump(body, sort_keys=False)


def _charts(app: App, settings: OperatorSettings, choices: Choices) -> list[Chart]:
    cert_manager = choices.get("cert_manager", False)
    scheduler = choices.get("scheduler_image")
    image, replicas = choices.get("image") or names.OPERATOR_IMAGE, choices.get("replicas", 1)
    charts: list[Chart] = [
        CrdChart(app, "crds", settings, cert_manager=cert_manager),
        NamespaceChart(app, "namespace", settings),
        RbacChart(app, "rbac", settings),
        NetworkChart(app, "network", settings, with_scheduler=bool(scheduler)),
        WebhookChart(app, "webhook", settings, cert_manager=cert_manager),
        OperatorChart(app, "operator", settings, replicas=replicas, image=image),
    ]
    if scheduler:
        charts.append(SchedulerChart(app, "scheduler", settings, image=scheduler))
    if choices.get("monitors"):
        charts.append(MonitorChart(app, "monitors", settings))
    if choices.get("dashboards"):
        charts.append(DashboardChart(app, "dashboards", settings))
    if choices.get("example", True):
        charts.append(ExampleChart(app, "example"))
    for earlier, later in pairwise(charts):
        later.add_dependency(earlier)
    return charts
