"""The strict scheduler of the charts, run on a real control plane with the rights that the charts give it."""

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hyperpod_charts.scheduler import NAME, configuration, scheduler_objects
from hyperpod_inference.api import names
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.kube.resources import SERVICE_ACCOUNTS
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.paths import StateDir
from hyperpod_inference.local.plan import Plan

pytestmark = pytest.mark.cluster

Body = dict[str, Any]
SETTINGS = OperatorSettings()


@contextlib.contextmanager
def running(cluster: LocalCluster, token: str, folder: Path) -> Iterator[None]:
    """A second kube-scheduler: the cluster's own program, the chart's configuration and ServiceAccount."""
    kubeconfig, config = folder / "kubeconfig", folder / "config.yaml"
    admin = yaml.safe_load(cluster.kubeconfig.read_text())
    admin["users"][0]["user"] = {"token": token}
    kubeconfig.write_text(yaml.safe_dump(admin))
    connection = {"clientConnection": {"kubeconfig": str(kubeconfig)}}
    config.write_text(yaml.safe_dump(configuration(SETTINGS) | connection))
    program = Plan.read(StateDir(cluster.state_dir).plan).commands["kube-scheduler"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*program, f"--config={config}", "--secure-port=0"], stdout=log, stderr=log
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait()


@pytest.fixture
async def token(fleet: Any) -> str:
    """A token of the chart's ServiceAccount, so that the server checks its rights."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SETTINGS.namespace}}
    wanted = [body for body in scheduler_objects(SETTINGS) if body["kind"] not in ("Deployment", "ConfigMap")]
    for body in (namespace, *wanted):
        await fleet.client.apply(body, "fleet")
    path = SERVICE_ACCOUNTS.path(SETTINGS.namespace, NAME, "token")
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    answer = await fleet.client.request("POST", path, body=request)
    return str(answer["status"]["token"])


async def test_the_order_holds_with_the_closest_weights_and_with_replicas_that_fill_their_nodes(
    fleet: Any,
    workload: Callable[..., list[Body]],
    misplaced: Callable[..., int],
    scheduler_cluster: LocalCluster,
    token: str,
    tmp_path: Path,
) -> None:
    strict = {"kubernetes": {"schedulerName": names.STRICT_SCHEDULER}, "instanceTypes": fleet.types}
    naive = workload(**strict)
    affinity = naive[-1]["spec"]["template"]["spec"]["affinity"]["nodeAffinity"]
    for place, term in enumerate(affinity["preferredDuringSchedulingIgnoredDuringExecution"]):
        term["weight"] = 100 - place
    with running(scheduler_cluster, token, tmp_path):
        for manifests in (naive, workload(replicas=40, cpu="11", memory="80Gi", **strict)):
            placed = await fleet.by_type(manifests)
            assert misplaced(fleet.types, placed) == 0, placed
    assert "forbidden" not in (tmp_path / "log").read_text()
