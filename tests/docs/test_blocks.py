"""Every fenced block of the documents is true.

What is done with one depends on its language and marks:

    python           is run
    yaml             is parsed; objects of this project's API group must be valid
    bash             is run, from the root of the project; of `make TARGET` only the target is looked up
    bash cluster     needs a running cluster: `hyperpod-inference` lines are checked, not run
    bash manual      is for a person: clones, installs, deploys to a real account; checked in the same way
    other languages  are left alone
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from hyperpod_inference.api import names
from hyperpod_inference.api.parse import parse
from hyperpod_inference.cli.main import main

COMMAND = "hyperpod-inference"
CALL = re.compile(rf"(?:^|\$\()(?:\S*/)?{COMMAND}\b([^|>&;)#\n]*)", re.M)
NOT_RUN = {"cluster", "manual"}


def test_the_block_is_true(block: Any, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if block.language == "python":
        monkeypatch.chdir(tmp_path)
        exec(compile(block.text, block.id, "exec"), {"__name__": "__main__"})  # noqa: S102
    elif block.language == "yaml":
        check_yaml(block.text)
    elif block.language == "bash":
        check_make_targets(block.text, root)
        check_commands(block.text)
        if not block.marks & NOT_RUN:
            run(block.text, root)


def check_yaml(text: str) -> None:
    """Parses every object of this project's group; others only have to be YAML."""
    for body in yaml.safe_load_all(text):
        if str(body.get("apiVersion", "")).startswith(names.GROUP):
            parse(body)


def check_make_targets(text: str, root: Path) -> None:
    """Looks the targets up: running `make test` from inside the tests would never end."""
    makefile = (root / "Makefile").read_text("utf-8")
    for target in re.findall(r"^make ([a-z-]+)", text, re.M):
        assert re.search(rf"^{target}:", makefile, re.M), f"the Makefile has no target {target!r}"


def check_commands(text: str) -> None:
    """Checks commands, options and arguments as click would, without running anything."""
    for arguments in commands(text):
        parse_only(main, COMMAND, arguments)


def commands(text: str) -> Iterator[list[str]]:
    """Yields the arguments of each `hyperpod-inference`, up to a pipe, a redirection or a comment."""
    for arguments in CALL.findall(text.replace("\\\n", " ")):
        yield shlex.split(arguments)


def parse_only(command: click.Command, name: str, arguments: list[str]) -> None:
    """Raises click.UsageError where the command line would refuse these arguments."""
    context = command.make_context(name, list(arguments))
    while isinstance(command, click.Group):
        rest = [*context._protected_args, *context.args]
        found, inner, rest = command.resolve_command(context, rest)
        assert found is not None and inner is not None
        command, context = inner, inner.make_context(found, rest, parent=context)


def run(text: str, root: Path) -> None:
    """Runs a block with the commands of this environment first on PATH."""
    script = re.sub(r"^make .*$", "", text, flags=re.M)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=root,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("hyperpod-inference crds > crds.yaml", ["crds"]),
        ("hyperpod-inference crds | kubectl apply --server-side -f -", ["crds"]),
        (".venv/bin/hyperpod-inference render \\\n  -f x.yaml  # offline", ["render", "-f", "x.yaml"]),
        ('eval "$(hyperpod-inference local kubectl-env)"', ["local", "kubectl-env"]),
    ],
)
def test_a_command_ends_where_the_shell_takes_over(line: str, arguments: list[str]) -> None:
    assert list(commands(line)) == [arguments]


@pytest.mark.parametrize("line", ["no-such-command", "crds --no-such-option"])
def test_a_command_line_that_does_not_exist_is_caught(line: str) -> None:
    with pytest.raises(click.UsageError):
        parse_only(main, COMMAND, line.split())
