"""`hyperpod-inference crds`."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from hyperpod_inference.api.crd import crds
from hyperpod_inference.cli.main import main

from_yaml = partial(yaml.load, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
DEFINITIONS = crds()
FILES = [each["spec"]["names"]["plural"] for each in DEFINITIONS]


def test_the_definitions_are_printed_as_yaml_documents() -> None:
    result = CliRunner().invoke(main, ["crds"])
    assert list(yaml.load_all(result.stdout, from_yaml.keywords["Loader"])) == DEFINITIONS
    assert "&id" not in result.stdout


def test_the_definitions_are_printed_as_a_json_list() -> None:
    printed = json.loads(CliRunner().invoke(main, ["crds", "--format", "json"]).stdout)
    assert (printed["apiVersion"], printed["kind"], printed["items"]) == ("v1", "List", DEFINITIONS)


@pytest.mark.parametrize(("form", "read"), [("yaml", from_yaml), ("json", json.loads)])
def test_each_definition_is_written_to_its_own_file(
    tmp_path: Path, form: str, read: Callable[[str], Any]
) -> None:
    directory = tmp_path / "new" / "crds"
    result = CliRunner().invoke(main, ["crds", "--format", form, "--output-dir", str(directory)])
    assert result.stdout.splitlines() == [str(directory / f"{name}.{form}") for name in FILES]
    assert [read((directory / f"{name}.{form}").read_text()) for name in FILES] == DEFINITIONS


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(main, ["crds", "--output-dir", str(tmp_path / "file" / "crds")])
    assert result.exit_code == 1
    assert result.stderr == f"Error: cannot write to {tmp_path}/file/crds: Not a directory\n"
