"""The strict scheduler: left out unless asked for, and one point of node affinity outweighs everything else.

That it really keeps the order is tested on a real control plane, in tests/operator/placement.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from hyperpod_charts.scheduler import OTHER_WEIGHTS, configuration, scheduler_objects
from hyperpod_charts.synth import manifests, synth
from hyperpod_inference.api import names
from hyperpod_inference.api.settings import OperatorSettings

IMAGE = "registry.example.com/kube-scheduler:v1.33.1"


@pytest.fixture
def objects(chart_settings: OperatorSettings) -> dict[str, dict[str, Any]]:
    """One object of each kind; of the bindings the last."""
    return {body["kind"]: body for body in scheduler_objects(chart_settings, IMAGE)}


def test_it_is_not_installed_unless_asked_for(chart_settings: OperatorSettings) -> None:
    installed = {body["metadata"]["name"] for body in manifests(chart_settings)}
    assert not any("scheduler" in name for name in installed)


def test_it_comes_before_the_example_with_the_image_given(
    tmp_path: Path, chart_settings: OperatorSettings
) -> None:
    files = synth(tmp_path, chart_settings, scheduler_image=IMAGE)
    assert [path.name for path in files[-2:]] == ["0006-scheduler.k8s.yaml", "0007-example.k8s.yaml"]
    assert f"image: {IMAGE}" in files[-2].read_text("utf-8")


def test_one_point_of_node_affinity_outweighs_all_other_scores_together(
    chart_settings: OperatorSettings,
) -> None:
    (profile,) = configuration(chart_settings)["profiles"]
    (enabled,) = profile["plugins"]["score"]["enabled"]
    assert enabled["weight"] > 100 * sum(OTHER_WEIGHTS.values())
    assert profile["schedulerName"] == names.STRICT_SCHEDULER


def test_every_node_is_scored(chart_settings: OperatorSettings) -> None:
    assert configuration(chart_settings)["percentageOfNodesToScore"] == 100


def test_the_pod_reads_the_configuration_from_its_config_map(
    objects: dict[str, dict[str, Any]], chart_settings: OperatorSettings
) -> None:
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (mount,) = container["volumeMounts"]
    (file,) = objects["ConfigMap"]["data"]
    assert f"--config={mount['mountPath']}/{file}" in container["command"]
    assert pod["volumes"][0]["configMap"]["name"] == objects["ConfigMap"]["metadata"]["name"]
    assert yaml.safe_load(objects["ConfigMap"]["data"][file]) == configuration(chart_settings)


def test_its_pods_are_not_taken_for_the_operators(objects: dict[str, dict[str, Any]]) -> None:
    selector = objects["Deployment"]["spec"]["selector"]["matchLabels"]
    assert selector.items() <= objects["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    assert selector["app.kubernetes.io/component"] != "controller-manager"


def test_it_may_do_what_a_scheduler_may_and_keep_its_own_lease(chart_settings: OperatorSettings) -> None:
    bodies = scheduler_objects(chart_settings)
    roles = {body["roleRef"]["name"] for body in bodies if body["kind"].endswith("Binding")}
    assert roles == {
        "hyperpod-inference-scheduler",
        "extension-apiserver-authentication-reader",
        "system:kube-scheduler",
        "system:volume-scheduler",
    }
    (role,) = (body for body in bodies if body["kind"] == "Role")
    election = configuration(chart_settings)["leaderElection"]
    assert role["rules"][0]["resourceNames"] == [election["resourceName"]]
    assert role["metadata"]["namespace"] == election["resourceNamespace"]
