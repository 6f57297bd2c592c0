"""The charts and the examples before a real API server, as a person applies them; nothing is stored."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hyperpod_charts.example import folder
from hyperpod_charts.synth import manifests, synth
from hyperpod_inference.api.crd import crds
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.config import load
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.install import install

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]  # the first one starts the control plane
IN_DEFAULT = OperatorSettings(namespace="default")  # a namespace that is there, since nothing is stored
SCHEDULER = "registry.example.com/kube-scheduler:v1.34.4"


def taken(cluster: LocalCluster, *source: str) -> list[str]:
    """What `kubectl apply` says of each object, in a dry run on the server."""
    command = [cluster.kubectl, f"--kubeconfig={cluster.kubeconfig}", "apply", "--server-side"]
    done = subprocess.run(
        [*command, "--dry-run=server", "--force-conflicts", "--field-manager=test", *source],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr
    return done.stdout.splitlines()


def test_the_folder_is_applied_with_kustomize_and_every_object_is_taken(
    control_plane: LocalCluster, tmp_path: Path
) -> None:
    choices = {"example": False, "scheduler_image": SCHEDULER}
    synth(tmp_path, IN_DEFAULT, **choices)  # type: ignore[arg-type]
    lines = taken(control_plane, "-k", str(tmp_path))
    assert len(lines) == len(manifests(IN_DEFAULT, **choices))  # type: ignore[arg-type]
    assert all(line.endswith("serverside-applied (server dry run)") for line in lines), lines


async def test_every_example_is_admitted(control_plane: LocalCluster) -> None:
    async with Client(load(control_plane.kubeconfig)) as client:
        await install(client, crds())
    lines = taken(control_plane, "-f", str(folder()))
    names = {line.split()[0].partition("/")[2] for line in lines}
    assert {"llm-fallback", "disaggregated", "llama-from-jumpstart", "models"} <= names
