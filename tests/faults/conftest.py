"""The rig on the session's control plane, and the table's record."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the rig is a package of this folder's own

from faultrig.snapshot import NAMESPACE
from faultrig.trial import Baseline, World

from hyperpod_inference.api import crd
from hyperpod_inference.controllers.kinds import ENDPOINTS
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.config import load
from hyperpod_inference.kube.errors import ApiError


@pytest.fixture(scope="session")
def baselines() -> dict[str, Baseline]:
    """The fault-free ends, found once."""
    return {}


@pytest.fixture
def kubeconfig(request: pytest.FixtureRequest) -> Path:
    """HYPERPOD_TEST_KUBECONFIG names a cluster of yours, one without an operator; else one is started."""
    given = os.environ.get("HYPERPOD_TEST_KUBECONFIG")
    return Path(given) if given else Path(request.getfixturevalue("control_plane").kubeconfig)


@pytest.fixture
async def world(kubeconfig: Path, baselines: dict[str, Baseline], tmp_path: Path) -> AsyncIterator[World]:
    """A world with the CRDs and an empty namespace."""
    async with Client(load(kubeconfig)) as client:
        for each in crd.crds():
            await client.apply(each, "test")
        await client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}, "test")
        while True:
            try:
                await client.list(ENDPOINTS, NAMESPACE)
                break
            except ApiError:
                await asyncio.sleep(0.1)
        yield World(client, tmp_path, baselines)
