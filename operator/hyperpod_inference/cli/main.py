"""`hyperpod-inference`: the command line. Each command has a module of its own, loaded when it is called.

So `--help` is instant, and a command whose optional dependency is missing does not break the others. Input
that cannot be used ends with one line for each finding and exit status 2.
"""

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click

from hyperpod_inference import __version__
from hyperpod_inference.api.errors import InputError

INPUT_ERROR = 2
"""Exit status for input that cannot be used; the same as click's for wrong options."""


@dataclass(frozen=True, slots=True)
class Lazy:
    """Where a command is, what it does, and which extra of the package holds what it needs."""

    module: str
    help: str
    extra: str | None = None


COMMANDS: Mapping[str, Lazy] = {
    "crds": Lazy("crds", "Print the CustomResourceDefinitions."),
    "validate": Lazy("validate", "Check manifests offline, as a cluster would."),
    "explain": Lazy("explain", "Say what a field means and may hold."),
    "render": Lazy("render", "Show what the operator would create for a manifest."),
    "plan": Lazy("plan", "Show what applying a manifest would change in a cluster.", extra="operator"),
    "doctor": Lazy("doctor", "Find why an endpoint, or the installation, does not work.", extra="operator"),
    "top": Lazy("top", "Show endpoints, replicas, times, tokens and cache hits, live.", extra="operator"),
    "manifests": Lazy("manifests", "Write what installs the operator in a cluster.", extra="cdk"),
    "install": Lazy(
        "installing", "Install on AWS without the CDK: commands, checks, Terraform.", extra="aws"
    ),
    "migrate": Lazy("migrate", "Move a cluster from the Helm chart to the EKS add-on, or back.", extra="aws"),
    "upgrade": Lazy("upgrade", "Bring the EKS add-on to another version, or back.", extra="aws"),
    "models": Lazy("models", "Search the JumpStart hub for models.", extra="aws"),
    "ca": Lazy("ca", "Print the certificate authority to trust for an endpoint.", extra="aws"),
    "operator": Lazy("operator", "Run the operator.", extra="operator"),
    "local": Lazy("local", "Run a whole cluster on this machine.", extra="local"),
    "demo": Lazy("demo", "From a manifest to a chat answer on this machine.", extra="dev"),
}


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, None when there is none."""
        lazy = COMMANDS.get(cmd_name)
        return None if lazy is None else _load(cmd_name, lazy)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table's own help, so that `--help` imports nothing."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; unusable input becomes lines on standard error."""
        with _input_errors(ctx):
            return super().invoke(ctx)


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="hyperpod-inference")
def main() -> None:
    """Deploy models on SageMaker HyperPod clusters, and try all of it on one machine."""


def _load(name: str, lazy: Lazy) -> click.Command:
    try:
        module = importlib.import_module(f"hyperpod_inference.cli.{lazy.module}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("hyperpod_"):
            raise
        raise click.ClickException(_missing(name, lazy, error.name)) from error
    command: click.Command = module.command
    return command


def _missing(name: str, lazy: Lazy, module: str) -> str:
    what = f"hyperpod-inference[{lazy.extra}]" if lazy.extra else "hyperpod-inference"
    return f"`{name}` needs the Python package {module}: pip install '{what}'"


@contextmanager
def _input_errors(ctx: click.Context) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        for line in error.lines:
            click.echo(line, err=True)
        ctx.exit(INPUT_ERROR)
