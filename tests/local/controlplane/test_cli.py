from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hyperpod_inference.cli.local import command, progress_line
from hyperpod_inference.local.inside.record import Record, first_run
from hyperpod_inference.local.paths import StateDir
from hyperpod_inference.local.plan import Plan
from hyperpod_inference.local.progress import Progress


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    return StateDir(tmp_path / "state")


def call(state: StateDir, *words: str) -> Result:
    return CliRunner().invoke(command, [*words, "--state-dir", str(state.root)], prog_name="local")


def test_status_of_nothing_says_so_with_the_exit_status_of_a_unit_that_does_not_run(state) -> None:
    result = call(state, "status")
    assert result.exit_code == 3
    assert "stopped: no cluster runs here" in result.output


def test_status_shows_a_dead_component_with_the_end_of_its_log(state) -> None:
    (state.root / "logs").mkdir(parents=True)
    record = Record(state.run_file, first_run(state, Plan({}, "the test", "/sbin/ip", 1001, 1002)))
    record.starting("etcd", 2**22)
    state.log("etcd").write_text("no space left on device\n")
    record.ended(2**22, 1 << 8)
    record.phase("ready")
    result = call(state, "status")
    assert result.exit_code == 1
    assert "degraded: etcd ended" in result.output
    assert "exit status 1" in result.output
    assert "no space left on device" in result.output
    assert "MiB   (shared pages counted once)" in result.output


def test_down_of_nothing_is_fine_and_says_so(state) -> None:
    result = call(state, "down")
    assert result.exit_code == 0
    assert "No cluster runs in" in result.output


def test_kubectl_env_of_nothing_says_how_to_start(state) -> None:
    result = call(state, "kubectl-env")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "hyperpod-inference local up" in result.stderr


def test_kubectl_env_prints_a_line_for_the_shell(state) -> None:
    state.root.mkdir()
    Record(state.run_file, first_run(state, Plan({}, "the test", "/sbin/ip", 1001, 1002)))
    result = call(state, "kubectl-env")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == f"export KUBECONFIG={state.kubeconfig}"


def test_aws_env_points_at_the_clusters_account(state) -> None:
    assert "hyperpod-inference local up --with alb" in call(state, "aws-env").stderr
    state.root.mkdir()
    plan = Plan({}, "the test", "/sbin/ip", 1001, 1002, balancer_port=1003, aws_port=1004)
    Record(state.run_file, first_run(state, plan))
    result = call(state, "aws-env")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "export AWS_ENDPOINT_URL=http://127.0.0.1:1004"


def test_a_nodes_file_that_cannot_be_used_is_an_input_error(state, tmp_path) -> None:
    nodes = tmp_path / "nodes.yaml"
    nodes.write_text("- ml.g5.9000xlarge\n")
    result = call(state, "up", "--nodes", str(nodes))
    assert result.exit_code == 2
    assert "ml.g5.9000xlarge" in result.stderr


def test_an_extra_that_is_not_known_is_an_input_error_that_lists_the_known_ones(state) -> None:
    result = call(state, "up", "--with", "istio")
    assert result.exit_code == 2
    assert "'istio' is not" in result.stderr
    assert "cert-manager" in result.stderr


def test_a_state_directory_that_cannot_be_made_is_named(state) -> None:
    state.root.write_text("a file")
    result = call(state, "up")
    assert result.exit_code != 0
    assert str(state.root) in result.stderr


@pytest.mark.parametrize(
    ("progress", "line"),
    [
        (Progress("etcd", "started", expected=1.0), "etcd                    starting, usually 1.0 s"),
        (
            Progress("building with Go", "running", "12 packages", 95.0, 480.0),
            "building with Go        1 min 35 s so far, usually 8 min 00 s, 12 packages",
        ),
        (Progress("etcd", "done", elapsed=0.7), "etcd                    ready after 0.7 s"),
        (Progress("node-agent", "skipped", "not wanted"), "node-agent              passed over, not wanted"),
    ],
)
def test_progress_is_one_line_with_what_is_known(progress: Progress, line: str) -> None:
    assert progress_line(progress) == line
