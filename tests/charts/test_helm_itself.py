"""The Helm chart in the hands of the real Helm: linted, rendered, installed, upgraded and uninstalled.

`make helm` runs this, with the program that HELM names, or with one that it builds from Helm's Go module.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hyperpod_charts import helm
from hyperpod_charts.synth import manifests
from hyperpod_inference.api import names
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.cli.install import LOCAL_SETTINGS, example, seed_weights
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.config import load
from hyperpod_inference.kube.resources import CRDS, DEPLOYMENTS
from hyperpod_inference.local import tryout
from hyperpod_inference.local.cluster import LocalCluster

HELM = os.environ.get("HYPERPOD_HELM", "")
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not HELM, reason="needs Helm: run `make helm`"),
]
Body = dict[str, Any]
KUBERNETES = "v1.34.4"
RELEASE = (helm.NAME, "--namespace", names.OPERATOR_NAMESPACE)
READY_WITHIN = 300.0


def run(*arguments: str, cluster: LocalCluster | None = None) -> str:
    environment = {**os.environ, **({"KUBECONFIG": str(cluster.kubeconfig)} if cluster else {})}
    done = subprocess.run(
        [HELM, *arguments], capture_output=True, text=True, timeout=600, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("helm") / "chart"
    helm.write(folder)
    return str(folder)


@pytest.fixture
def values(tmp_path: Path) -> Callable[..., str]:
    """The file with the values of an installation."""

    def write(settings: OperatorSettings, **others: Any) -> str:
        told = {each.value: getattr(settings, each.field) for each in helm.settings()}
        file = tmp_path / "values.yaml"
        file.write_text(yaml.safe_dump({"settings": told, **others}), encoding="utf-8")
        return str(file)

    return write


def test_helm_finds_nothing_to_say_of_the_chart(chart: str) -> None:
    assert "0 chart(s) failed" in run("lint", "--strict", chart)


@pytest.mark.parametrize("everything", [False, True], ids=["defaults", "everything"])
def test_what_helm_renders_is_what_the_charts_make(
    chart: str,
    values: Callable[..., str],
    chart_settings: OperatorSettings,
    comparable: Callable[[Body], Body],
    everything: bool,
) -> None:
    switches = ("certManager", "monitors", "dashboards", "strictScheduler")
    others: Body = {key: {"enabled": True} for key in switches} if everything else {}
    file = values(chart_settings, **others)
    text = run("template", *RELEASE, chart, "--values", file, "--kube-version", KUBERNETES)
    choices: Body = {"scheduler_image": helm.values()["strictScheduler"]["image"]} if everything else {}
    choices |= dict.fromkeys(("cert_manager", "monitors", "dashboards"), everything)
    wanted = [
        each
        for each in manifests(chart_settings, example=False, **choices)
        if each["kind"] != "Namespace"  # Helm makes it
    ]
    assert named(yaml.safe_load_all(text), comparable) == named(wanted, comparable)


def named(bodies: Any, comparable: Callable[[Body], Body]) -> dict[tuple[str, str], Body]:
    return {(each["kind"], each["metadata"]["name"]): comparable(each) for each in bodies if each}


def test_a_value_that_is_mistyped_is_refused(chart: str) -> None:
    with pytest.raises(AssertionError, match="replicaz"):
        run("template", *RELEASE, chart, "--set", "replicaz=2", "--kube-version", KUBERNETES)


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """One of its own: elsewhere the operator is installed without Helm."""
    cluster = LocalCluster(tmp_path_factory.mktemp("helm-cluster"))
    cluster.up(stay=False)
    try:
        yield cluster
    finally:
        cluster.down()


async def test_it_is_installed_upgraded_and_uninstalled_and_the_endpoint_serves_all_the_while(
    chart: str, values: Callable[..., str], cluster: LocalCluster
) -> None:
    seed_weights(cluster, lambda _: None)
    waiting = ("--wait", "--timeout", "5m")
    given = (*RELEASE, chart, "--values", values(LOCAL_SETTINGS))
    run("install", *given, "--create-namespace", *waiting, cluster=cluster)
    body = example()
    body["spec"]["replicas"] = 1
    name, namespace = body["metadata"]["name"], body["metadata"]["namespace"]
    url = f"{cluster.front_door}/{namespace}/{name}"
    async with Client(load(cluster.kubeconfig)) as client:
        await client.apply(body, "test")
        await tryout.endpoint_ready(client, namespace, name, replicas=1, within=READY_WITHIN)
        assert "Paris" in (await tryout.ask(url, tryout.QUESTION)).text

        run("upgrade", *given, "--set", "replicas=2", *waiting, cluster=cluster)
        operator = await client.get(DEPLOYMENTS, names.OPERATOR_NAME, names.OPERATOR_NAMESPACE)
        assert operator["status"]["readyReplicas"] == 2
        await tryout.endpoint_ready(client, namespace, name, replicas=1, within=READY_WITHIN)

        run("uninstall", *RELEASE, *waiting, cluster=cluster)
        left = (await client.list(DEPLOYMENTS, names.OPERATOR_NAMESPACE)).items
        assert left == []
        kept = (await client.list(CRDS)).items
        assert len([each for each in kept if each["spec"]["group"] == names.GROUP]) == 4
        assert "Paris" in (await tryout.ask(url, tryout.QUESTION)).text

        run("install", *given, *waiting, cluster=cluster)
        await tryout.endpoint_ready(client, namespace, name, replicas=1, within=READY_WITHIN)
