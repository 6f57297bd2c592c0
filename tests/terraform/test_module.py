"""The Terraform module: formatted, with arguments that its provider knows, from the installation's own
values."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import hcl2
import pytest

from hyperpod_inference.installation.addon_configuration import AddonConfiguration, AlbSettings, KedaSettings
from hyperpod_inference.installation.paths import TERRAFORM_VARIABLES
from hyperpod_inference.installation.terraform import text

MODULE = Path(__file__).resolve().parents[2] / "terraform"
FACTS = Path(__file__).parent / "published" / "aws-provider.txt"
META = {"count", "for_each", "depends_on", "lifecycle", "provider", "__is_block__", "__comments__"}
ROLE = "arn:aws:iam::111122223333:role"

Blocks = list[tuple[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def facts() -> dict[str, tuple[set[str], set[str]]]:
    """Block to (all arguments, required ones), as the provider's schema has them."""
    rows = (line.split(":") for line in FACTS.read_text().splitlines() if not line.startswith("#"))
    return {
        name: (
            {word.rstrip("*") for word in words.split()},
            {word[:-1] for word in words.split() if word[-1] == "*"},
        )
        for name, words in rows
    }


def _given(path: str, body: Mapping[str, Any]) -> Iterator[tuple[str, set[str]]]:
    """Each block and the arguments it sets, nested ones too; a `dynamic` block counts as what it makes."""
    names = set()
    for key, value in body.items():
        if key == "dynamic":
            for entry in value:
                for name, inner in entry.items():
                    if name != "__is_block__":
                        names.add(name.strip('"'))
                        yield from _given(f"{path}.{name.strip(chr(34))}", inner["content"][0])
        elif key not in META:
            names.add(key)
            if (
                isinstance(value, list)
                and value
                and isinstance(value[0], dict)
                and "__is_block__" in value[0]
            ):
                for nested in value:
                    yield from _given(f"{path}.{key}", nested)
    yield path, names


def test_every_argument_is_one_that_the_provider_has_and_none_required_is_missing(
    blocks: Blocks, facts: dict[str, tuple[set[str], set[str]]]
) -> None:
    checked = 0
    for address, body in blocks:
        for path, names in _given(address.rpartition(".")[0], body):
            known, required = facts[path]
            assert names <= known, f"{address}: {path} has no {names - known}"
            assert required <= names, f"{address}: {path} needs {required - names}"
            checked += len(names)
    assert checked > 100


def test_a_misspelt_argument_would_be_found(facts: dict[str, tuple[set[str], set[str]]]) -> None:
    ((path, names),) = _given("aws_iam_role", {"asume_role_policy": "x"})
    known, required = facts[path]
    assert names - known == {"asume_role_policy"}
    assert required - names == {"assume_role_policy"}


def test_the_data_file_is_written_from_the_installations_values() -> None:
    """`make terraform` writes it again."""
    assert (MODULE / "definition.json").read_text() == text()


def test_the_variables_of_the_settings_exist_and_every_variable_says_what_it_is() -> None:
    declared = {
        name.strip('"'): body
        for entry in hcl2.loads((MODULE / "variables.tf").read_text())["variable"]
        for name, body in entry.items()
    }
    assert set(TERRAFORM_VARIABLES.values()) <= set(declared)
    assert "create_hyperpod_inference_operator_module" in declared
    assert [
        name for name, body in declared.items() if not body.get("description") or not body.get("type")
    ] == []


def test_every_reference_to_the_data_file_is_to_a_key_of_it() -> None:
    definition = json.loads((MODULE / "definition.json").read_text())
    for path in MODULE.glob("*.tf"):
        for first, second in re.findall(r"local\.definition\.(\w+)(?:\.(\w+))?", path.read_text()):
            assert first in definition, f"{path.name}: {first}"
            assert not second or second in definition[first], f"{path.name}: {first}.{second}"


def test_it_is_formatted(terraform: Any) -> None:
    done = terraform("fmt", "-check", "-recursive", "-diff", cwd=MODULE)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"jumpstart_gated_model_role_arn": f"{ROLE}/gated"},
        {"alb": AlbSettings(enabled=False)},
        {"keda": KedaSettings(enabled=False)},
    ],
    ids=["all", "gated models", "a load balancer controller of your own", "a KEDA of your own"],
)
def test_terraform_itself_writes_the_configuration_that_the_constructs_write(
    terraform: Any, tmp_path: Path, changes: dict[str, Any]
) -> None:
    values: dict[str, Any] = {
        "execution_role_arn": f"{ROLE}/SageMakerHyperPodInference-mine",
        "tls_bucket": "hyperpod-tls-mine",
        "hyperpod_cluster_arn": "arn:aws:sagemaker:us-west-2:111122223333:cluster/abcdefgh1234",
        "alb": AlbSettings(role_arn=f"{ROLE}/alb"),
        "keda": KedaSettings(role_arn=f"{ROLE}/keda"),
    }
    configuration = AddonConfiguration(**(values | changes))
    variables = {
        "execution_role_arn": configuration.execution_role_arn,
        "tls_bucket_name": configuration.tls_bucket,
        "hyperpod_cluster_arn": configuration.hyperpod_cluster_arn,
        "jumpstart_gated_model_role_arn": configuration.jumpstart_gated_model_role_arn,
        "enable_alb_controller": configuration.alb.enabled,
        "alb_controller_role_arn": configuration.alb.role_arn,
        "enable_keda": configuration.keda.enabled,
        "keda_operator_role_arn": configuration.keda.role_arn,
    }
    (tmp_path / "main.tf").write_text((MODULE / "modules/configuration/main.tf").read_text())
    (tmp_path / "terraform.tfvars.json").write_text(json.dumps(variables))
    for arguments in (("init", "-backend=false", "-input=false"), ("apply", "-auto-approve", "-input=false")):
        done = terraform(*arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    output = terraform("output", "-raw", "json", cwd=tmp_path)
    assert json.loads(output.stdout) == configuration.to_dict()
