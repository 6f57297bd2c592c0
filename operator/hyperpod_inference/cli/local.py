"""`hyperpod-inference local`: a cluster on this machine, without AWS and GPUs.

A thin shell around `hyperpod_inference.local.cluster`; everything it prints comes from there.
"""

import asyncio
import contextlib
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click

from hyperpod_inference.local.extras.alb import ALB
from hyperpod_inference.local.extras.known import EXTRAS

if TYPE_CHECKING:
    from hyperpod_inference.cli.install import Added
    from hyperpod_inference.local.cluster import LocalCluster
    from hyperpod_inference.local.progress import Progress
    from hyperpod_inference.local.status import ComponentStatus, Status

P = ParamSpec("P")
T = TypeVar("T")

# As `systemctl status` does: 3 for a unit that does not run.
_EXIT = {"ready": 0, "starting": 0, "stopped": 3, "dead": 3}


@click.group("local")
def command() -> None:
    """Run a whole cluster on this machine: a real control plane, simulated HyperPod nodes."""


def _state_dir(function: Callable[P, T]) -> Callable[P, T]:
    return click.option(
        "--state-dir",
        type=click.Path(file_okay=False, path_type=Path),
        envvar="HYPERPOD_LOCAL_STATE_DIR",
        help="Where the cluster keeps its files. [default: $XDG_STATE_HOME/hyperpod-inference/local]",
    )(function)


def told(function: Callable[P, T]) -> Callable[P, T]:
    """Turn the errors meant for people into the command's message and exit status 1."""

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        from hyperpod_inference.kube.errors import ApiError
        from hyperpod_inference.local.errors import InvalidNodesError, LocalError

        try:
            return function(*args, **kwargs)
        except InvalidNodesError as error:
            raise click.UsageError(str(error)) from error
        except (LocalError, ApiError) as error:
            raise click.ClickException(str(error)) from error

    return wrapper


@command.command()
@_state_dir
@click.option(
    "--api-port", type=click.IntRange(0, 65535), default=0, help="Port of the API server. [default: free]"
)
@click.option(
    "--front-door-port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port of the front door. [default: free]",
)
@click.option(
    "--nodes",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A YAML file that describes the simulated nodes. [default: four nodes of four types]",
)
@click.option("--bare", is_flag=True, help="The cluster alone, without CRDs, operator and weights.")
@click.option(
    "--with",
    "extras",
    multiple=True,
    type=click.Choice(sorted(EXTRAS)),
    help="alb: load balancers, and AWS on loopback for the operator. cert-manager, keda: built with Go the"
    " first time, keda for many minutes; its AWS is that of alb. Repeatable.",
)
@told
def up(
    state_dir: Path | None,
    api_port: int,
    front_door_port: int,
    nodes: Path | None,
    bare: bool,
    extras: tuple[str, ...],
) -> None:
    """Start the cluster with the operator installed; it stays until `down`."""
    cluster = _cluster(state_dir, api_port=api_port, front_door_port=front_door_port, nodes_file=nodes)
    added = _prepared(extras)  # first: a build may take minutes, and fail
    cluster.up(_tell)
    _install(cluster, added, bare=bare)
    status = cluster.status()
    click.echo(f"The cluster is ready: {status.api}, front door {status.front_door}")
    click.echo(
        f'Use it:  eval "$(hyperpod-inference local kubectl-env{_option(state_dir)})"; kubectl get nodes'
    )
    if ALB.name in added:
        click.echo(f"Load balancers answer at {status.load_balancers}; AWS at {status.aws}:")
        click.echo(f'         eval "$(hyperpod-inference local aws-env{_option(state_dir)})"')
    click.echo(f"Stop it: hyperpod-inference local down{_option(state_dir)}")


@command.command()
@told
def prepare() -> None:
    """Fetch or build what a cluster needs, ahead of its first start: its programs, the engine's weights.

    Both are kept in the user's cache; with all of it there, nothing is done.
    """
    cluster = _cluster(None)
    source = cluster.prepare(_tell)
    from hyperpod_inference.local.servers import weights

    path = weights.ensure_weights(lambda line: click.echo(line, err=True))
    click.echo(f"Ready to start: control plane {source}, weights {path}")


@command.command()
@_state_dir
@told
def down(state_dir: Path | None) -> None:
    """Stop the cluster and remove its data. Its logs stay."""
    cluster = _cluster(state_dir)
    was_there = cluster.down()
    click.echo(
        f"Stopped, nothing is left running. Logs: {cluster.state_dir}/logs"
        if was_there
        else _nothing(cluster)
    )


@command.command()
@_state_dir
@told
def status(state_dir: Path | None) -> None:
    """Show every component, its state and its memory.

    Exit status 0: ready, 1: something is wrong, 3: not running.
    """
    now = _cluster(state_dir).status()
    _print_status(now)
    sys.exit(_EXIT.get(now.state, 1))


@command.command("kubectl-env")
@_state_dir
@told
def kubectl_env(state_dir: Path | None) -> None:
    """Print shell lines that point kubectl at the cluster: eval "$(hyperpod-inference local kubectl-env)"."""
    from hyperpod_inference.local.errors import LocalError

    cluster = _cluster(state_dir)
    if not cluster.status().running:
        raise LocalError(_nothing(cluster), "Start one: hyperpod-inference local up")
    click.echo(f"export KUBECONFIG={shlex.quote(str(cluster.kubeconfig))}")
    bundled = cluster.state_dir / "bin" / "kubectl"
    if shutil.which("kubectl") is None and os.access(bundled, os.X_OK):
        click.echo(f"export PATH={shlex.quote(str(bundled.parent))}:$PATH")


