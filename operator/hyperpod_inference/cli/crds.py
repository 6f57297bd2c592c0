"""`hyperpod-inference crds`: the CustomResourceDefinitions, ready for kubectl."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import yaml

from hyperpod_inference.api.crd import crds

try:
    from yaml import CSafeDumper as SafeDumper
except ImportError:  # PyYAML without libyaml: the same text, ten times slower
    from yaml import SafeDumper  # type: ignore[assignment]


class Dumper(SafeDumper):
    """YAML without anchors: blocks that models share are written out each time."""

    def ignore_aliases(self, data: Any) -> bool:
        """Always."""
        return True


@click.command(name="crds")
@click.option(
    "--output-dir",
    "-o",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write one file for each definition here instead of printing them.",
)
@click.option("--format", "form", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True)
def command(output_dir: Path | None, form: str) -> None:
    """Print the CustomResourceDefinitions.

    Install them with: hyperpod-inference crds | kubectl apply --server-side -f -
    """
    definitions = crds()
    if output_dir is None:
        click.echo(_together(definitions, form), nl=False)
        return
    for path in _written(definitions, output_dir, form):
        click.echo(path)


def _written(definitions: Sequence[dict[str, Any]], directory: Path, form: str) -> list[Path]:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return [_write(each, directory, form) for each in definitions]
    except OSError as error:
        raise click.ClickException(f"cannot write to {directory}: {error.strerror}") from error


def _write(definition: dict[str, Any], directory: Path, form: str) -> Path:
    path = directory / f"{definition['spec']['names']['plural']}.{form}"
    path.write_text(_text(definition, form), encoding="utf-8")
    return path


def _together(definitions: Sequence[dict[str, Any]], form: str) -> str:
    if form == "json":
        return _text({"apiVersion": "v1", "kind": "List", "items": list(definitions)}, form)
    return "".join(f"---\n{_text(each, form)}" for each in definitions)


def _text(body: dict[str, Any], form: str) -> str:
    if form == "json":
        return json.dumps(body, indent=2) + "\n"
    return yaml.dump(body, Dumper=Dumper, sort_keys=False, width=110, allow_unicode=True)
