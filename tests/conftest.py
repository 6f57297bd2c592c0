"""What every test may lean on: running clusters, started once for the whole session."""

import base64
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hyperpod_inference.api import crd
from hyperpod_inference.api.check import is_ours
from hyperpod_inference.api.documents import read
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.kube.apply import covers
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.kube.resources import CRDS, SCALED_OBJECTS, Body
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.install import install
from hyperpod_inference.render import render

if TYPE_CHECKING:
    from hyperpod_inference.local.aws.double import AwsDouble

BUILT_ONCE = ("test_image.py", "test_parity.py", "test_consumer.py", "test_checks.py")
"""Files that build for many seconds what all their tests look at: one worker takes each whole."""
EXAMPLES = Path(__file__).parents[1] / "charts" / "hyperpod_charts" / "examples"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several workers, all that shares a cluster goes to the same one: it is started once."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if "local_cluster" in fixtures:
            item.add_marker(pytest.mark.xdist_group("local cluster"))
        elif "control_plane" in fixtures or item.get_closest_marker("cluster"):
            item.add_marker(pytest.mark.xdist_group("control plane"))
        elif item.path.name in BUILT_ONCE:
            item.add_marker(pytest.mark.xdist_group(item.path.name))


@pytest.fixture(scope="session")
def local_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A cluster with the default nodes, started when the first test asks for it.

    It ends with the session, even one that is killed. Tests share it: each cleans up what it makes.
    """
    cluster = LocalCluster(tmp_path_factory.mktemp("local-cluster"))
    cluster.up(stay=False)
    yield cluster
    cluster.down()


@pytest.fixture(scope="module")
def double() -> "Iterator[AwsDouble]":
    """AWS on loopback for the tests of one file; each resets it."""
    from hyperpod_inference.local.aws.double import AwsDouble  # seconds: not for those who need none

    with AwsDouble() as running:
        yield running


@pytest.fixture
def pod_token() -> Callable[..., str]:
    """pod_token(subject, issuer=, audience=, life=): as an API server signs one for `life` seconds.

    The signature is none: AWS on loopback does not look at it.
    """
    return _pod_token


def _pod_token(
    subject: str, *, issuer: str = "oidc.example", audience: str = "sts.amazonaws.com", life: float = 3600
) -> str:
    end = datetime.now(UTC) + timedelta(seconds=life)
    claims = {"iss": f"https://{issuer}", "sub": subject, "aud": [audience], "exp": end.timestamp()}
    parts = (base64.urlsafe_b64encode(json.dumps(each).encode()) for each in ({"alg": "RS256"}, claims))
    return ".".join([*(each.rstrip(b"=").decode() for each in parts), "c2lnbmF0dXJl"])


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A control plane without nodes of its own, in which no operator is ever installed.

    For tests that run an operator, or make nodes, themselves: in `local_cluster` another test's installed
    operator would do the work first.
    """
    cluster = LocalCluster(tmp_path_factory.mktemp("control-plane"), node_agent=False)
    cluster.up(stay=False)
    yield cluster
    cluster.down()


@pytest.fixture
def with_crds() -> Callable[[Client], Awaitable[None]]:
    """Puts the CRDs there, or right again; applying them where they are right would cost seconds."""
    return _with_crds


async def _with_crds(client: Client) -> None:
    for each in crd.crds():
        live: Body | None = None
        with contextlib.suppress(NotFound):
            live = await client.get(CRDS, each["metadata"]["name"])
        if live is None or not covers(live, each):
            await install(client, [each])


@pytest.fixture
def example_scalers() -> list[Body]:
    """The ScaledObjects of all examples of the charts; nobody owns them, for the endpoints are not there."""
    settings = OperatorSettings(region="us-west-2", eks_cluster_name="example")
    texts = {file.name: file.read_text("utf-8") for file in sorted(EXAMPLES.iterdir())}
    documents = [each for name, text in texts.items() for each in read(text, name) if is_ours(each)]
    endpoints = [each.parse() for each in documents]
    made = [
        body
        for endpoint in endpoints
        if isinstance(endpoint, InferenceEndpointConfig)
        for body in render(endpoint, settings).manifests
        if body["kind"] == SCALED_OBJECTS.kind
    ]
    assert made
    owned = "ownerReferences"
    return [
        body | {"metadata": {key: value for key, value in body["metadata"].items() if key != owned}}
        for body in made
    ]
