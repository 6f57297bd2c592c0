"""The rig on the session's control plane, and the table's record."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the rig is a package of this folder's own

from faultrig.account import Account, load_balancers
from faultrig.report import Row, machine, page, row_of
from faultrig.selection import full
from faultrig.snapshot import NAMESPACE
from faultrig.trial import Baseline, World

from hyperpod_inference.controllers.kinds import ENDPOINTS
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.config import load
from hyperpod_inference.kube.errors import ApiError
from hyperpod_inference.local.aws.double import AwsDouble

_rows: dict[str, Row] = {}
_controls: dict[str, bool] = {}
_wanted = 0


def pytest_collection_finish(session: pytest.Session) -> None:
    """Count the table's tests, so that a run that is stopped says so."""
    global _wanted
    _wanted = sum(getattr(item, "originalname", "").startswith("test_f") for item in session.items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    """Keep what each test of a row says and cost."""
    report = yield
    name = getattr(item, "originalname", "")
    if name.startswith("test_f") and (call.when == "call" or report.failed):
        _, control, bug = name.partition("_the_table_catches_")
        if control:
            _controls[bug] = report.passed
        else:
            row = _rows.setdefault(row_of(name), Row())
            row.passed, row.failed = row.passed + report.passed, row.failed + report.failed
            row.outcomes += item.funcargs["world"].outcomes if "world" in item.funcargs else []
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table; HYPERPOD_FAULTS_REPORT names the file that it goes into as well."""
    if not _rows or not full():
        return
    terminalreporter.section("fault table")
    ran = sum(row.passed + row.failed for row in _rows.values()) + len(_controls)
    text = page(_rows, _controls, machine(), _wanted - ran)
    terminalreporter.write_line(text)
    if file := os.environ.get("HYPERPOD_FAULTS_REPORT"):
        Path(file).write_text(text, encoding="utf-8")


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
async def world(
    kubeconfig: Path,
    baselines: dict[str, Baseline],
    tmp_path: Path,
    with_crds: Callable[[Client], Awaitable[None]],
) -> AsyncIterator[World]:
    """A world with the CRDs and an empty namespace."""
    async with Client(load(kubeconfig)) as client:
        await with_crds(client)
        await client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}, "test")
        while True:
            try:
                await client.list(ENDPOINTS, NAMESPACE)
                break
            except ApiError:
                await asyncio.sleep(0.1)
        yield World(client, tmp_path, baselines)


@pytest.fixture
async def registering(world: World, double: "AwsDouble") -> AsyncIterator[World]:
    """The world with an AWS account, and with load balancers for what is in it."""
    world.account = Account(double)
    async with load_balancers(world.client):
        yield world
    double.reset()
    double.faults.heard = None


@pytest.fixture
def account(registering: World) -> Account:
    assert registering.account is not None
    return registering.account
