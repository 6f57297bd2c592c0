"""`hyperpod-inference top`: its options, and a row as people see it."""

import io

from click.testing import CliRunner
from rich.console import Console

from hyperpod_inference.cli.main import main
from hyperpod_inference.cli.top import COLUMNS, cells, table
from hyperpod_inference.live import Row

QUIET = Row(
    kind="InferenceEndpointConfig", namespace="team-a", name="chat", state="CrashLoop", ready=0, desired=2,
    instance_types={}, gpus=0, measured=False,
)  # fmt: skip
BUSY = Row(
    kind="InferenceEndpointConfig", namespace="team-a", name="chat", state="Ready", ready=3, desired=3,
    instance_types={"ml.p4d.24xlarge": 1, "ml.g5.8xlarge": 2}, gpus=3, measured=True, calls=6.54, errors=0.0,
    active=3, waiting=0, first_token_p50=3.4, first_token_p95=120.2, tokens=104.4, cache_used=0.071,
    cache_hits=0.94,
)  # fmt: skip


def test_what_is_known_is_rounded_for_the_eye() -> None:
    assert cells(BUSY) == [
        "team-a", "chat", "Ready", "3/3", "2x ml.g5.8xlarge, 1x ml.p4d.24xlarge", "3", "6.5", "0.0", "3",
        "120", "104", "3", "0", "7%", "94%",
    ]  # fmt: skip


def test_what_is_not_known_is_a_dash() -> None:
    assert cells(QUIET)[:6] == ["team-a", "chat", "CrashLoop", "0/2", "-", "0"]
    assert set(cells(QUIET)[6:]) == {"-"}
    assert len(cells(QUIET)) == len(COLUMNS)


def test_the_table_says_when_metrics_could_not_be_read() -> None:
    out = io.StringIO()
    Console(file=out, width=200).print(table([BUSY], "pods/proxy is forbidden"))
    assert "6.5" in out.getvalue()
    assert "metrics could not be read: pods/proxy is forbidden" in out.getvalue()


def test_json_is_for_one_look() -> None:
    result = CliRunner().invoke(main, ["top", "-o", "json"])
    assert result.exit_code == 2
    assert "--once" in result.stderr


def test_a_cluster_that_cannot_be_asked_is_status_1() -> None:
    result = CliRunner().invoke(main, ["top", "--once", "--kubeconfig", "nowhere"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no kubeconfig at nowhere" in result.stderr
