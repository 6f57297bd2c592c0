"""`hyperpod-inference manifests`: everything of an installation, for kubectl, kustomize or Helm."""

import os
import shutil
from pathlib import Path
from typing import Any

import click
import yaml

from hyperpod_inference.api.errors import InputError
from hyperpod_inference.api.settings import OperatorSettings, SettingsError
from hyperpod_inference.cli import charts
from hyperpod_inference.cli.crds import Dumper

# The charts' own default, unknown before they are loaded.
_DEFAULT = "the version that the charts were tested with"


@click.command(name="manifests", short_help="Write what installs the operator in a cluster.")
@click.option(
    "--output-dir",
    "-o",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write numbered files and a kustomization.yaml here instead of printing everything.",
)
@click.option("--helm", is_flag=True, help="Write a Helm chart into the output directory instead.")
@click.option("--examples", is_flag=True, help="Write the example endpoints into its folder examples/ too.")
@click.option("--image", help="The operator's image, with a tag or digest.")
@click.option("--replicas", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--cert-manager", is_flag=True, help="Let cert-manager issue certificates.")
@click.option("--monitors", is_flag=True, help="Monitors, rules and alerts for the Prometheus operator.")
@click.option("--dashboards", is_flag=True, help="Dashboards as ConfigMaps, for Grafana's sidecar.")
@click.option(
    "--strict-scheduler",
    is_flag=False,
    flag_value=_DEFAULT,
    metavar="[IMAGE]",
    help="The scheduler under which instanceTypes is an order whatever the load; IMAGE is a kube-scheduler "
    "of the cluster's version.",
)
def command(
    output_dir: Path | None, helm: bool, examples: bool, strict_scheduler: str | None, **choices: Any
) -> None:
    """Write the CRDs, roles, webhook, network policies and Deployment of the operator.

    The operator's settings are read from the environment, under AWS's names: AWS_REGION, EKS_CLUSTER_NAME,
    EXECUTION_ROLE_ARN, HYPERPOD_CLUSTER_ARN, OPERATOR_NAMESPACE and so on.

    \b
    hyperpod-inference manifests | kubectl apply --server-side -f -
    hyperpod-inference manifests -o DIR && kubectl apply --server-side -k DIR
    hyperpod-inference manifests -o DIR --helm && helm install hyperpod-inference DIR -n NAMESPACE
    """
    if output_dir is None and (helm or examples):
        raise click.UsageError("--helm and --examples write files: name a folder with --output-dir")
    settings = _settings()
    if strict_scheduler == _DEFAULT:
        strict_scheduler = charts.load("scheduler").IMAGE
    choices |= {"example": False, "scheduler_image": strict_scheduler}
    if output_dir is None:
        made = charts.load("synth").manifests(settings, **choices)
        click.echo(yaml.dump_all(made, Dumper=Dumper, sort_keys=False, explicit_start=True), nl=False)
        return
    paths = charts.load("helm").write(output_dir) if helm else _files(output_dir, settings, choices)
    for path in [*paths, *(_examples(output_dir) if examples else [])]:
        click.echo(path)


def _settings() -> OperatorSettings:
    try:
        return OperatorSettings.from_env(os.environ)
    except SettingsError as error:
        raise InputError(str(error)) from None


def _files(output_dir: Path, settings: OperatorSettings, choices: dict[str, Any]) -> list[Path]:
    synth = charts.load("synth")
    paths: list[Path] = synth.synth(output_dir, settings, **choices)
    return [*paths, output_dir / synth.KUSTOMIZATION]


def _examples(output_dir: Path) -> list[Path]:
    target = output_dir / "examples"
    target.mkdir(parents=True, exist_ok=True)
    found = sorted(charts.load("example").folder().iterdir(), key=lambda each: str(each.name))
    return [Path(shutil.copyfile(each, target / each.name)) for each in found]
