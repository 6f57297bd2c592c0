"""The command line as a whole: what it lists, how it fails."""

import importlib
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from hyperpod_inference import __version__
from hyperpod_inference.api.errors import InputError
from hyperpod_inference.cli import main as cli
from hyperpod_inference.cli.main import main


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> dict[str, cli.Lazy]:
    """An empty table of commands, for tests to fill."""
    commands: dict[str, cli.Lazy] = {}
    monkeypatch.setattr(cli, "COMMANDS", commands)
    return commands


def module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, source: str) -> None:
    """Make `source` importable as hyperpod_inference.cli.NAME."""
    (tmp_path / f"{name}.py").write_text(source)
    package = importlib.import_module("hyperpod_inference.cli")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, f"hyperpod_inference.cli.{name}", raising=False)


def test_the_version_is_the_packages() -> None:
    result = CliRunner().invoke(main, ["--version"])
    assert result.output == f"hyperpod-inference, version {__version__}\n"


def test_help_lists_every_command_and_imports_none() -> None:
    script = (
        "import sys; from hyperpod_inference.cli.main import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "print([name for name in sys.modules if name.startswith(('pydantic', 'hyperpod_inference.cli.'))])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    for name, lazy in cli.COMMANDS.items():
        assert f"  {name} " in done.stdout
        assert lazy.help in done.stdout
    assert done.stdout.endswith("['hyperpod_inference.cli.main']\n")


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_of_the_table_is_there(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert "Usage:" in result.output


def test_an_unknown_command_is_refused_with_status_2() -> None:
    result = CliRunner().invoke(main, ["rendr"])
    assert result.exit_code == 2
    assert "No such command 'rendr'" in result.output


def test_a_missing_dependency_is_told_with_the_extra_that_holds_it(
    table: dict[str, cli.Lazy], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module(monkeypatch, tmp_path, "needy", "import a_package_that_is_not_there\n")
    table["needy"] = cli.Lazy("needy", "Needs more.", extra="local")
    result = CliRunner().invoke(main, ["needy"])
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: `needy` needs the Python package a_package_that_is_not_there: "
        "pip install 'hyperpod-inference[local]'\n"
    )


def test_a_mistake_in_our_own_imports_is_not_taken_for_a_missing_dependency(
    table: dict[str, cli.Lazy], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module(monkeypatch, tmp_path, "wrong", "import hyperpod_inference.nowhere\n")
    table["wrong"] = cli.Lazy("wrong", "Is wrong.")
    result = CliRunner().invoke(main, ["wrong"])
    assert isinstance(result.exception, ModuleNotFoundError)


def test_input_that_cannot_be_used_ends_with_its_lines_and_status_2(
    table: dict[str, cli.Lazy], monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command()
    def command() -> None:
        raise InputError("a.yaml:1: kind: missing", "a.yaml:2: spec: missing")

    table["given"] = cli.Lazy("given", "Fails.")
    monkeypatch.setattr(cli, "_load", lambda name, lazy: command)
    result = CliRunner().invoke(main, ["given"])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == "a.yaml:1: kind: missing\na.yaml:2: spec: missing\n"