@command.command("aws-env")
@_state_dir
@told
def aws_env(state_dir: Path | None) -> None:
    """Print shell lines that point `aws` and boto3 at the cluster's AWS account, with `up --with alb`."""
    from hyperpod_inference.local.aws.environment import environment
    from hyperpod_inference.local.errors import LocalError

    cluster = _cluster(state_dir)
    url = cluster.status().aws
    if url is None:
        raise LocalError(_nothing(cluster), "Start one: hyperpod-inference local up --with alb")
    _export(environment(url))


@command.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1. [default: free]")
@click.option("--enforce-iam", is_flag=True, help="Refuse callers that took a role what it does not allow.")
@told
def aws(port: int, *, enforce_iam: bool) -> None:
    """Run AWS on loopback, until Ctrl-C: EKS, SageMaker and its hub, S3, IAM, CloudFormation and more.

    Nothing reaches the real AWS. What it prints points `aws`, boto3 and the CDK at it.
    """
    try:
        from hyperpod_inference.local.aws.double import AwsDouble
    except ModuleNotFoundError as error:
        raise _not_installed("AWS on loopback", error) from error
    double = AwsDouble(port=port, enforcing=enforce_iam)
    _export(double.environment())
    click.echo(f"# AWS answers at {double.url}; Ctrl-C ends it and forgets everything.", err=True)
    with contextlib.suppress(KeyboardInterrupt):
        double.serve()


def _export(variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        click.echo(f"export {name}={shlex.quote(value)}")


def _not_installed(what: str, error: ModuleNotFoundError) -> click.ClickException:
    return click.ClickException(
        f"{what} needs the package {error.name!r}\nInstall it: pip install 'hyperpod-inference[local]'"
    )


def _cluster(
    state_dir: Path | None, *, api_port: int = 0, front_door_port: int = 0, nodes_file: Path | None = None
) -> "LocalCluster":
    try:
        from hyperpod_inference.local.cluster import LocalCluster
    except ModuleNotFoundError as error:
        raise _not_installed("the local cluster", error) from error
    return LocalCluster(state_dir, api_port=api_port, front_door_port=front_door_port, nodes_file=nodes_file)


def _prepared(extras: tuple[str, ...]) -> "Added":
    if not extras:
        return {}
    from hyperpod_inference.cli.install import prepare_extras

    return prepare_extras(extras, _tell)


def _install(cluster: "LocalCluster", added: "Added", *, bare: bool) -> None:
    from hyperpod_inference.cli.install import install_extras_into, install_into
    from hyperpod_inference.local.errors import LocalError

    def say(line: str) -> None:
        click.echo(line, err=True)

    try:
        asyncio.run(install_extras_into(cluster, say, added) if bare else install_into(cluster, say, added))
    except LocalError as error:
        stop = f"hyperpod-inference local down{_option(cluster.state_dir)}"
        raise LocalError(
            f"the cluster runs, but what belongs in it does not: {error}", f"Stop it: {stop}"
        ) from error


def _option(state_dir: Path | None) -> str:
    return f" --state-dir {shlex.quote(str(state_dir))}" if state_dir else ""


def _nothing(cluster: "LocalCluster") -> str:
    return f"No cluster runs in {cluster.state_dir}"


def _tell(progress: "Progress") -> None:
    click.echo(progress_line(progress), err=True)


def progress_line(progress: "Progress") -> str:
    """One step of a start as one line."""
    step = f"{progress.step:<24}"
    expected = f"usually {_duration(progress.expected)}" if progress.expected is not None else ""
    detail = progress.detail
    words: tuple[str, ...]
    match progress.state:
        case "started":
            words = ("starting", expected, detail)
        case "running":
            words = (f"{_duration(progress.elapsed)} so far", expected, detail)
        case "done":
            words = (f"ready after {_duration(progress.elapsed)}" if progress.elapsed else "ready", detail)
        case "skipped":
            words = ("passed over", detail)
    return step + ", ".join(word for word in words if word)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02} s"


def _print_status(status: "Status") -> None:
    click.echo(f"state        {status.state}" + (f": {status.message}" if status.message else ""))
    click.echo(f"directory    {status.state_dir}")
    if status.running and status.api:
        click.echo(f"API server   {status.api}")
        click.echo(f"front door   {status.front_door}/NAMESPACE/SERVICE[:PORT]/PATH")
        click.echo(f"ALBs         {status.load_balancers}, AWS {status.aws} (of `up --with alb`)")
        click.echo(f"kubeconfig   {status.kubeconfig}")
        click.echo(f"programs     {status.source}")
    for component in status.components:
        _print_component(component)
    if status.memory:
        click.echo(
            f"  {'all together':<24} {'':<14} {_mebibytes(status.memory):>9}   (shared pages counted once)"
        )


def _print_component(component: "ComponentStatus") -> None:
    memory = _mebibytes(component.rss) if component.rss else ""
    click.echo(f"  {component.name:<24} {component.state:<14} {memory:>9}   {component.detail}".rstrip())
    if component.state == "exited":
        for line in component.last_lines:
            click.echo(f"      {line}")
        click.echo(f"      the whole log: {component.log}")


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:.0f} MiB"
