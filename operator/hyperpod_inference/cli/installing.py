"""`hyperpod-inference install`: the ways to install that are not the CDK, from the same settings.

The settings are a YAML file with the keys of the CDK context, without their prefix; `--set` overrides one.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from hyperpod_inference.api.errors import InputError
from hyperpod_inference.installation.settings import StackSettings

if TYPE_CHECKING:
    from hyperpod_inference.installation.preflight import Finding

NOT_READY = 1
_MARKS = {"ok": "ok", "missing": "MISSING", "wrong": "WRONG", "unknown": "UNKNOWN"}


@click.group(name="install", short_help="Install on AWS without the CDK: commands, checks, Terraform.")
def command() -> None:
    """Print what installs the inference add-on on clusters that exist, and check that they are ready.

    The settings are the same as the CDK app's: a YAML file with its context keys, such as eksClusterName,
    hyperpodClusterArn, tlsBucketName and executionRoleArn.
    """


def _settings(function: Callable[..., None]) -> Callable[..., None]:
    """The options that name the settings."""
    each = click.option(
        "--set", "changes", multiple=True, metavar="KEY=VALUE", help="One setting; wins over the file."
    )
    file = click.option(
        "-f", "--filename", "source", metavar="FILE", help="YAML file of settings; - for standard input."
    )
    return file(each(function))


@command.command(name="addon-json")
@_settings
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["command", "configuration", "cli-input"]),
    default="command",
    show_default=True,
    help="The whole command, its configuration values, or its --cli-input-json.",
)
def addon_json(source: str | None, changes: tuple[str, ...], form: str) -> None:
    """Print the `aws eks create-addon` command, with its configuration values as JSON."""
    from hyperpod_inference.installation import addon_document, paths

    settings = load(source, changes)
    configuration = paths.addon_configuration(settings).to_dict()
    addon_document.validate(configuration)
    texts: dict[str, Callable[[], str]] = {
        "command": lambda: paths.create_addon_command(settings),
        "configuration": lambda: paths.to_json(configuration),
        "cli-input": lambda: paths.to_json(paths.create_addon(settings)),
    }
    click.echo(texts[form]())


@command.command()
@_settings
def tfvars(source: str | None, changes: tuple[str, ...]) -> None:
    """Print terraform.tfvars.json for the module in terraform/."""
    from hyperpod_inference.installation import paths

    click.echo(paths.to_json(paths.terraform_variables(load(source, changes))))


@command.command()
@_settings
@click.option(
    "-o", "--output", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)
@click.pass_context
def preflight(ctx: click.Context, source: str | None, changes: tuple[str, ...], form: str) -> None:
    """Check in AWS that all is there that the add-on needs; says what is missing and what to do.

    Reads only. Region and credentials are those of the AWS command line. The exit status is 1 when
    something is missing, wrong or could not be read.
    """
    from hyperpod_inference.cloud import account
    from hyperpod_inference.installation.preflight import as_json, judge, ready

    settings = load(source, changes)
    if not settings.eks_cluster_name:
        raise InputError("eksClusterName: is not set, expected the EKS cluster to check")
    findings = judge(settings, account.read(settings))
    click.echo(as_json(findings) if form == "json" else text(findings))
    if not ready(findings):
        ctx.exit(NOT_READY)


def load(source: str | None, changes: Sequence[str]) -> StackSettings:
    """The settings in the file and on the command line. Raises InputError."""
    values = _read(source) if source else {}
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals:
            raise InputError(f"--set {change}: expected KEY=VALUE, such as region=us-west-2")
        values[key] = value
    # Each of a pair may come from the other source, and a cluster that exists is enough to install on.
    if "eksClusterName" in values:
        values.setdefault("oidcIssuerUrl", "https://unknown")
    return StackSettings.from_mapping(values, source or "--set")


def _read(source: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text("utf-8")
        values = yaml.safe_load(text)
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise InputError(f"{source}: is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise InputError(f"{source}: expected a mapping of settings, such as eksClusterName: NAME")
    return {str(key): value for key, value in values.items()}


def text(findings: "Sequence[Finding]") -> str:
    """One line for each prerequisite, what to do below those that do not hold, and a verdict."""
    lines = []
    for each in findings:
        lines.append(f"{_MARKS[each.verdict]:8}{each.check}: {each.message}")
        if each.fix:
            lines.append(f"{'':8}-> {each.fix}")
    bad = sum(each.verdict != "ok" for each in findings)
    summary = f"{len(findings)} checks: " + ("all is ready" if not bad else f"{bad} to put right")
    return "\n".join([*lines, summary])
