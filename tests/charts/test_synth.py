"""The whole set: which objects, in which order, into which files, always the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from hyperpod_charts.example import example
from hyperpod_charts.synth import manifests, synth
from hyperpod_inference.api import names
from hyperpod_inference.api.parse import parse
from hyperpod_inference.api.settings import OperatorSettings

FILES = [
    "0000-crds.k8s.yaml",
    "0001-namespace.k8s.yaml",
    "0002-rbac.k8s.yaml",
    "0003-network.k8s.yaml",
    "0004-webhook.k8s.yaml",
    "0005-operator.k8s.yaml",
    "0006-example.k8s.yaml",
]


@pytest.fixture(scope="module")
def installed() -> list[dict[str, Any]]:
    """Every object of the charts with the default settings, in apply order."""
    return manifests(OperatorSettings())


def read(paths: list[Path]) -> list[dict[str, Any]]:
    return [body for path in paths for body in yaml.safe_load_all(path.read_text("utf-8"))]


def test_the_files_are_numbered_in_apply_order(tmp_path: Path, chart_settings: OperatorSettings) -> None:
    assert [path.name for path in synth(tmp_path / "out", chart_settings)] == FILES


def test_the_files_hold_what_is_made_in_memory(tmp_path: Path, chart_settings: OperatorSettings) -> None:
    assert read(synth(tmp_path, chart_settings)) == manifests(chart_settings)


def test_the_same_settings_give_the_same_bytes(tmp_path: Path, chart_settings: OperatorSettings) -> None:
    first = [path.read_bytes() for path in synth(tmp_path / "a", chart_settings)]
    assert [path.read_bytes() for path in synth(tmp_path / "b", chart_settings)] == first


def test_files_of_an_earlier_synth_go_others_stay(tmp_path: Path, chart_settings: OperatorSettings) -> None:
    (tmp_path / "0009-gone.k8s.yaml").touch()
    (tmp_path / "mine.yaml").touch()
    synth(tmp_path, chart_settings, example=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == [*FILES[:6], "kustomization.yaml", "mine.yaml"]


def test_what_is_needed_first_comes_first(installed: list[dict[str, Any]]) -> None:
    kinds = list(dict.fromkeys(body["kind"] for body in installed))
    assert kinds == [
        "CustomResourceDefinition",
        "Namespace",
        "ClusterRole",
        "Role",
        "ClusterRoleBinding",
        "RoleBinding",
        "ServiceAccount",
        "NetworkPolicy",
        "Service",
        "ValidatingWebhookConfiguration",
        "Deployment",
        "PodDisruptionBudget",
        "InferenceEndpointConfig",
    ]


def test_no_object_comes_twice(installed: list[dict[str, Any]]) -> None:
    identities = [
        (body["kind"], body["metadata"].get("namespace"), body["metadata"]["name"]) for body in installed
    ]
    assert len(identities) == len(set(identities))


def test_every_kind_of_the_example_has_its_definition(installed: list[dict[str, Any]]) -> None:
    defined = {
        body["spec"]["names"]["kind"] for body in installed if body["kind"] == "CustomResourceDefinition"
    }
    assert {body["kind"] for body in example()} <= defined


def test_the_example_is_valid_and_shows_the_fallback_of_instance_types() -> None:
    (body,) = example()
    endpoint = parse(body)
    assert endpoint.api_version == names.API_VERSION
    assert body["spec"]["instanceTypes"] == ["ml.p4d.24xlarge", "ml.g5.24xlarge", "ml.g5.8xlarge"]


def test_an_example_that_does_not_exist_is_refused_with_those_there_are() -> None:
    with pytest.raises(LookupError, match=r"'none\.yaml'; there are: .*llm-fallback\.yaml"):
        example("none.yaml")


def test_the_kustomization_lists_the_files_in_apply_order(
    tmp_path: Path, chart_settings: OperatorSettings
) -> None:
    paths = synth(tmp_path, chart_settings)
    body = yaml.safe_load((tmp_path / "kustomization.yaml").read_text("utf-8"))
    assert (body["apiVersion"], body["kind"]) == ("kustomize.config.k8s.io/v1beta1", "Kustomization")
    assert body["resources"] == [path.name for path in paths]


def test_image_and_replicas_of_the_operator_can_be_chosen(chart_settings: OperatorSettings) -> None:
    image = "111122223333.dkr.ecr.us-west-2.amazonaws.com/operator:1@sha256:" + "0" * 64
    made = manifests(chart_settings, image=image, replicas=3)
    (deployment,) = (body for body in made if body["kind"] == "Deployment")
    assert deployment["spec"]["replicas"] == 3
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == image
