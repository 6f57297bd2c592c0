"""The charts and the examples before a real API server, as a person applies them; nothing is stored."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from hyperpod_charts.example import folder
from hyperpod_charts.synth import manifests, synth
from hyperpod_inference.api import names
from hyperpod_inference.api.crd import crds
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.config import load
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.kube.resources import CRDS
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.extras.keda import KEDA
from hyperpod_inference.local.install import install, wait_for
from hyperpod_inference.local.programs import golang

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


async def test_the_cluster_says_its_version_as_kubernetes_does_for_helm_reads_it(
    control_plane: LocalCluster,
) -> None:
    async with Client(load(control_plane.kubeconfig)) as client:
        version = await client.request("GET", "/version")
    assert re.fullmatch(r"v1\.\d+\.\d+", version["gitVersion"])


async def test_every_example_is_admitted(control_plane: LocalCluster) -> None:
    async with Client(load(control_plane.kubeconfig)) as client:
        await install(client, crds())
    lines = taken(control_plane, "-f", str(folder()))
    found = {line.split()[0].partition("/")[2] for line in lines}
    assert {"llm-fallback", "disaggregated", "llama-from-jumpstart", "models"} <= found


@pytest.fixture
async def kedas_own(control_plane: LocalCluster) -> AsyncIterator[None]:
    """KEDA's definition of a ScaledObject, from its Go module where it is at hand; it goes with the test."""
    module = _module()
    if module is None:
        pytest.skip("Go's cache does not hold KEDA's module: run `make keda-module`")
    definition = yaml.safe_load((module / "config/crd/bases/keda.sh_scaledobjects.yaml").read_text("utf-8"))
    async with Client(load(control_plane.kubeconfig)) as client:
        await install(client, [definition])
        yield
        await client.delete(CRDS, names.CRD_SCALED_OBJECTS)
        await wait_for("the definition to go", lambda: _there(client), 60.0)


def _module() -> Path | None:
    """Where Go keeps the module that `local up --with keda` builds; nothing is fetched."""
    go = shutil.which("go")
    if go is None:
        return None
    done = subprocess.run(
        [go, "mod", "download", "-json", KEDA.module],
        cwd=KEDA.source,
        env=golang.environment(os.environ) | {"GOPROXY": "off"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Path(json.loads(done.stdout)["Dir"]) if done.returncode == 0 else None


async def _there(client: Client) -> str | None:
    with suppress(NotFound):
        await client.get(CRDS, names.CRD_SCALED_OBJECTS)
        return "it is still there"
    return None


def test_every_scaled_object_of_the_examples_is_taken_by_kedas_own_definition(
    control_plane: LocalCluster, kedas_own: None, example_scalers: list[dict[str, Any]], tmp_path: Path
) -> None:
    file = tmp_path / "scalers.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": example_scalers}), "utf-8")
    assert len(taken(control_plane, "-f", str(file))) == len(example_scalers)
    misnamed = example_scalers[0] | {"spec": example_scalers[0]["spec"] | {"triggerz": []}}
    file.write_text(json.dumps(misnamed), "utf-8")
    with pytest.raises(AssertionError, match="triggerz"):
        taken(control_plane, "-f", str(file))
